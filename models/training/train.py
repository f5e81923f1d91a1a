"""The trainer: one loop for every network, on CPU and CUDA, resumable at every checkpoint."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.training.architectures.registry import build
from models.training.architectures.unet import UNet
from models.training.checkpoint import fill, load_checkpoint
from models.training.data.manifest import Manifest
from models.training.data.people import Store
from models.training.data.pictures import Floats
from models.training.data.ring import (
    ALPHA,
    CHANNELS,
    JOINTS,
    KNOWN,
    PICTURE,
    TEACHER,
    Bytes,
    Make,
    Ring,
    kept,
    with_teacher,
)
from models.training.data.rooms import kept_for_choosing, load_rooms, room_of
from models.training.data.samples import ARRIVALS, PIXELS, WHOLE, Draw, shapes
from models.training.data.scene import JOINT_KINDS
from models.training.disturb import disturbed
from models.training.losses import Prediction, Targets, total
from models.training.prepare import trained_people
from models.training.settings import Run, SettingsError
from models.training.teacher import Teacher

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
LOG_EVERY = 25
"""Steps between two lines of the log."""

SAVE_MINUTES = 3.0  # between two checkpoints; chosen

Progress = Callable[[int, int, str], None]
"""Called with image-iterations done, all of them, and a line about the losses."""


def draw_of(run: Run, prepared: Path, manifest: Manifest) -> Draw:
    """Return what draws the run's samples: of the people and rooms that aren't kept for choosing.

    Raises ManifestError where a source may not be trained on, BannedRoomError where a room may not, SettingsError where
    nobody, or no room, is left.
    """
    sources = run.data.sources or tuple(s.name for s in manifest.of_use("train"))
    store = Store(prepared)
    people = trained_people(store, manifest, sources)
    rooms = [room for room in load_rooms(prepared, manifest.banned) if not kept_for_choosing(room_of(room))]
    if not people or not rooms:
        raise SettingsError(
            f"{prepared}: {len(people)} people and {len(rooms)} rooms to train on, of {sources}"
        )
    return Draw(store, people, rooms, run.shares)


def maker_of(run: Run, draw: Draw, samples: Path | None = None) -> Make:
    """Return what makes the run's samples; those in `samples` serve every run that draws alike."""
    teacher = Teacher(Path(run.teacher), (PIXELS / run.pixels) ** 0.5) if run.teacher else None
    make = with_teacher(draw, teacher, run.seed * 10**8, vote=run.vote)
    if samples is None:
        return make
    teaches = Path(run.teacher).name
    alike = (CHANNELS, run.seed, run.pixels, teaches, run.vote, run.data.sources, run.shares, draw.labelled)
    return kept(make, samples / hashlib.sha256(repr(alike).encode()).hexdigest()[:12])


def device_of(name: str) -> torch.device:
    """Return a device, cpu or cuda or cuda:1; raises SettingsError where PyTorch has none of that name."""
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"no device {name} here: {str(error).splitlines()[0]}") from error


class Trainer:
    """One run in one folder."""

    def __init__(self, run: Run, folder: Path, make: Make, device: str = "cpu") -> None:
        torch.set_num_threads(run.threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(run.seed)
        self._run, self._folder, self._device = run, folder, device_of(device)
        folder.mkdir(parents=True, exist_ok=True)
        self._layout = torch.channels_last if run.channels_last else torch.contiguous_format
        self.network = build(run).to(self._device).to(memory_format=self._layout).train()
        self._head = self._second_head()
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self._parameters = [*self.network.parameters(), *(self._head.parameters() if self._head else ())]
        self._optimizer = torch.optim.AdamW(
            self._parameters, run.optimizer.rate, weight_decay=run.optimizer.decay
        )
        self._rng = np.random.default_rng(run.seed)
        self._rings = [Ring(shape, run.data.ring, make) for shape in shapes(run.pixels)]
        self._close = [Ring(shape, run.data.ring, make) for shape in ARRIVALS if run.data.arrivals]
        self._made = self.step = 0
        self._sums: dict[str, float] = defaultdict(float)

    def _second_head(self) -> nn.Conv2d | None:
        """Return what finds key points in the network's features while it trains; it is no part of the network."""
        if not self._run.losses.pose:
            return None
        if not isinstance(self.network, UNet):
            raise SettingsError(f"losses: pose needs a second head, which {self._run.architecture} has not")
        return nn.Conv2d(self.network.channels, JOINT_KINDS, 1).to(self._device)

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; return whether there is one."""
        path = self._folder / CHECKPOINT
        if not path.exists():
            return False
        state = load_checkpoint(path, self._device)
        fill(self.network, state, "network", path)
        if self._head:
            fill(self._head, state, "head", path)
        self._optimizer.load_state_dict(state["optimizer"])
        self.average, self.step, self._made = state["average"], state["step"], state["made"]
        self._rng = np.random.default_rng((self._run.seed, self.step))
        return True

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "head": self._head.state_dict() if self._head else None,
            "optimizer": self._optimizer.state_dict(),
            "average": self.average,
            "step": self.step,
            "made": self._made,
        }
        path = self._folder / CHECKPOINT
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def train(self, progress: Progress) -> None:
        """Train to the end of the schedule, or until it is interrupted, and save."""
        try:
            self._go_on(progress)
        except KeyboardInterrupt:
            self.save()
            raise
        self.save()

    def _go_on(self, progress: Progress) -> None:
        """Samples are made in a thread beside the steps."""
        run = self._run
        steps = run.images // run.batch
        saved = time.monotonic()
        for ring in self._rings + self._close:
            progress(self.step * run.batch, run.images, "first samples")
            self._fill(ring, run.data.first)
        with ThreadPoolExecutor(1) as beside:
            pending: Future[None] | None = None
            while self.step < steps:
                ring = self._next_ring()
                if pending:
                    pending.result()
                batch, expected = self._batch(ring), self._expected(ring)
                pending = beside.submit(self._fill, ring, max(1, run.batch // run.data.uses))
                self._learn(batch, expected, self.step / steps)
                if self.step % LOG_EVERY == 0:
                    progress(self.step * run.batch, run.images, self._log())
                if time.monotonic() - saved > 60 * SAVE_MINUTES:
                    self.save()
                    saved = time.monotonic()

    def _fill(self, ring: Ring, count: int) -> None:
        ring.add(self._made, count)
        self._made += count

    def _next_ring(self) -> Ring:
        if self._close and self._rng.random() < self._run.data.arrivals:
            return self._close[self._rng.integers(len(self._close))]
        if self._rng.random() < WHOLE:
            return self._rings[0]
        return self._rings[1 + self._rng.integers(len(self._rings) - 1)]

    def _batch(self, ring: Ring) -> Bytes:
        return ring.batch(self._run.batch, self._rng)

    def _expected(self, ring: Ring) -> Floats | None:
        return ring.mean_alpha() if self._run.losses.prior else None

    def _predicted(self, picture: Tensor) -> Prediction:
        if self._head is None or not isinstance(self.network, UNet):
            return Prediction(self.network(picture).float())
        features = self.network.features(picture)
        return Prediction(self.network.matte(features, picture).float(), self._head(features).float())

    def _learn(self, batch: Bytes, expected: Floats | None, done: float) -> None:
        settings = self._run.optimizer
        warm = min(1.0, (self.step + 1) / settings.warm_up)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.rate * warm * (0.5 * (1 + math.cos(math.pi * done)) + 0.01)
        picture, targets = self._tensors(batch, expected)
        device = self._device.type
        with torch.autocast(device, torch.bfloat16, enabled=self._run.bf16):
            mine = self._predicted(picture)
            other = self._predicted(disturbed(picture)) if self._run.losses.consistency else None
        terms = total(mine, targets, self._run.losses, other)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(terms["total"])
        nn.utils.clip_grad_norm_(self._parameters, settings.clip)
        self._optimizer.step()
        self.step += 1
        self._follow()
        for name, value in terms.items():
            self._sums[name] += float(value.detach())

    def _tensors(self, batch: Bytes, expected: Floats | None) -> tuple[Tensor, Targets]:
        def planes(part: Any) -> Tensor:  # noqa: ANN401 - a numpy index
            values = torch.from_numpy(np.ascontiguousarray(batch[part])).to(self._device)
            return (values.unsqueeze(1) if values.ndim == 3 else values.permute(0, 3, 1, 2)).float() / 255

        picture = planes(PICTURE).contiguous(memory_format=self._layout)
        prior = None if expected is None else torch.from_numpy(expected)[None, None].to(self._device)
        joints = (255 * planes(JOINTS)).round() if self._head else None
        return picture, Targets(planes(ALPHA), planes(KNOWN), planes(TEACHER), joints, prior)

    def _follow(self) -> None:
        """Move the averaged weights towards the network's; early on, faster."""
        stay = min(self._run.optimizer.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.dtype.is_floating_point:
                    self.average[name].mul_(stay).add_(value, alpha=1 - stay)
                else:
                    self.average[name].copy_(value)

    def _log(self) -> str:
        means = {name: value / LOG_EVERY for name, value in self._sums.items()}
        self._sums.clear()
        line = {"step": self.step, "images": self.step * self._run.batch, **means, "time": time.time()}
        with (self._folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        return " ".join(f"{name} {value:.4f}" for name, value in means.items())
