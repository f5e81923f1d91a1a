"""One subscriber's connection, offered again and again as participants come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiortc import RTCPeerConnection, RTCRtpTransceiver, VideoStreamTrack
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import RtpPacket
from aiortc.sdp import SessionDescription

from server.media import rtc

Until = Callable[[Callable[[], object]], Awaitable[None]]


class Subscription:
    """Our offers, a stock peer's answers, and what arrives there for each m-line."""

    def __init__(self, server: RTCPeerConnection, client: RTCPeerConnection, until: Until) -> None:
        self.server, self.client, self.until = server, client, until
        self.packets: dict[str, list[RtpPacket]] = {}

    async def offer(self) -> SessionDescription:
        """Negotiate, with packets going on in the meantime, and return the offer."""
        await self.server.setLocalDescription(await self.server.createOffer())
        await asyncio.sleep(0)
        await self.client.setRemoteDescription(self.server.localDescription)
        await self.client.setLocalDescription(await self.client.createAnswer())
        await asyncio.sleep(0)
        await self.server.setRemoteDescription(self.client.localDescription)
        await self.until(lambda: self.server.connectionState == "connected")
        self._watch()
        return SessionDescription.parse(self.server.localDescription.sdp)

    def _watch(self) -> None:
        for transceiver in self.client.getTransceivers():
            assert transceiver.mid is not None
            if transceiver.mid not in self.packets:
                packets = self.packets[transceiver.mid] = []

                async def keep(
                    packet: RtpPacket, arrival_time_ms: int, to: list[RtpPacket] = packets
                ) -> None:
                    to.append(packet)

                transceiver.receiver._handle_rtp_packet = keep  # type: ignore[method-assign]

    async def send(
        self, sender: rtc.RtpSender, transceiver: RTCRtpTransceiver, start: int, count: int
    ) -> None:
        """Send frames and wait for the last of them."""
        await self.until(lambda: sender.ready)
        for index in range(start, start + count):
            sender.send(rtc.packetize_vp8(b"frame %d" % index, index), 3000 * index)
        assert transceiver.mid is not None
        packets = self.packets[transceiver.mid]
        await self.until(lambda: packets and packets[-1].payload.endswith(b"frame %d" % (start + count - 1)))


@pytest.fixture
def subscription(ours: RTCPeerConnection, stock: RTCPeerConnection, until: Until) -> Subscription:
    return Subscription(ours, stock, until)


async def test_participants_come_and_go(subscription: Subscription, ours: RTCPeerConnection) -> None:
    ada = ours.addTransceiver("video", direction="sendonly")
    rtc.set_stream_id(ada, "ada")
    to_ada = rtc.RtpSender(ada)
    await subscription.offer()
    await subscription.send(to_ada, ada, 0, 3)

    bob, bobs_voice = (ours.addTransceiver(kind, direction="sendonly") for kind in ("video", "audio"))
    rtc.set_stream_id(bob, "bob")
    rtc.set_stream_id(bobs_voice, "bob")
    to_bob = rtc.RtpSender(bob)
    rtc.RtpSender(bobs_voice)
    offer = await subscription.offer()
    assert [(media.msid or "").split()[0] for media in offer.media] == ["ada", "bob", "bob"]
    await subscription.send(to_bob, bob, 0, 3)
    await subscription.send(to_ada, ada, 3, 3)

    to_bob.close()
    bob.direction = "inactive"
    offer = await subscription.offer()
    assert [media.direction for media in offer.media] == ["sendonly", "inactive", "sendonly"]
    await subscription.send(to_ada, ada, 6, 3)

    requests: list[int] = []
    rtc.set_stream_id(bob, "cyd")
    bob.direction = "sendonly"
    to_cyd = rtc.RtpSender(bob, on_keyframe_request=lambda: requests.append(1))
    assert not to_cyd.ready
    offer = await subscription.offer()
    assert [(media.msid or "").split()[0] for media in offer.media] == ["ada", "cyd", "bob"]
    assert requests == [1]
    await subscription.send(to_cyd, bob, 100, 3)
    await subscription.send(to_ada, ada, 9, 3)
    assert len({transceiver.sender.transport for transceiver in ours.getTransceivers()}) == 1


async def test_a_reused_transceiver_goes_on_as_one_stream(
    subscription: Subscription, ours: RTCPeerConnection
) -> None:
    """SSRC, numbers, picture ids and time are contiguous, though the participants have nothing in common."""
    transceiver = ours.addTransceiver("video", direction="sendonly")
    first = rtc.RtpSender(transceiver)
    await subscription.offer()
    await subscription.send(first, transceiver, 200_000, 3)
    first.close()
    transceiver.direction = "inactive"
    await subscription.offer()
    transceiver.direction = "sendonly"
    await subscription.offer()
    second = rtc.RtpSender(transceiver)
    await subscription.send(second, transceiver, 0, 3)
    packets = subscription.packets["0"]
    assert len({packet.ssrc for packet in packets}) == 1
    numbers = [packet.sequence_number for packet in packets]
    assert [(number - numbers[0]) & 0xFFFF for number in numbers] == list(range(6))
    pictures = [VpxPayloadDescriptor.parse(packet.payload)[0].picture_id or 0 for packet in packets]
    assert [(picture - pictures[0]) & 0x7FFF for picture in pictures] == list(range(6))
    times = [(packet.timestamp - packets[0].timestamp) & 0xFFFFFFFF for packet in packets]
    assert times == sorted(set(times))
    assert times[3] < 90_000  # the time that has really gone by


async def test_packets_go_on_during_negotiation(subscription: Subscription, ours: RTCPeerConnection) -> None:
    """Each offer resets the codecs of all transceivers in aiortc; the negotiated one has to stay."""
    transceiver = ours.addTransceiver("video", direction="sendonly")
    sender = rtc.RtpSender(transceiver)
    await subscription.offer()
    await subscription.send(sender, transceiver, 0, 1)
    ours.addTransceiver("video", direction="sendonly")
    await ours.setLocalDescription(await ours.createOffer())
    await subscription.send(sender, transceiver, 1, 3)
    assert {packet.payload_type for packet in subscription.packets["0"]} == {97}


async def test_one_transport_for_thirty_streams(subscription: Subscription, ours: RTCPeerConnection) -> None:
    senders = []
    for count in range(1, 31):
        transceiver = ours.addTransceiver(("video", "audio")[count % 2], direction="sendonly")
        senders.append((rtc.RtpSender(transceiver), transceiver))
        if count % 10 == 0:
            await subscription.offer()
    await subscription.until(lambda: all(sender.ready for sender, _ in senders))
    assert len({transceiver.sender.transport for _, transceiver in senders}) == 1
    tasks = len(asyncio.all_tasks())
    await ours.close()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= tasks - 60


async def test_upstream_can_be_offered_again(
    stock: RTCPeerConnection, ours: RTCPeerConnection, until: Until
) -> None:
    """A participant adds a screen later; both arrive, on one transport."""
    frames: list[list[rtc.EncodedFrame]] = [[], []]
    for index in range(2):
        stock.addTransceiver(VideoStreamTrack(), direction="sendonly")
        await stock.setLocalDescription(await stock.createOffer())
        await ours.setRemoteDescription(stock.localDescription)
        rtc.receive_video(ours.getReceivers()[index], frames[index].append)
        await ours.setLocalDescription(await ours.createAnswer())
        await stock.setRemoteDescription(ours.localDescription)
        frames[0].clear()
        await until(lambda: all(frames[: len(ours.getReceivers())]))


async def test_whoever_waits_for_the_end_may_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    connection, held_up = rtc.peer_connection(), asyncio.Event()
    monkeypatch.setattr(connection.addTransceiver("audio"), "stop", held_up.wait)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await connection.close()
    held_up.set()
    await connection.close()
    assert connection.connectionState == "closed"


pytestmark = pytest.mark.slow
