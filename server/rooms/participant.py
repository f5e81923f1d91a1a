"""Somebody in a room: a name, a background, what is published and what is received."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Awaitable, Mapping
from typing import Any, Literal, TypeAlias

from server.access.policy import RoomPolicy
from server.access.tokens import OPEN, Grant
from server.config.options import Config
from server.core.messages import StreamKind
from server.media.camera_request import CameraRequests
from server.media.governor import FULL, Level
from server.media.microphone import AudioPublication
from server.media.publication import VideoPublication
from server.media.resources import MediaResources
from server.media.screen import ScreenPublication
from server.peers.connections import PeerConnections
from server.peers.egress import EgressConnection
from server.peers.publisher import Publisher
from server.peers.subscriber import OfferSender, Stream, Subscriber
from server.receipts.frame_counters import Counters, Frames, counters_of, frames_of
from server.rooms.background_choice import BackgroundChoice
from server.rooms.backgrounds import BackgroundLibrary, Upload
from server.rooms.device_filter import DeviceFilterClaim, HowOften
from server.rooms.hidden import HiddenCamera
from server.rooms.screens import Screen

Receives: TypeAlias = Literal["all", "saver", "none"]
"""What somebody wants of the others' cameras: everything, half of the pictures, nothing."""
RECEIVES: tuple[Receives, ...] = ("all", "saver", "none")

MAX_POLICIES = 16  # the latest, in a receipt; chosen


class Participant:
    """One person, for as long as the seat is held; connections may come and go meanwhile."""

    def __init__(
        self,
        name: str,
        background: str,
        config: Config,
        media: MediaResources,
        shared: Mapping[str, Upload],
        grant: Grant = OPEN,
    ) -> None:
        """Raise SignalingError unknown-background; `shared` are the uploads that the room's policy names."""
        self.id = "p" + secrets.token_hex(8)
        self.seat = secrets.token_urlsafe(24)
        self.name = name
        self.grant = grant
        self.library = BackgroundLibrary(config, shared)
        self.sends_audio = False
        self.sends_video = False
        self.device_filter = DeviceFilterClaim()
        self._wants_video: bool | None = None
        self.muted_by: str | None = None
        self.may_unmute = False
        """Whether a host has allowed it, where the policy leaves that to them; until the next time of being muted."""
        self.captions = False
        """Whether their device writes down for the others what they say."""
        self.hand: int | None = None
        self.connected = True
        self.since = round(time.time() * 1000)
        self.policies = deque[RoomPolicy](maxlen=MAX_POLICIES)
        self.filter, transcoder = media.workers.open(
            self.library.background(background), config.start_bitrate
        )
        self.background_choice = BackgroundChoice(background, self.library, self.filter, config.background)
        self.video = VideoPublication(transcoder, media.meter)
        self.requests = CameraRequests(config.width * config.height)
        self.first_request = self.requests.now
        """What every camera begins with."""
        self.overloaded = False
        """Whether the load costs others pictures or sharpness, and not only looks of the network."""
        self.hidden = HiddenCamera()
        self.receives: Receives = "all"
        self.shows_large = ""
        """Whose camera is shown large here, by id."""
        self.audio = AudioPublication(self.video.age)
        self.screen: Screen | None = None
        self.egresses: set[EgressConnection] = set()
        self.connections = PeerConnections(config, self.video, self.audio)
        self._config = config

    @property
    def background(self) -> str:
        """What is shown behind them."""
        return self.background_choice.shown

    @property
    def wanted(self) -> str:
        """The background that was chosen; the policy may show another one."""
        return self.background_choice.wanted

    @property
    def publishes(self) -> tuple[StreamKind, ...]:
        """What others can get now."""
        return ("video", "audio", *(self.screen.publishes if self.screen is not None else ()))

    @property
    def publisher(self) -> Publisher:
        """Where the browser's offers go."""
        return self.connections.publisher

    @property
    def subscriber(self) -> Subscriber | None:
        """What the browser receives on, once it is connected."""
        return self.connections.subscriber

    def describe(self) -> dict[str, Any]:
        """Return the Participant of the signalling protocol."""
        return {
            "id": self.id,
            "name": self.name,
            "audio": self.sends_audio,
            "video": self.sends_video,
            "deviceFilter": self.device_filter.now,
            "captions": self.captions,
            "connected": self.connected,
            "hand": self.hand,
            "quality": self.connections.quality.verdict,
        }

    def counters(self) -> Counters:
        """Return what became of this camera's frames, in short."""
        return counters_of(self.video, self.filter)

    @property
    def filtered_on_device(self) -> HowOften:
        """Tell whether the camera's pictures came filtered already, as the sender claims."""
        return self.device_filter.ever

    @property
    def frames(self) -> Frames:
        """What became of this camera's frames."""
        return frames_of(self.video, self.filter)

    @property
    def degraded(self) -> str | None:
        """Why the picture is less than it could be: `error`, `overload`, or None."""
        return "error" if self.filter.failing else "overload" if self.overloaded else None

    def receive(self, what: Receives, shows_large: str = "") -> None:
        """Send the others' cameras whole, in half of their pictures, or not at all, from the next `watch` on.

        Who is shown large here is cut down last.
        """
        self.receives, self.shows_large = what, shows_large
        self.connections.receive(saving=what == "saver", shows_large=shows_large)

    def choose(self, background: str, policy: RoomPolicy) -> None:
        """As BackgroundChoice.choose, under a room's policy."""
        self.background_choice.choose(background, self.grant.restrict(policy))

    def note(self, policy: RoomPolicy) -> RoomPolicy:
        """Remember, for the receipt, what a room's policy means here; return that."""
        policy = self.grant.restrict(policy)
        if not self.policies or self.policies[-1] != policy:
            self.policies.append(policy)
        return policy

    def obey(self, policy: RoomPolicy) -> bool:
        """As BackgroundChoice.obey, under a room's policy, which is remembered."""
        return self.background_choice.obey(self.note(policy))

    def set_media(self, *, audio: bool, video: bool, device_filter: bool = False) -> None:
        """Note what the participant sends, and whether the camera's picture is filtered on the device.

        Without video the picture is forgotten. Somebody who was muted is heard again after having said that there
        is no audio, and then that there is.
        """
        if not audio:
            self.muted_by = None
        self.sends_audio = audio and self.muted_by is None
        self.audio.paused = not self.sends_audio
        self._wants_video = video
        self.device_filter.say(device_filter, video=video)
        self.gate_camera()

    def gate_camera(self) -> bool:
        """Pass the camera on as policy and the sender's claim have it; tell whether that is a change."""
        allowed = not self.policies or self.policies[-1].allows_camera(device_filter=self.device_filter.now)
        before, self.sends_video = self.sends_video, self._wants_video is True and allowed
        # Whoever has said nothing about video may send it.
        self.video.paused = self._wants_video is False or not allowed
        if self.video.paused:
            self.video.reset()
        return self.sends_video != before

    def gate_captions(self, *, allowed: bool) -> bool:
        """Caption no more where that isn't allowed; tell whether that is a change."""
        ended = self.captions and not allowed
        self.captions = self.captions and allowed
        return ended

    def mute(self, by: str) -> bool:
        """Pass no audio on until the participant wants it again; tell whether any might be passed on."""
        if self.audio.paused:  # `sends_audio` is not asked: whoever has said nothing about sound may send it
            return False
        self.muted_by = by
        self.may_unmute = False
        self.sends_audio, self.audio.paused = False, True
        return True

    def adapt(self, now: float) -> None:
        """Send others what they can take, and receive what this browser can."""
        if self.subscriber is not None:
            self.subscriber.adapt(now)
        self.video.adapt(now)

    def govern(self, level: Level, *, held_back: bool = False, heavy: bool = False) -> None:
        """Give up what the server's load demands.

        `held_back` is whether others give up less, who cost less, `heavy` whether that lasts.
        """
        self.overloaded = level._replace(network_interval=FULL.network_interval) != FULL
        self.video.held_back, self.video.transcoder.heavy = held_back, heavy
        self.video.frame_rate, self.video.max_bitrate = level.frame_rate, level.bitrate
        self.filter.network_interval = level.network_interval
        self.filter.full_blur = level.full_blur

    def ask(self, now: float, *, pressed: bool, pixels: int) -> None:
        """Work out what the camera is to send, of so many px; `pressed` is whether the server gives anything up."""
        video = self.video
        self.requests.update(
            now,
            video.frame_rate,
            held_back=video.held_back,
            pixels=video.transcoder.pixels,
            pressed=pressed,
            wanted=pixels,
        )

    def ask_for_bits(self) -> None:
        """Ask a sender for less that takes no messages, by RTCP."""
        share = self.requests.now.frame_rate / FULL.frame_rate
        self.video.ask_for(None if share == 1 else int(share * self._config.max_bitrate))

    def connect(self, send_offer: OfferSender) -> Awaitable[object]:
        """Begin new connections, at once; return the end of those before."""
        self.receives, self.shows_large = "all", ""
        self.connected = True
        return self.connections.begin(send_offer)

    async def reconnect(self, send_offer: OfferSender) -> None:
        """Start receiving on a new connection; the one before ends."""
        before = self.connections.reconnect(send_offer)
        self.receive(self.receives, self.shows_large)
        await before

    async def close(self) -> None:
        """End everything."""
        self.connected = False
        await self.connections.close()
        self.video.close()
        self.audio.close()
        screen, self.screen = self.screen, None
        if screen is not None:
            await screen.close()

    def watch(self, streams: list[tuple[Participant, StreamKind]]) -> None:
        """Receive just these from now on."""
        if self.subscriber is not None:
            if self.receives == "none":
                streams = [(p, kind) for p, kind in streams if kind != "video" or p is self]
            found = ((p, kind, p.publication(kind)) for p, kind in streams)
            self.subscriber.watch(
                [Stream(p.id, kind, source, p is self) for p, kind, source in found if source]
            )

    def publication(self, kind: StreamKind) -> VideoPublication | ScreenPublication | AudioPublication | None:
        """Return what is published as that kind; a screen comes and goes."""
        match kind:
            case "video":
                return self.video
            case "audio":
                return self.audio
            case "screen":
                return self.screen.video if self.screen is not None else None
            case "screen-audio":
                return self.screen.audio if self.screen is not None else None
