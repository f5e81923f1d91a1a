"""Pinned releases, and the table of private names."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiortc import RTCRtpReceiver
from aiortc.codecs import CODECS, HEADER_EXTENSIONS

import server.media.rtc
from server.media.rtc import upstream

PRIVATE_NAME = re.compile(r"\b_(?:RTC|Turn)\w+?__\w+")


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    upstream.install.cache_clear()
    yield
    upstream.install.cache_clear()


def test_accepts_the_pinned_releases() -> None:
    upstream.install()
    upstream.install()


@pytest.mark.parametrize("package", ["aiortc", "aioice"])
def test_refuses_another_release(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(upstream.PINNED, package, "0.0.1")
    with pytest.raises(RuntimeError, match=package):
        upstream.install()


def test_refuses_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(upstream.PINNED, "no-such-package", "1.0")
    with pytest.raises(RuntimeError, match="no-such-package"):
        upstream.install()


def test_refuses_when_a_private_name_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    table = (*upstream.PRIVATE, (RTCRtpReceiver, "_RTCRtpReceiver__no_such_thing"))
    monkeypatch.setattr(upstream, "PRIVATE", table)
    with pytest.raises(RuntimeError, match=r"RTCRtpReceiver has no _RTCRtpReceiver__no_such_thing"):
        upstream.install()


def test_every_mangled_name_in_use_is_in_the_table() -> None:
    package = Path(server.media.rtc.__file__).parent
    used = {name for file in package.glob("*.py") for name in PRIVATE_NAME.findall(file.read_text())}
    assert used == set(PRIVATE_NAME.findall(" ".join(names for _, names in upstream.PRIVATE)))


def test_importing_hooks_nothing() -> None:
    """Stock connections in the same process stay stock."""
    for module in pkgutil.iter_modules(server.media.rtc.__path__):
        importlib.import_module(f"server.media.rtc.{module.name}")
    upstream.install()
    feedback = {feedback.type for codec in CODECS["video"] for feedback in codec.rtcpFeedback}
    assert feedback == {"nack", "goog-remb"}
    assert all("transport-wide" not in extension.uri for extension in HEADER_EXTENSIONS["video"])
