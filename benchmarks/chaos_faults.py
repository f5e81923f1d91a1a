"""What goes wrong in benchmarks.chaos: every kind of fault, as a coroutine that ends when the fault does."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import aiohttp

from benchmarks.chaos_camera import Camera
from benchmarks.chaos_line import Line
from benchmarks.chaos_media import SIZES, Clip
from benchmarks.chaos_people import Person
from benchmarks.chaos_whip import WhepViewer, WhipCamera

BACKGROUNDS = ("fjord", "blur", "blur-strong", "#204060", "#d0c0a0", "studio")
DAMAGE = {
    "loss of 5 %": {"drop": 0.05},
    "loss of 40 %": {"drop": 0.4},
    "loss in bursts": {"burst": 0.02},
    "packets repeated": {"repeat": 0.3},
    "packets reordered": {"reorder": 0.3},
    "payloads corrupted": {"corrupt": 0.3},
    "payloads truncated": {"truncate": 0.2},
    "payloads empty": {"empty": 0.3},
    "descriptors damaged": {"descriptor": 0.2},
    "padding": {"pad": 0.3},
    "marker bits flipped": {"marker": 0.2},
    "header extensions damaged": {"extensions": 0.3},
    "payload types of others": {"payload type": 0.1},
    "everything at once": {"drop": 0.05, "corrupt": 0.05, "reorder": 0.1, "truncate": 0.05, "marker": 0.05},
}
"""Faults of the line, and their rates: probabilities for each packet; chosen."""
NETWORK = {
    "network throws": "throw",
    "network's output not finite": "nan",
    "network slow": "slow",
    "network finds nobody": "zeros",
    "network's output of a wrong shape": "shape",
}
"""Faults of the workers' network, and their names in benchmarks.chaos_worker."""


@dataclass
class World:
    """Everybody, and what a fault needs to reach them."""

    http: aiohttp.ClientSession
    hosts: list[Person]
    guests: list[Person]
    desk: WhipCamera
    viewer: WhepViewer
    rng: random.Random

    @property
    def people(self) -> list[Person]:
        return [*self.hosts, *self.guests]

    def camera(self) -> tuple[Camera, Line]:
        """Choose one."""
        sending = [(each.camera, each.line) for each in self.people if each.camera is not None]
        return self.rng.choice([*sending, (self.desk.camera, self.desk.line)])

    async def while_it_lasts(self, longest: float = 2.5) -> None:
        await asyncio.sleep(self.rng.uniform(0.4, longest))

    async def sabotage(self, name: str) -> None:
        """Have benchmarks.chaos_server do something."""
        async with self.http.post(f"/chaos/{name}") as response:
            response.raise_for_status()

    @contextlib.asynccontextmanager
    async def sabotaged(self, name: str, remedy: str) -> AsyncIterator[None]:
        await self.sabotage(name)
        try:
            yield
        finally:
            await self.sabotage(remedy)


Fault = Callable[[World], Awaitable[None]]


def _line(rates: dict[str, float]) -> Fault:
    async def fault(world: World) -> None:
        _, line = world.camera()
        line.rates = dict(rates)
        await world.while_it_lasts()
        line.rates = {}

    return fault


def _jump(**steps: tuple[int, ...]) -> Fault:
    """Have the numbers of a camera's packets go on elsewhere."""

    async def fault(world: World) -> None:
        _, line = world.camera()
        for name, choices in steps.items():
            setattr(line, name, getattr(line, name) + world.rng.choice(choices))
        await world.while_it_lasts(1.0)

    return fault


def _course(**states: object) -> Fault:
    """Have a camera behave otherwise for a while."""

    async def fault(world: World) -> None:
        camera, _ = world.camera()
        for name, state in states.items():
            setattr(camera, name, state)
        await world.while_it_lasts()
        for name in states:
            setattr(camera, name, getattr(Camera, name))

    return fault


def _switch(*, size: bool, somebody: bool, keyframe: bool) -> Fault:
    """Have a camera show something else; without a keyframe decoders take what they have for its reference."""

    async def fault(world: World) -> None:
        camera, _ = world.camera()
        if size:
            camera.clip = camera.clip._replace(size=world.rng.choice(SIZES))
        if somebody:
            camera.clip = camera.clip._replace(somebody=not camera.clip.somebody)
        if keyframe:
            camera.rewind()
        await world.while_it_lasts()
        camera.clip = Clip(codec=camera.clip.codec)
        if keyframe:
            camera.rewind()

    return fault


def _sabotage(name: str, remedy: str, longest: float = 2.0) -> Fault:
    async def fault(world: World) -> None:
        async with world.sabotaged(name, remedy):
            await world.while_it_lasts(longest)

    return fault


async def kill_worker(world: World) -> None:
    await world.sabotage("kill")
    await world.while_it_lasts()


async def other_codec(world: World) -> None:
    person = world.rng.choice([each for each in world.people if each.camera is not None])
    assert person.camera is not None
    codec = "H264" if person.camera.clip.codec == "VP8" else "VP8"
    person.camera.clip = person.camera.clip._replace(codec=codec)
    await person.publish()
    await world.while_it_lasts()


async def publish_anew(world: World) -> None:
    await world.rng.choice(world.people).publish()
    await world.while_it_lasts(1.0)


async def subscribe_anew(world: World) -> None:
    await world.rng.choice(world.people).say("restart", connection="subscribe")
    await world.while_it_lasts(1.0)


async def change_background(world: World) -> None:
    person = world.rng.choice(world.people)
    await person.say("background", background=world.rng.choice(BACKGROUNDS))
    await world.while_it_lasts(1.0)


async def change_backgrounds_quickly(world: World) -> None:
    person = world.rng.choice(world.people)
    for _ in range(6):
        await person.say("background", background=world.rng.choice(BACKGROUNDS))
        await asyncio.sleep(0.15)


async def camera_off_and_on(world: World) -> None:
    person = world.rng.choice([each for each in world.people if each.camera is not None])
    await person.say("media", audio=False, video=False)
    await world.while_it_lasts(1.0)
    await person.say("media", audio=False, video=True)


async def clean_plate(world: World) -> None:
    person = world.rng.choice([each for each in world.people if each.camera is not None])
    assert person.camera is not None
    await person.say("plate", wanted=True)
    person.camera.clip = person.camera.clip._replace(somebody=False)
    person.camera.rewind()
    await world.while_it_lasts()
    person.camera.clip = person.camera.clip._replace(somebody=True)
    person.camera.rewind()
    await person.say("plate", wanted=False)


async def lose_connection(world: World) -> None:
    person = world.rng.choice(world.people)
    seat = person.seat
    await person.drop()
    await world.while_it_lasts(1.0)
    await person.join(seat=seat)


async def leave_and_return(world: World) -> None:
    person = world.rng.choice(world.people)
    await person.close()
    await world.while_it_lasts(1.0)
    await person.join()


async def lobby(world: World) -> None:
    person = world.rng.choice(world.guests)
    await person.close()
    await person.join(preview=True)
    await world.while_it_lasts(1.0)
    await person.say("enter")


async def remove(world: World) -> None:
    guest = world.rng.choice(world.guests)
    host = next(each for each in world.hosts if each.room == guest.room)
    await host.say("remove", participant=guest.id)
    await world.while_it_lasts(1.0)
    await host.say("allow", participant=guest.id)
    await guest.join()


def _policy(**policy: object) -> Fault:
    async def fault(world: World) -> None:
        host = world.rng.choice(world.hosts)
        await host.say("policy", policy=policy)
        await world.while_it_lasts()
        await host.say("policy", policy={"backgrounds": "any", "locked": False, "deviceFilter": "optional"})

    return fault


async def moderate(world: World) -> None:
    host = world.rng.choice(world.hosts)
    await host.say("policy", policy={"locked": True})
    await host.say("mute")
    await host.say("clear-lobby")
    await world.while_it_lasts(1.0)
    await host.say("policy", policy={"locked": False})


async def keyframe_requests(world: World) -> None:
    """Have a viewer ask for keyframes without end."""
    person = world.rng.choice(world.people)
    for _ in range(20):
        for screen in person.screens.values():
            if screen.receiver is not None:
                screen.receiver.send_pli()
        await asyncio.sleep(0.05)


async def narrow_viewer(world: World) -> None:
    """Have a viewer say that it can receive next to nothing."""
    person = world.rng.choice(world.people)
    for _ in range(10):
        for screen in person.screens.values():
            receiver = screen.receiver
            if receiver is not None and receiver._ssrc is not None:
                receiver._receiver.send_remb(receiver._ssrc, 20_000)
        await asyncio.sleep(0.1)


async def strange_datagrams(world: World) -> None:
    """Have strangers send STUN, DTLS and RTP that are none to a server's socket."""
    uplink = world.rng.choice(world.people).uplink or world.desk.uplink
    assert uplink is not None
    nominated = uplink.transport.ice._nominated
    if 1 not in nominated:
        return
    target = nominated[1].remote_addr
    with socket.socket(
        socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_DGRAM
    ) as stranger:
        for _ in range(100):
            first = world.rng.choice(
                (b"\0\1\0\x08\x21\x12\xa4\x42", b"\x16\xfe\xfd", b"\x15\xfe\xfd", b"\x80\x60")
            )
            with contextlib.suppress(OSError):
                stranger.sendto(first + world.rng.randbytes(world.rng.randrange(1, 200)), target)
            await asyncio.sleep(0.002)


async def damaged_reports(world: World) -> None:
    """Have a peer send RTCP that is none."""
    uplink = world.rng.choice(world.people).uplink or world.desk.uplink
    assert uplink is not None
    for _ in range(30):
        kind, size = world.rng.choice((200, 201, 202, 203, 205, 206)), world.rng.randrange(8, 64)
        with contextlib.suppress(ConnectionError):
            uplink.transport.send_rtcp(
                bytes((0x80 | world.rng.randrange(32), kind)) + world.rng.randbytes(size)
            )
        await asyncio.sleep(0.02)


End = Callable[[World], WhipCamera | WhepViewer]


def _anew(end: End) -> Fault:
    async def fault(world: World) -> None:
        await end(world).begin()
        await world.while_it_lasts(1.0)

    return fault


def _ice_restart(end: End) -> Fault:
    """Have a session restart ICE to where nobody is."""

    async def fault(world: World) -> None:
        await end(world).session.restart("abcd" + str(world.rng.randrange(1000)), "p" * 22)
        await world.while_it_lasts(1.5)
        await end(world).begin()

    return fault


FAULTS: dict[str, Fault] = {
    **{name: _line(rates) for name, rates in DAMAGE.items()},
    **{name: _sabotage(fault, "none") for name, fault in NETWORK.items()},
    "sequence numbers jump": _jump(number=(2, 40, 300, 1100, 20_000)),
    "timestamps jump": _jump(time=(1 << 31, 1, -90_000 * 3600, 90_000 * 86_400)),
    "another SSRC": _jump(source=(1, 99, 70_000)),
    "frames missing without a gap": _course(missing=0.4),
    "frames swapped": _course(swapped=0.3),
    "keyframes only": _course(keyframes_only=True),
    "keyframes only, 120 a second": _course(keyframes_only=True, fps=120.0),
    "one frame a second": _course(fps=1.0),
    "100 frames a second": _course(fps=100.0),
    "camera silent": _course(on=False),
    "requests for keyframes ignored": _course(deaf=True, missing=0.1),
    "person leaves and returns": _switch(size=False, somebody=True, keyframe=True),
    "splice without keyframe": _switch(size=False, somebody=True, keyframe=False),
    "size changes": _switch(size=True, somebody=False, keyframe=True),
    "size changes without keyframe": _switch(size=True, somebody=False, keyframe=False),
    "size changes, empty room": _switch(size=True, somebody=True, keyframe=True),
    "worker killed": kill_worker,
    "worker stopped": _sabotage("stop", "continue"),
    "machine busy": _sabotage("busy", "idle", 1.5),
    "other codec": other_codec,
    "published anew": publish_anew,
    "subscribed anew": subscribe_anew,
    "background changes": change_background,
    "backgrounds change quickly": change_backgrounds_quickly,
    "camera off and on": camera_off_and_on,
    "clean plate": clean_plate,
    "connection lost, seat taken back": lose_connection,
    "left and came back": leave_and_return,
    "through the lobby": lobby,
    "removed by a host": remove,
    "only blurs allowed": _policy(backgrounds="blur"),
    "one background for all": _policy(backgrounds=["#406080"]),
    "filter on the device required": _policy(deviceFilter="required"),
    "room locked, lobby cleared": moderate,
    "viewer asks for keyframes": keyframe_requests,
    "viewer on a narrow line": narrow_viewer,
    "datagrams of strangers": strange_datagrams,
    "RTCP damaged": damaged_reports,
    "WHIP anew": _anew(lambda world: world.desk),
    "WHIP ICE restart": _ice_restart(lambda world: world.desk),
    "WHEP anew": _anew(lambda world: world.viewer),
    "WHEP ICE restart": _ice_restart(lambda world: world.viewer),
}


def deck(rng: random.Random) -> Iterator[str]:
    """Yield kinds of faults without end: all of them, in an order by seed, then all of them again."""
    while True:
        kinds = list(FAULTS)
        rng.shuffle(kinds)
        yield from kinds
