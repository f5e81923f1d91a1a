"""Holds the server's answers up, so that something can happen in the middle of a negotiation."""

from __future__ import annotations

import asyncio

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from server.media.rtc.connection import PeerConnection


class Gate:
    """Where the server's peer connections wait before they answer an offer, until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting: list[RTCPeerConnection] = []
        """All that have come to it."""
        self._reached, self._opened = asyncio.Event(), asyncio.Event()

        async def answer(connection: PeerConnection) -> RTCSessionDescription:
            self.waiting.append(connection)
            self._reached.set()
            await self._opened.wait()
            return await RTCPeerConnection.createAnswer(connection)

        monkeypatch.setattr(PeerConnection, "createAnswer", answer, raising=False)

    async def reached(self) -> None:
        """Wait for the first one."""
        async with asyncio.timeout(5):
            await self._reached.wait()

    def open(self) -> None:
        """Let all go on."""
        self._opened.set()
