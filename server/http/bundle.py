"""Puts the page's ES modules together into one, without a build step: as text, when the server starts.

It knows the forms of `import` and `export` that static/ is written in, and refuses any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

COMMENT: Final = re.compile(r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/[ \t]*|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
"""Comments with lines of their own."""
INDENT: Final = re.compile(r"^[ \t]+", re.MULTILINE)
IMPORT: Final = re.compile(r"^import \{([^}]*)\} from '(\.[^']*)';\n", re.MULTILINE)
EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)
LATER: Final = re.compile(r"\bimport\('(\.[^']*)'\)")
OTHER: Final = re.compile(r"^(?:import|export)\b[^\n]*", re.MULTILINE)
HERE: Final = "import.meta.url"


class BundleError(ValueError):
    """The modules are not written as they have to be."""


class Bundle:
    """What is loaded at once is one module, in which each file is a block of its own.

    Files that are imported only when they are wanted, and import nothing themselves, stay files: `aside` names the
    address under which they are to be had.
    """

    def __init__(self, folder: Path, address: str, aside: Callable[[Path], str]) -> None:
        """Take the files' folder, and the address under which it is served."""
        self._folder = folder
        self._address = address
        self._aside = aside
        self._names: dict[Path, str] = {}
        self._blocks: list[str] = []

    def of(self, entry: str) -> str:
        """Return the module that does what a file and all it imports do. Raises BundleError."""
        self._take(self._folder / entry, ())
        names = "".join(f"let {name};\n" for name in self._names.values())
        return names + "".join(self._blocks)

    def _take(self, path: Path, importers: tuple[Path, ...]) -> str:
        """Add a file after those that it imports; return the variable that holds its exports."""
        path = path.resolve()
        if path in importers:
            raise BundleError(f"{path.name} imports itself, by way of {importers[-1].name}")
        if path in self._names:
            return self._names[path]
        text = INDENT.sub("", COMMENT.sub("", path.read_text("utf-8")))
        if any(line.count("`") % 2 for line in text.splitlines()):
            raise BundleError(f"{path.name}: comments and indents could stand in a template of many lines")
        names: list[str] = EXPORT.findall(text)
        text = EXPORT.sub("", text)
        text = IMPORT.sub(lambda found: self._bind(found, path, (*importers, path)), text)
        text = LATER.sub(lambda found: self._later(found, path, (*importers, path)), text)
        strange = OTHER.search(text)
        if strange:
            raise BundleError(f"{path.name}: this form is not known: {strange.group()}")
        where = PurePosixPath(self._address) / path.relative_to(self._folder.resolve()).as_posix()
        text = text.replace(HERE, f"new URL('{where}', location.origin)")
        name = self._names[path] = f"$module{len(self._names)}"
        self._blocks.append(f"{{\n{text}{name} = {{ {', '.join(names)} }};\n}}\n")
        return name

    def _bind(self, found: re.Match[str], path: Path, importers: tuple[Path, ...]) -> str:
        names = found[1].replace(" as ", ": ").strip()
        return f"const {{ {names} }} = {self._take(path.parent / found[2], importers)};\n"

    def _later(self, found: re.Match[str], path: Path, importers: tuple[Path, ...]) -> str:
        target = path.parent / found[1]
        if not IMPORT.search(target.read_text("utf-8")):
            return f"import('{self._aside(target)}')"
        return f"Promise.resolve({self._take(target, importers)})"
