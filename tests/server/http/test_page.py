"""The page and its files over HTTP: compressed, cached by content, and there for every address."""

from __future__ import annotations

import gzip
import re

import pytest
from yarl import URL

from server.http.page import FOREVER, plain_room_name
from tests.support.serving import Client

HTML = {"Accept": "text/html,*/*;q=0.8", "Accept-Encoding": "gzip"}


async def test_the_page_names_one_script_and_one_style_sheet_by_content(here: Client) -> None:
    async with here.get("/r/studio", headers=HTML) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        page, tag = await answer.text(), answer.headers["ETag"]
    assets = set(re.findall(r'"(/assets/[^"]+)"', page))
    assert len(assets) == 2
    for address in assets:
        async with here.get(address, headers={"Accept-Encoding": "identity"}) as answer:
            plain = await answer.read()
            assert answer.headers["Cache-Control"] == FOREVER
            assert "Content-Encoding" not in answer.headers
        async with here.get(address, auto_decompress=False, headers={"Accept-Encoding": "gzip"}) as answer:
            assert gzip.decompress(await answer.read()) == plain
        other = re.sub(r"\.\w{16}\.", ".0123456789abcdef.", address)
        async with here.get(other) as answer:  # of another version of the server
            assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
    async with here.get("/r/studio", headers=HTML | {"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    async with here.get("/assets/nothing.0123456789abcdef.js") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("tlh, de;q=0.5", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", None),
        ("", None),
    ],
)
async def test_the_words_of_the_browsers_language_are_loaded_at_once(
    here: Client, accepted: str, language: str | None
) -> None:
    async with here.get("/", headers={"Accept-Language": accepted}) as answer:
        found = re.findall(r'modulepreload" href="/assets/strings\.([\w-]+)\.\w+\.js', await answer.text())
    assert found == ([language] if language else [])


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Café", "cafe"),
        ("Straße 7", "strasse-7"),
        ("Łódź", "lodz"),
        ("studio", "studio"),
        ("会議", None),
        ("a/b", None),
        ("..", None),
        ("x" * 65, None),
    ],
)
def test_names_with_accents_mean_the_room_without(name: str, plain: str | None) -> None:
    assert plain_room_name(name) == plain


async def test_every_address_that_a_person_opens_is_a_page(here: Client) -> None:
    async with here.get("/r/Caf%C3%A9", headers=HTML, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/r/cafe")
    for path in ("/r/%E4%BC%9A%E8%AD%B0", "/nothing/here", "/r/%E0%A4"):
        async with here.get(path, headers=HTML) as answer:
            assert (answer.status, answer.content_type) == (404, "text/html"), path
            assert "<!doctype html>" in await answer.text()
    async with here.get("/nothing/here", headers={"Accept": "application/json"}) as answer:
        assert (answer.status, answer.content_type) == (404, "text/plain")
    async with here.post("/nothing/here", headers=HTML) as answer:
        assert answer.content_type == "text/plain"


@pytest.mark.parametrize(
    "name",
    ["x" * 4000, "x/" * 1000, "%00", "a%00.js", "%ff", "..%2fmain.js", "css%2f..%2fmain.js", "css", "%"],
)
async def test_an_address_without_a_file_is_not_found(here: Client, name: str) -> None:
    for folder in ("/static", "/static/css", "/assets", "/models", "/nothing"):
        async with here.get(URL(f"{folder}/{name}", encoded=True)) as answer:
            assert answer.status == 404, folder


async def test_a_page_for_other_programs_shows_one_person(here: Client) -> None:
    async with here.get("/watch/studio/desk", headers=HTML) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert '<script type="module" src="/static/watch.js">' in await answer.text()
    for path in ("/static/watch.js", "/static/css/watch.css"):
        async with here.get(path) as answer:
            assert answer.status == 200
