"""Sound on its way from a microphone: forwarded as it is, and no younger than the picture that belongs to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from server.media.lip_sync import LEAD, PictureAge
from server.media.microphone import MAX_BYTES, MAX_PACKETS, AudioPublication
from server.media.rtc import AudioPacket, ntp_now
from server.media.subscription import AudioSubscription


@dataclass
class Speech:
    """Stands for an AudioReceiver."""

    def capture_ntp(self, timestamp: int) -> int | None:
        return 10**6 + timestamp


@dataclass
class Ear:
    """Stands for an RtpSender of audio."""

    sent: list[tuple[bytes, int, int | None, int | None]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def send(
        self,
        payloads: Sequence[bytes],
        timestamp: int,
        *,
        level: int | None = None,
        voice: bool = False,
        capture_ntp: int | None = None,
    ) -> None:
        self.sent.append((payloads[0], timestamp, level, capture_ntp))
        self.arrived.set()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                self.arrived.clear()
                await self.arrived.wait()


async def test_a_flood_is_cut_to_what_sound_can_be() -> None:
    """By number and by size; whoever floods is heard no better, and nobody else's line is filled."""
    for size, most in ((1, MAX_PACKETS), (1200, MAX_BYTES / 1200)):
        publication, ear = AudioPublication(), Ear()
        publication.subscribe(AudioSubscription(ear))  # type: ignore[arg-type]
        publication.attach(Speech())  # type: ignore[arg-type]
        start = time.monotonic()
        for i in range(1000):
            publication.receive(AudioPacket(bytes(size), 960 * i, 0, True))
        seconds = time.monotonic() - start
        assert most - 1 <= len(ear.sent) <= most * (1 + seconds) + 1


async def test_audio_is_forwarded_as_it_is_with_level_and_capture_time() -> None:
    publication, ear = AudioPublication(), Ear()
    publication.subscribe(AudioSubscription(ear))  # type: ignore[arg-type]
    publication.attach(Speech())  # type: ignore[arg-type]
    for i in range(3):
        publication.receive(AudioPacket(bytes([i]), 960 * i, 30 + i, True))
    assert [(data, level) for data, _, level, _ in ear.sent] == [(b"\0", 30), (b"\1", 31), (b"\2", 32)]
    assert [ntp for *_, ntp in ear.sent] == [10**6, 10**6 + 960, 10**6 + 1920]
    times = [timestamp for _, timestamp, _, _ in ear.sent]
    assert [b - a for a, b in pairwise(times)] == [960, 960]
    publication.attach(Speech())  # type: ignore[arg-type]
    publication.receive(AudioPacket(b"x", 0, None, False))
    assert ear.sent[-1][1] > times[-1]
    publication.paused = True
    publication.receive(AudioPacket(b"y", 960, None, False))
    assert len(ear.sent) == 4


async def test_a_voice_that_the_room_does_not_hear_goes_to_whoever_watches_only_this_one() -> None:
    publication, room, alone = AudioPublication(), Ear(), Ear()
    publication.subscribe(AudioSubscription(room, loudest_only=True))  # type: ignore[arg-type]
    publication.subscribe(AudioSubscription(alone))  # type: ignore[arg-type]
    publication.on_level = lambda level: level < 50
    for i, level in enumerate((30, 60, 40, None)):
        publication.receive(AudioPacket(bytes([i]), 960 * i, level, False))
    assert [data for data, *_ in room.sent] == [b"\0", b"\2", b"\3"]
    assert len(alone.sent) == 4


@dataclass
class Fresh:
    """Stands for an AudioReceiver whose packets come as soon as they are captured."""

    def capture_ntp(self, timestamp: int) -> int | None:
        return ntp_now()


def late(seconds: float) -> tuple[AudioPublication, Ear]:
    """Return a microphone beside a camera whose pictures are that late, and who hears it."""
    age, ear = PictureAge(), Ear()
    age.note(seconds, time.monotonic())
    publication = AudioPublication(age)
    publication.subscribe(AudioSubscription(ear))  # type: ignore[arg-type]
    publication.attach(Fresh())  # type: ignore[arg-type]
    return publication, ear


async def test_sound_leaves_in_order_and_as_old_as_the_picture() -> None:
    publication, ear = late(0.06 + LEAD)
    start = ntp_now()
    for i in range(3):
        publication.receive(AudioPacket(bytes([i]), 960 * i, 30, True))
    assert ear.sent == []
    await ear.wait(3)
    assert ntp_now() - start >= 0.055 * (1 << 32)
    assert [data for data, *_ in ear.sent] == [b"\0", b"\1", b"\2"]
    captured = [ntp for *_, ntp in ear.sent]
    assert all(ntp is not None and 0 <= ntp - start < 0.055 * (1 << 32) for ntp in captured)


async def test_what_was_said_before_muting_and_still_waits_is_not_sent() -> None:
    publication, ear = late(0.02 + LEAD)
    publication.receive(AudioPacket(b"x", 0, 30, True))
    publication.paused = True
    while publication._waiting:
        await asyncio.sleep(0.005)
    assert ear.sent == []


async def test_nothing_waits_any_more_after_the_end() -> None:
    publication, ear = late(10.0)
    publication.receive(AudioPacket(b"x", 0, 30, True))
    assert len(publication._waiting) == 1
    publication.close()
    assert not publication._waiting
    assert ear.sent == []
