"""Peer connections of this process over the loopback interface."""

from __future__ import annotations

import aioice.ice
import pytest


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer 127.0.0.1 only, which aioice leaves out: tests need no network, and gather in no time."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
