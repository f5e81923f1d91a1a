"""Fragments of trickle ICE, as clients send them and as anybody may."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.errors import FragmentError
from server.whip.sdpfrag import MAX_CANDIDATES, Candidate, Fragment, credentials, parse, serialize

PASSWORD = "p" * 24
CANDIDATE = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"


def test_what_the_rfc_shows() -> None:
    text = (
        f"a=ice-ufrag:EsAw\r\na=ice-pwd:{PASSWORD}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        f"a={CANDIDATE}\r\na=end-of-candidates\r\n"
    )
    fragment = Fragment("EsAw", PASSWORD, (Candidate("0", CANDIDATE),), end=True)
    assert parse(text) == fragment
    assert serialize(fragment, "audio", "0") == text


def test_credentials_in_the_section_and_unknown_lines() -> None:
    text = f"a=group:BUNDLE 0\nm=audio 9 RTP/AVP 0\na=mid:0\na=ice-ufrag:EsAw\na=ice-pwd:{PASSWORD}\na=x\nnonsense"
    assert parse(text) == Fragment("EsAw", PASSWORD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a=ice-ufrag:EsAw",
        f"a=ice-pwd:{PASSWORD}",
        f"a=ice-ufrag:E\na=ice-pwd:{PASSWORD}",
        "a=ice-ufrag:EsAw\na=ice-pwd:short",
        f"a=ice-ufrag:EsAw\na=ice-ufrag:Other\na=ice-pwd:{PASSWORD}",
        f"a=ice-ufrag:EsAw\na=ice-pwd:{PASSWORD}\na=mid:" + "x" * 33,
        f"a=ice-ufrag:EsAw\na=ice-pwd:{PASSWORD}\n" + f"a={CANDIDATE}\n" * (MAX_CANDIDATES + 1),
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(FragmentError):
        parse(text)


@given(st.text())
def test_garbage_raises_nothing_else(text: str) -> None:
    with contextlib.suppress(FragmentError):
        parse(text)


def test_credentials_of_a_description() -> None:
    assert credentials(f"v=0\r\nm=audio 9 X 0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:{PASSWORD}\r\n") == (
        "EsAw",
        PASSWORD,
    )
