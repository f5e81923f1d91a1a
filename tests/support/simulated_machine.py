"""A machine of a few cores on which cameras, the event loop and other programs have to get along."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from server.media.camera_costs import PIXEL_SHARES, USUAL_PICTURE, Use, bits_factor
from server.media.camera_request import CameraRequests
from server.media.governor import FULL, Governor, Level
from server.media.headroom import MachineLoad

TICK = 0.25  # seconds
LOOK = 0.5  # seconds between two looks of the governor
STEPS = 20  # of bisection, to a millionth
LONGEST_WAIT = 0.1  # seconds of work that waits for a worker; the rest is dropped


@dataclass
class SimulatedCamera:
    """One camera: what it costs, in seconds of CPU time, and what has become of it."""

    rate: float = 30.0
    decode: float = 0.6e-3
    look: float = 2.5e-3
    looks: float = 0.9
    rest: float = 1.4e-3
    encode: float = 1.0e-3
    send: float = 0.5e-3
    wants: float = 30.0
    """What it sends where nobody asks for less."""
    requests: CameraRequests | None = None
    """What it has been asked for, if it obeys."""
    worker: int = 0
    room: str = ""
    shown_large: bool = False
    inside: bool = True
    pixels: int = USUAL_PICTURE
    captures: int = USUAL_PICTURE
    """Of a picture where nobody asks for a smaller one, if it obeys."""
    dearer: float = 1.0
    """Times what is usual that large pictures cost."""
    level: Level = FULL
    shown: float = 0.0
    """Pictures so far."""
    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(Use._fields, 0.0))

    def ask(self, now: float, wanted: int) -> None:
        """Send no more than is shown, from now on."""
        self.rate = self.wants
        if self.requests is not None:
            rate, pressed = self.level.frame_rate, self.level != FULL
            self.requests.update(
                now, rate, held_back=False, pixels=self.pixels, pressed=pressed, wanted=wanted
            )
            self.rate = min(self.wants, self.requests.now.frame_rate)
            self.pixels = round(self.captures / self.requests.now.scale_down**2)

    def stage(self, name: str) -> float:
        """Return what a stage takes for a picture of the present size."""
        share = PIXEL_SHARES.get(name, 0.0) if self.requests is not None else 0.0
        times = self.pixels / USUAL_PICTURE
        dearer = self.dearer if times > 1 else 1.0
        seconds: float = getattr(self, name)
        return seconds * (1 - share + share * times) * dearer

    def use(self) -> Use:
        """Return what a server would have measured."""
        spent, level = self.spent, self.level
        return Use(
            received=int(spent["received"]),
            decoded=int(spent["decoded"]),
            pictures=int(spent["pictures"]),
            looks=int(spent["looks"]),
            decode=spent["decode"],
            network=spent["network"],
            rest=spent["rest"],
            encode=spent["encode"],
            send=spent["send"],
            pixels=self.pixels,
            bitrate=level.bitrate,
            network_interval=level.network_interval,
            full_blur=level.full_blur,
            worker=self.worker,
            room=self.room,
            steerable=self.requests is not None,
            shown_large=self.shown_large,
            inside=self.inside,
        )

    def picture(self, level: Level) -> dict[str, float]:
        """Return what the next picture costs."""
        encode = self.stage("encode") * bits_factor(level.bitrate)
        if level.full_blur:
            return {"network": 0.0, "rest": self.stage("rest") / 4, "encode": encode}
        return {
            "network": self.look * self.looks / level.network_interval,
            "rest": self.stage("rest"),
            "encode": encode,
        }


@dataclass
class Moment:
    """What was shown between two looks."""

    time: float
    rates: list[float]
    """Pictures a second of each camera."""
    idle: float
    """Share of the cores."""
    given_up: int
    sizes: list[int]
    """Pixels of each camera."""


class SimulatedMachine:
    """Runs a governor. The event loop and other programs come first, as workers are nice."""

    def __init__(
        self,
        cameras: int = 8,
        cores: float = 2.0,
        workers: int = 2,
        noise: float = 0.05,
        large: int = USUAL_PICTURE,
    ) -> None:
        self.cameras = [SimulatedCamera(worker=i % workers) for i in range(cameras)]
        self.governor = Governor(large)
        self.cores = cores
        self.workers = dict.fromkeys(range(workers), 1.0)
        self.others: Callable[[float], float] = lambda now: 0.1
        """Cores that other programs take."""
        self.greedy = False
        """Whether another program takes, besides, whatever is idle."""
        self.rivals: Callable[[float], int] = lambda now: 0
        """Threads of other programs that each want a core all the time, and share it fairly with the workers."""
        self.weight = 1.0
        """Of a rival for the scheduler, in times of a worker's."""
        self.tells_waiting = True
        """Whether the scheduler tells how long the workers have waited for a core."""
        self.loop = 0.03 * cameras
        """Cores that the event loop takes besides sending pictures."""
        self.tells_idle = True
        self.now = 0.0
        self._noise = noise
        self._random = random.Random(1)
        self._queues = dict.fromkeys(range(workers), 0.0)
        self._wait = 0.0
        self._ran = self._stood = 0.0
        """Seconds for which the workers had a core, and wanted one in vain, since the governor's last look."""

    def run(self, seconds: float) -> list[Moment]:
        """Go on for a while."""
        return list(self._run(self.now + seconds))

    def _run(self, until: float) -> Iterator[Moment]:
        while self.now < until - TICK / 2:
            before = [camera.shown for camera in self.cameras]
            idle = loop = self._wait = self._ran = self._stood = 0.0
            for _ in range(round(LOOK / TICK)):
                idled, looped = self._tick()
                idle, loop = idle + idled, loop + looped
            self._observe(idle / LOOK, loop / LOOK)
            rates = [(c.shown - then) / LOOK for c, then in zip(self.cameras, before, strict=True)]
            sizes = [camera.pixels for camera in self.cameras]
            yield Moment(self.now, rates, idle / LOOK / self.cores, self.governor.given_up, sizes)

    def _tick(self) -> tuple[float, float]:
        """Return the seconds of CPU time that were idle, and that the event loop has taken."""
        self.now += TICK
        noise = {id(c): self._random.gauss(1.0, self._noise) for c in self.cameras}
        for i, camera in enumerate(self.cameras):
            camera.level = self.governor.level_of(str(i))
        due = {id(c): TICK * min(c.rate, c.level.frame_rate) for c in self.cameras}
        sending = sum(due[id(c)] * c.stage("send") for c in self.cameras)
        loop = self.loop * TICK + sending
        left = max(0.1 * TICK, (self.cores - self.others(self.now)) * TICK - loop)
        wanted = {}
        for worker in self.workers:
            theirs = [c for c in self.cameras if c.worker == worker]
            wanted[worker] = sum(
                (c.rate * TICK * c.stage("decode") + due[id(c)] * sum(c.picture(c.level).values()))
                * noise[id(c)]
                for c in theirs
            )
        waiting = {w: min(wanted[w] + self._queues[w], wanted[w] + LONGEST_WAIT) for w in self.workers}
        wants = {worker: min(1.0, seconds / TICK) for worker, seconds in waiting.items()}
        rivals = self.rivals(self.now)
        most = self._level(wants, left / TICK, rivals)
        used = TICK * rivals * min(1.0, most * self.weight)
        for worker, seconds in waiting.items():
            can = TICK * min(wants[worker], most)
            used += can
            self._note_waiting(wants, worker, can / TICK, left / TICK, rivals)
            self._queues[worker] = min(LONGEST_WAIT, max(0.0, seconds - can))
            self._wait = max(self._wait, self._queues[worker])
            done = min(1.0, can / max(1e-9, wanted[worker]))
            for camera in self.cameras:
                if camera.worker == worker:
                    self._work(camera, due[id(camera)] * done, done, noise[id(camera)])
        return 0.0 if self.greedy else max(0.0, left - used), loop

    def _level(self, wants: Mapping[int, float], cores: float, rivals: int) -> float:
        """Return what a worker can have at most of so many `cores`, where who wants less leaves it to the others."""
        low, high = 0.0, 1.0
        for _ in range(STEPS):
            middle = (low + high) / 2
            taken = sum(min(want, middle) for want in wants.values()) + rivals * min(
                1.0, self.weight * middle
            )
            low, high = (middle, high) if taken <= cores else (low, middle)
        return high

    def _note_waiting(
        self, wants: Mapping[int, float], worker: int, ran: float, cores: float, rivals: int
    ) -> None:
        """Note that while it wants a core a worker has as much of it as if it wanted one all the time."""
        speed = self._level({**wants, worker: 1.0}, cores, rivals)
        self._ran += ran * TICK
        self._stood += (ran / speed - ran) * TICK

    def _work(self, camera: SimulatedCamera, pictures: float, share: float, noise: float) -> None:
        frames, spent, level = camera.rate * TICK, camera.spent, camera.level
        camera.shown += pictures
        spent["received"] += frames
        spent["decoded"] += frames * share
        spent["decode"] += frames * share * camera.stage("decode") * noise
        spent["pictures"] += pictures
        spent["looks"] += 0.0 if level.full_blur else pictures * camera.looks / level.network_interval
        for stage, seconds in camera.picture(level).items():
            spent[stage] += pictures * seconds * noise
        spent["send"] += pictures * camera.stage("send")

    def _observe(self, idle: float, loop: float) -> None:
        for i, camera in enumerate(self.cameras):
            camera.ask(self.now, self.governor.pixels(str(i)))
        uses = {str(i): camera.use() for i, camera in enumerate(self.cameras)}
        seen = idle + self._random.gauss(0.0, 0.01) if self.tells_idle else None
        told = self.tells_waiting and self._ran > 0
        attainable = len(self.workers) * self._ran / (self._ran + self._stood) if told else None
        load = MachineLoad(self.cores, seen, loop, self.workers, self._wait, attainable)
        self.governor.observe(self.now, load, uses)
