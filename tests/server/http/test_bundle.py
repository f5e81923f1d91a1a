"""The page's modules become one, with every name in its own block."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server.config.options import STATIC
from server.http.bundle import Bundle, BundleError
from server.http.page import PageFiles


def bundled(folder: Path, **files: str) -> str:
    """Return the bundle of main.js; its parts lie beside it, as *.mjs."""

    def aside(path: Path, text: str) -> str:
        path.with_suffix(".mjs").write_text(text, "utf-8")
        return f"./{path.stem}.mjs"

    for name, text in files.items():
        (folder / f"{name}.js").write_text(text, "utf-8")
    return Bundle(folder, "/static", aside).of("main.js")


def test_imports_exports_and_equal_names_keep_their_meaning(tmp_path: Path) -> None:
    script = bundled(
        tmp_path,
        main="// @ts-check\nimport { say as tell, Thing } from './a.js';\nimport { say } from './b.js';\n"
        "const kind = 'main';\nconst { late } = await import('./late.js');\n"
        "const { leaf } = await import('./leaf.js');\nconst { again } = await import('./other.js');\n"
        "const same = (await import('./late.js')).own() === (await import('./late.js')).own();\n"
        "console.log(JSON.stringify([kind, tell(), say(), new Thing().name, late, leaf, await again(), same]));\n",
        a="/** A comment\n * over two lines. */\nconst kind = 'a'; /* stays: */\n"
        "export function say() { return kind; }\n"
        "export class Thing { /** @type {string} */ name = '// no comment'; }\n",
        b="import {\n  Thing,\n} from './a.js';\nconst kind = 'b';\n"
        "export const say = () => kind + new Thing().name;\n",
        late="import { say } from './b.js';\nimport { both } from './both.js';\nimport { only } from './only.js';\n"
        "export const late = say() + both.n++;\nexport const own = () => only;\n",
        other="import { both } from './both.js';\n"
        "export const again = async () => (await import('./late.js')).late + both.n;\n",
        both="export const both = { n: 0 };\n",
        only="export const only = { alone: true };\n",
        leaf="export const leaf = 'leaf';\n",
    )
    assert not {"@ts-check", "over two"} & set(re.findall("@ts-check|over two", script))
    assert "/* stays: */" in script
    assert "both = { n: 0 }" in script, "two parts share it"
    assert "alone" not in script, "it is in the part that it belongs to"
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing, which would run the module")
    (tmp_path / "bundle.mjs").write_text(script, "utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}', "utf-8")
    done = subprocess.run([node, "bundle.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        "main", "a", "b// no comment", "// no comment", "b// no comment0", "leaf",
        "b// no comment01", True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("main", "wrong"),
    [
        ("import thing from './other.js';\n", "not known"),
        ("export default 1;\n", "not known"),
        ("export { a };\n", "not known"),
        ("import { a } from './other.js';\n", "imports itself"),
        ("await import('./circle.js');\n", "imported later by what it imports later itself"),
        ("const text = `\n  // no comment\n`;\n", "template of many lines"),
    ],
)
def test_what_it_does_not_understand_is_refused(tmp_path: Path, main: str, wrong: str) -> None:
    with pytest.raises(BundleError, match=wrong):
        bundled(
            tmp_path,
            main=main,
            other="import { b } from './main.js';\nexport const a = 1;\n",
            circle="await import('./round.js');\n",
            round="await import('./circle.js');\n",
        )


def test_a_module_finds_the_files_beside_it(tmp_path: Path) -> None:
    script = bundled(tmp_path, main="const worker = new URL('worker.js', import.meta.url);\n")
    assert "new URL('worker.js', new URL('/static/main.js', location.origin))" in script


def test_the_page_is_one_script_one_style_sheet_and_what_is_loaded_when_wanted() -> None:
    names = PageFiles(STATIC).names
    assert {"page.js", "page.css", "strings.de.js", "room-controller.js"} <= names
    assert "strings.en.js" not in names
