"""The page: its HTML, one script and one style sheet, put together when the server starts, and its other files."""

from __future__ import annotations

import functools
import gzip
import hashlib
import re
import unicodedata
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

from server.access.policy import room_name
from server.config.options import STATIC
from server.core.errors import SignalingError
from server.http.bundle import Bundle

ASSETS: Final = "/assets/"
FOREVER: Final = f"public, max-age={365 * 86_400}, immutable"  # the longest that RFC 9111's caches honour
TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
SHEET: Final = re.compile(r'^ *<link rel="stylesheet" href="/static/([^"]+)">\n', re.MULTILINE)
SCRIPT: Final = re.compile(r'^ *<script type="module" src="/static/([^"]+)"></script>\n', re.MULTILINE)
LANGUAGE: Final = re.compile(r"strings\.([\w-]+)\.js")
LETTERS: Final = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})
"""Latin letters that Unicode does not take apart into a plain one and a mark."""


class Asset(NamedTuple):
    """A file in memory, also compressed, with a tag that changes with its content."""

    plain: bytes
    packed: bytes
    tag: str

    @classmethod
    def of(cls, text: str) -> Asset:
        """Compress and tag a text."""
        plain = text.encode()
        return cls(plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:16])


class PageFiles:
    """Everything that a first visit needs, in as few answers as possible, and cached by content."""

    def __init__(self, folder: Path = STATIC) -> None:
        """Put the modules and style sheets of a folder together. Raises BundleError."""
        self._files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        self._assets: dict[str, Asset] = {}
        self._languages: dict[str, str] = {}
        html = (folder / "index.html").read_text("utf-8")
        sheets = "".join((folder / name).read_text("utf-8") for name in SHEET.findall(html))
        entry = SCRIPT.findall(html)[0]
        script = self._add("page.js", Bundle(folder, "/static", self._aside).of(entry))
        sheet = f'  <link rel="stylesheet" href="{self._add("page.css", sheets)}">\n'
        loading = f'  <link rel="modulepreload" href="{script}">\n  <script type="module" src="{script}"></script>\n'
        html = SHEET.sub("", html)
        self._html = SCRIPT.sub(lambda _: loading + sheet, html)
        self._pages: dict[str | None, Asset] = {}

    @property
    def names(self) -> set[str]:
        """What is served under /assets/, without the tags."""
        return set(self._assets)

    def _aside(self, path: Path, text: str) -> str:
        """Serve a module that is loaded when it is wanted; return its address."""
        address = self._add(path.name, text)
        language = LANGUAGE.fullmatch(path.name)
        if language:
            self._languages[language[1].lower()] = address
        return address

    def _add(self, name: str, text: str) -> str:
        asset = self._assets[name] = Asset.of(text)
        stem, _, suffix = name.rpartition(".")
        return f"{ASSETS}{stem}.{asset.tag}.{suffix}"

    def page(self, request: web.Request, status: int = 200) -> web.Response:
        """Return the page; it has the words in the browser's language loaded at once."""
        language = self._spoken(request.headers.get("Accept-Language", ""))
        if language not in self._pages:
            hint = f'  <link rel="modulepreload" href="{self._languages[language]}">\n' if language else ""
            self._pages[language] = Asset.of(self._html.replace("</head>", hint + "</head>"))
        asset = self._pages[language]
        headers = {
            "Cache-Control": "no-cache",
            "ETag": f'"{asset.tag}"',
            "Vary": "Accept-Language, Accept-Encoding",
        }
        known = request.if_none_match or ()
        if status == 200 and any(each.value == asset.tag for each in known):
            return web.Response(status=304, headers=headers)
        return _respond(request, asset, ".html", headers, status)

    def asset(self, request: web.Request) -> web.Response:
        """Return a script or style sheet.

        During an update two versions of the server may serve one page: another tag gets what there is, uncached.
        """
        stem, _, rest = request.match_info["name"].rpartition(".")
        name, _, tag = stem.rpartition(".")
        asset = self._assets.get(f"{name}.{rest}")
        if asset is None:
            raise web.HTTPNotFound
        caching = FOREVER if tag == asset.tag else "no-cache"
        return _respond(request, asset, f".{rest}", {"Cache-Control": caching, "Vary": "Accept-Encoding"})

    def file(self, request: web.Request) -> web.FileResponse:
        """Return a file of the folder as it is there: looked up among its names, so that no other path is touched."""
        path = self._files.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound
        return web.FileResponse(path)

    def _spoken(self, accepted: str) -> str | None:
        """Return the first language of an Accept-Language that there are words in beside English (RFC 9110 12.5.4)."""
        for wanted in accepted.lower().split(",")[:10]:
            tag = wanted.split(";")[0].strip()
            base = tag.split("-")[0]
            if base == "en":
                return None
            found = next(
                (known for known in self._languages if known in (tag, base) or known.split("-")[0] == base),
                None,
            )
            if found is not None:
                return found
        return None


def _respond(
    request: web.Request, asset: Asset, suffix: str, headers: dict[str, str], status: int = 200
) -> web.Response:
    packs = "gzip" in request.headers.get("Accept-Encoding", "")
    headers = headers | ({"Content-Encoding": "gzip"} if packs else {})
    return web.Response(
        status=status,
        body=asset.packed if packs else asset.plain,
        headers=headers,
        content_type=TYPES[suffix],
        charset="utf-8",
    )


def plain_room_name(name: str) -> str | None:
    """Return the nearest name that a room may have, with é as e and blanks as dashes; None where there is none."""
    letters = unicodedata.normalize("NFKD", name.strip().lower().translate(LETTERS))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    try:
        return room_name(re.sub(r"\s+", "-", plain))
    except SignalingError:
        return None


@functools.cache
def page_files() -> PageFiles:
    """Return the page's files, which are put together once in a process, however many servers it has."""
    return PageFiles()


def add_page(app: web.Application) -> PageFiles:
    """Add the routes of the page and its files."""
    files = page_files()

    async def front(request: web.Request) -> web.Response:
        return files.page(request)

    async def room(request: web.Request) -> web.Response:
        """Lead names with accents to the room they mean, and explain other names, on the front page."""
        name = request.match_info["room"]
        plain = plain_room_name(name)
        if plain is None:
            return files.page(request, status=404)
        if plain != name.lower():
            raise web.HTTPFound(f"/r/{plain}")
        return files.page(request)

    async def watch(_: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "watch.html", headers={"Cache-Control": "no-cache"})

    async def asset(request: web.Request) -> web.Response:
        return files.asset(request)

    async def file(request: web.Request) -> web.FileResponse:
        return files.file(request)

    app.router.add_get("/", front)
    app.router.add_get("/r/{room}", room)
    app.router.add_get("/watch/{room}/{person}", watch)
    app.router.add_get(ASSETS + "{name}", asset)
    app.router.add_get("/static/{name:.+}", file)
    return files
