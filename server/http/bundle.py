"""Puts the page's ES modules together into few, without a build step: as text, when the server starts.

It knows the forms of `import` and `export` that static/ is written in, and refuses any other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
VARIABLE: Final = re.compile(r"\$module\d+")
PART: Final = (
    "let taken;\n"
    "export const take = (shared) => taken ??= (async ({{ {needed} }}) => {{\n{body}return {result};\n}})(shared);\n"
)


class BundleError(ValueError):
    """The modules are not written as they have to be."""


@dataclass(frozen=True, slots=True)
class _Module:
    """A file without comments and indents; the files that it imports, at once and later."""

    text: str
    imports: tuple[Path, ...]
    later: tuple[Path, ...]


class Bundle:
    """What is loaded at once is one module, in which each file is a block of its own.

    A file that is imported later is a part: a module with all the files that only it imports. It takes those that it
    shares with others from the first one. `aside` is told its name and text, and returns its address.
    """

    def __init__(self, folder: Path, address: str, aside: Callable[[Path, str], str]) -> None:
        """Take the files' folder, and the address under which it is served."""
        self._folder = folder.resolve()
        self._address = address
        self._aside = aside
        self._modules: dict[Path, _Module] = {}
        self._names: dict[Path, str] = {}
        self._parts: dict[Path, list[Path]] = {}
        self._calls: dict[Path, str | None] = {}

    def of(self, entry: str) -> str:
        """Return the module that does what a file and all it imports at once do. Raises BundleError."""
        first = self._closure((self._folder / entry).resolve())
        self._find_parts(first)
        users = Counter(path for part in self._parts.values() for path in part)
        shared = [path for part in self._parts.values() for path in part if users[path] > 1]
        first = list(dict.fromkeys([*first[:-1], *shared, first[-1]]))  # the entry is what runs the others
        self._parts = {
            target: [path for path in part if path not in first]
            for target, part in self._parts.items()
            if target not in first
        }
        for path in (*first, *(path for part in self._parts.values() for path in part)):
            self._names[path] = f"$module{len(self._names)}"
        return self._body(first)

    def _read(self, path: Path) -> _Module:
        if path not in self._modules:
            text = INDENT.sub("", COMMENT.sub("", path.read_text("utf-8")))
            if any(line.count("`") % 2 for line in text.splitlines()):
                raise BundleError(
                    f"{path.name}: comments and indents could stand in a template of many lines"
                )
            imports = tuple((path.parent / name).resolve() for _, name in IMPORT.findall(text))
            later = tuple((path.parent / name).resolve() for name in LATER.findall(text))
            self._modules[path] = _Module(text, imports, later)
        return self._modules[path]

    def _closure(self, path: Path, importers: tuple[Path, ...] = ()) -> list[Path]:
        """Return a file after all that it imports at once."""
        if path in importers:
            raise BundleError(f"{path.name} imports itself, by way of {importers[-1].name}")
        found: dict[Path, None] = {}
        for imported in self._read(path).imports:
            found |= dict.fromkeys(self._closure(imported, (*importers, path)))
        return [*found, path]

    def _find_parts(self, paths: Iterable[Path]) -> None:
        """Note what is imported later by the files, and by what that imports in turn."""
        for target in [target for path in paths for target in self._read(path).later]:
            if target not in self._parts:
                self._parts[target] = self._closure(target)
                self._find_parts(self._parts[target])

    def _body(self, paths: Iterable[Path]) -> str:
        blocks = [self._block(path) for path in paths]
        return "".join(f"let {self._names[path]};\n" for path in paths) + "".join(blocks)

    def _block(self, path: Path) -> str:
        text = self._read(path).text
        names: list[str] = EXPORT.findall(text)
        text = EXPORT.sub("", text)
        text = IMPORT.sub(lambda found: self._bind(found[1], (path.parent / found[2]).resolve()), text)
        text = LATER.sub(lambda found: self._later((path.parent / found[1]).resolve()), text)
        strange = OTHER.search(text)
        if strange:
            raise BundleError(f"{path.name}: this form is not known: {strange.group()}")
        where = PurePosixPath(self._address) / path.relative_to(self._folder).as_posix()
        text = text.replace(HERE, f"new URL('{where}', location.origin)")
        return f"{{\n{text}{self._names[path]} = {{ {', '.join(names)} }};\n}}\n"

    def _bind(self, names: str, path: Path) -> str:
        return f"const {{ {names.replace(' as ', ': ').strip()} }} = {self._names[path]};\n"

    def _later(self, target: Path) -> str:
        """Return what gives the exports of a file that is loaded when it is wanted."""
        if target not in self._parts:
            return f"Promise.resolve({self._names[target]})"
        if target not in self._calls:
            self._calls[target] = None
            self._calls[target] = self._part(target)
        call = self._calls[target]
        if call is None:
            raise BundleError(f"{target.name} is imported later by what it imports later itself")
        return call

    def _part(self, target: Path) -> str:
        paths = self._parts[target]
        body, own = self._body(paths), {self._names[path] for path in paths}
        needed = ", ".join(sorted(set(VARIABLE.findall(body)) - own))
        address = self._aside(target, PART.format(needed=needed, body=body, result=self._names[target]))
        return f"import('{address}').then((part) => part.take({{ {needed} }}))"
