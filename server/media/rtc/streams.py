"""Encoded media out of a Receiver: whole video frames, and Opus packets as they arrive."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import NamedTuple

from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtcpSrPacket, RtpPacket

from server.media.codec.frames import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, EncodedFrame

from .clocks import CaptureClock, Timeline, ntp_now
from .h264 import depayload_h264, has_parameter_sets
from .loss_control import NO_LIMIT, LossControl
from .receive_buffer import BufferedFrame, VideoBuffer
from .receiver import Receiver, Sink
from .vp8 import depayload_vp8, is_droppable

MAX_DROPPABLE = 32  # frames remembered; chosen: more are not in the buffer, or come from nowhere
DEPAYLOAD = {"VP8": depayload_vp8, "H264": depayload_h264}


class AudioPacket(NamedTuple):
    """One Opus packet as it arrived."""

    data: bytes
    timestamp: int
    """48 kHz, not wrapping, 0 at the first packet; a late packet has a smaller one than its predecessor."""
    level: int | None
    """RFC 6464: 0 (loudest) to 127 (silence), in -dBov; None when the sender does not say."""
    voice: bool


class VideoStats(NamedTuple):
    """Counters of one incoming video; `repaired` packets came on request, `lost` ones never."""

    packets: int
    bytes: int
    repaired: int
    lost: int
    nacks: int
    plis: int
    frames: int
    gave_up: int
    rtt: float
    """Seconds."""
    limit: int
    """bit/s that the sender was last told to keep below; NO_LIMIT (10 Mbit/s) is none."""


class _Stream(Sink):
    """What incoming audio and video share: the current SSRC, its timeline and its capture clock."""

    def __init__(self, receiver: Receiver, clock_rate: int) -> None:
        self._receiver = receiver
        self._clock_rate = clock_rate
        self._ssrc: int | None = None
        self._timeline = Timeline(clock_rate)
        self._clock = CaptureClock(clock_rate, receiver.transport.clock_offset)

    def _follow(self, packet: RtpPacket) -> bool:
        """Notice a new stream; True when there is one."""
        if packet.ssrc == self._ssrc:
            return False
        self._ssrc = packet.ssrc
        self._timeline.restart()
        self._clock = CaptureClock(self._clock_rate, self._receiver.transport.clock_offset)
        self._clock.arrived(packet.timestamp, ntp_now())
        return True

    def report(self, packet: RtcpSrPacket) -> None:
        if packet.ssrc == self._ssrc:
            info = packet.sender_info
            self._clock.report(info.rtp_timestamp, info.ntp_timestamp, ntp_now())

    def capture_ntp(self, timestamp: int) -> int | None:
        """When the media of a `timestamp` that the sink was given was captured: NTP, this server's clock.

        Sender reports tell the participant's clock; a constant that audio and video of a connection share
        takes it to ours. None before anything has arrived.
        """
        stamped = self._timeline.timestamp(timestamp)
        return None if stamped is None else self._clock.ntp(stamped)

    @property
    def timestamp_origin(self) -> int:
        """RTP timestamp that the sink sees as 0, modulo 2^32."""
        return (self._timeline.timestamp(0) or 0) & 0xFFFFFFFF

    def close(self) -> None:
        """Stop handing anything to the sink."""
        if self._receiver.sink is self:
            self._receiver.sink = None


class VideoReceiver(_Stream):
    """The encoded frames of one incoming video, as `receive_video` makes it."""

    def __init__(self, receiver: Receiver, sink: Callable[[EncodedFrame], None]) -> None:
        super().__init__(receiver, VIDEO_CLOCK_RATE)
        self._sink = sink
        self._codec = ""
        self._parameter_sets = b""
        self._round_trip = receiver.transport.round_trip
        self._buffer = VideoBuffer(self._round_trip)
        self._timer: asyncio.TimerHandle | None = None
        self._droppable = deque[int](maxlen=MAX_DROPPABLE)
        """RTP timestamps of the latest frames to which no other refers."""
        self._control = LossControl(self._buffer.counters)

    @property
    def stats(self) -> VideoStats:
        counters = asdict(self._buffer.counters)
        return VideoStats(**counters, rtt=self._round_trip.seconds, limit=self._control.told)

    def ask_for(self, bitrate: int | None) -> None:
        """Have the sender send no more than so many bit/s; None for what it likes. It is told within a second."""
        self._control.ceiling = NO_LIMIT if bitrate is None else bitrate

    def request_keyframe(self) -> None:
        """Hand on nothing before the next keyframe and ask for one; for whoever could not decode a frame."""
        self._buffer.request_keyframe()
        self._poll(time.monotonic())

    def send_pli(self) -> None:
        """Ask for a keyframe and go on handing on what comes; for whoever begins to watch, or lost its own state."""
        if self._ssrc is not None:
            self._buffer.counters.plis += 1
            self._receiver.send_pli(self._ssrc)

    def take(self, packet: RtpPacket, codec: RTCRtpCodecParameters, rtx: bool) -> None:
        now, name = time.monotonic(), codec.name  # which aiortc works out anew each time
        if self._follow(packet) or name != self._codec:
            self._codec = name
            self._buffer = VideoBuffer(self._round_trip, self._buffer.counters)
            self._parameter_sets = self._receiver.parameter_sets.get(codec.payloadType or 0, b"")
        try:
            data, key = DEPAYLOAD[name](packet.payload) if packet.payload else (b"", False)
        except ValueError:
            return
        marker = packet.marker == 1
        if name == "VP8" and is_droppable(packet.payload) and packet.timestamp not in self._droppable:
            self._droppable.append(packet.timestamp)
        frames = self._buffer.add(
            packet.sequence_number, packet.timestamp, data, now, marker=marker, key=key, rtx=rtx
        )
        self._emit(frames, now)
        self._poll(now)
        limit = self._control.update(now)
        if limit is not None:  # Chromium obeys REMB besides transport-cc, and keeps to the last one
            self._receiver.send_remb(packet.ssrc, limit)

    def _poll(self, now: float) -> None:
        if not self._buffer.waiting(now):
            return
        wanted, frames = self._buffer.poll(now)
        self._emit(frames, now)
        if self._ssrc is not None and wanted.nack:
            self._receiver.send_nack(self._ssrc, wanted.nack)
        if self._ssrc is not None and wanted.pli:
            self._receiver.send_pli(self._ssrc)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(VideoBuffer.TICK, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._poll(time.monotonic())

    def _emit(self, frames: list[BufferedFrame], now: float) -> None:
        for frame in frames:
            ticks = self._timeline.ticks(frame.timestamp, now)
            data = frame.data
            if frame.keyframe and self._parameter_sets and not has_parameter_sets(data):
                data = self._parameter_sets + data
            droppable = not frame.keyframe and frame.timestamp in self._droppable
            self._sink(EncodedFrame(data, ticks, frame.keyframe, self._codec, now, droppable))

    def close(self) -> None:
        super().close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class AudioReceiver(_Stream):
    """The Opus packets of one incoming audio, as `receive_audio` makes it."""

    def __init__(self, receiver: Receiver, sink: Callable[[AudioPacket], None]) -> None:
        super().__init__(receiver, AUDIO_CLOCK_RATE)
        self._sink = sink

    def take(self, packet: RtpPacket, codec: RTCRtpCodecParameters, rtx: bool) -> None:
        if codec.name.lower() != "opus" or not packet.payload:
            return
        self._follow(packet)
        voice, level = packet.extensions.audio_level or (False, None)
        ticks = self._timeline.ticks(packet.timestamp, time.monotonic())
        self._sink(AudioPacket(packet.payload, ticks, level, voice))


def receive_video(receiver: RTCRtpReceiver, sink: Callable[[EncodedFrame], None]) -> VideoReceiver:
    """Hand the receiver's frames to `sink`, on the event loop, in decoding order, only decodable ones.

    After a loss that could not be repaired there is nothing until a keyframe, which is asked for. The
    receiver must be of a connection made by `peer_connection`, else TypeError. `sink` must not raise.
    """
    stream = VideoReceiver(_ours(receiver), sink)
    _ours(receiver).sink = stream
    return stream


def receive_audio(receiver: RTCRtpReceiver, sink: Callable[[AudioPacket], None]) -> AudioReceiver:
    """Hand the receiver's Opus packets to `sink`, on the event loop, undecoded and as they arrive.

    The receiver must be of a connection made by `peer_connection`, else TypeError. `sink` must not raise.
    """
    stream = AudioReceiver(_ours(receiver), sink)
    _ours(receiver).sink = stream
    return stream


def _ours(receiver: RTCRtpReceiver) -> Receiver:
    if not isinstance(receiver, Receiver):
        raise TypeError("the receiver is not of a connection that peer_connection made")
    return receiver
