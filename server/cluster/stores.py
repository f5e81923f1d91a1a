"""Where films come from and go to: folders, and with fsspec (https://filesystem-spec.readthedocs.io) buckets."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple, Protocol

from filters.base import FilterError

STALE: Final = 600.0  # seconds after which an unfinished file is nobody's work any more
PART: Final = ".part"
TOKEN: Final = 8  # random bytes in the name of an unfinished file; process ids repeat over machines
UNFINISHED: Final = re.compile(rf"\..*\.[0-9a-f]{{{2 * TOKEN}}}{re.escape(PART)}", re.DOTALL)


class Version(NamedTuple):
    """What tells one version of a file from another."""

    size: int
    tag: str
    """The ETag of a bucket, the time of a file."""


class Store(Protocol):
    """A tree of files; names have slashes. Every call may raise OSError."""

    def files(self) -> dict[str, Version]:
        """Return every file but hidden ones."""
        ...

    def fetch(self, name: str, path: Path) -> Path:
        """Return where a file is on this machine: `path`, after a copy, unless there is no need for one."""
        ...

    def publish(self, path: Path, name: str) -> None:
        """Make a local file appear under a name, whole or not at all, in place of one that is there."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None for none."""
        ...

    def records(self, folder: str) -> dict[str, bytes]:
        """Return what the files below a hidden folder hold, by their names below it."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def clean(self) -> None:
        """Remove what killed attempts have left."""
        ...


def store(url: str) -> Store:
    """Return the store at a path or a URL; raise FilterError."""
    if "://" not in url:
        return Folder(Path(url))
    if url.startswith("file://"):
        return Folder(Path(url.removeprefix("file://")))
    try:
        import fsspec

        return Bucket(*fsspec.core.url_to_fs(url))
    except (ImportError, ValueError) as error:
        raise FilterError(
            f"{url}: {error}; buckets take `pip install fsspec` and s3fs, gcsfs or the like"
        ) from error


def hidden(name: str) -> bool:
    """Tell whether a file is none of the films."""
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


class Folder:
    """A folder of this machine, or of one that is mounted."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self) -> dict[str, Version]:
        """See Store."""
        return {
            name: Version(status.st_size, str(status.st_mtime_ns))
            for name, status in self._walk()
            if not hidden(name)
        }

    def _walk(self) -> Iterator[tuple[str, os.stat_result]]:
        for path in self._root.rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file():
                    yield path.relative_to(self._root).as_posix(), path.stat()

    def fetch(self, name: str, path: Path) -> Path:
        """See Store."""
        return self._root / name

    def publish(self, path: Path, name: str) -> None:
        """See Store."""
        final = self._root / name
        final.parent.mkdir(parents=True, exist_ok=True)
        part = final.with_name(f".{final.name}.{secrets.token_hex(TOKEN)}{PART}")
        try:
            shutil.copyfile(path, part)
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        """See Store."""
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def records(self, folder: str) -> dict[str, bytes]:
        """See Store."""
        below = self._root / folder
        found = (path for path in below.rglob("*.json") if path.is_file())  # a folder may be called so, too
        return {path.relative_to(below).as_posix(): path.read_bytes() for path in found}

    def remove(self, name: str) -> None:
        """See Store."""
        (self._root / name).unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what killed attempts have left."""
        for name, status in self._walk():
            unfinished = UNFINISHED.fullmatch(PurePosixPath(name).name)
            if unfinished and time.time() - status.st_mtime > STALE:
                self.remove(name)


class Bucket:
    """A file system of fsspec's; object stores put whole objects."""

    def __init__(self, system: Any, root: str) -> None:  # noqa: ANN401 - fsspec has no types
        self._system, self._root = system, root.rstrip("/")

    def files(self) -> dict[str, Version]:
        """See Store."""
        self._system.invalidate_cache()
        found = self._find(self._root)
        return {name: version for name, version in found.items() if not hidden(name)}

    def _find(self, root: str) -> dict[str, Version]:
        try:
            found = self._system.find(root, detail=True)
        except FileNotFoundError:
            return {}
        start = len(root) + 1
        return {
            path[start:]: Version(
                info["size"], str(info.get("ETag") or info.get("etag") or info.get("mtime") or "")
            )
            for path, info in found.items()
        }

    def fetch(self, name: str, path: Path) -> Path:
        """See Store."""
        self._system.get_file(f"{self._root}/{name}", str(path))
        return path

    def publish(self, path: Path, name: str) -> None:
        """See Store."""
        self._system.put_file(str(path), f"{self._root}/{name}")

    def read(self, name: str) -> bytes | None:
        """See Store."""
        try:
            return bytes(self._system.cat_file(f"{self._root}/{name}"))
        except FileNotFoundError:
            return None

    def records(self, folder: str) -> dict[str, bytes]:
        """See Store."""
        root = f"{self._root}/{folder}"
        names = [name for name in self._find(root) if name.endswith(".json")]
        return {name: bytes(self._system.cat_file(f"{root}/{name}")) for name in names}

    def remove(self, name: str) -> None:
        """See Store."""
        with suppress(FileNotFoundError):
            self._system.rm_file(f"{self._root}/{name}")

    def clean(self) -> None:
        """Do nothing: uploads that nobody finished are for the bucket's lifecycle rule."""
