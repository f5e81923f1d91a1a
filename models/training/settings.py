"""A run's settings: one TOML file, and nothing that isn't in it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

from models.training.data.samples import PIXELS
from models.training.data.scene import Shares

T = TypeVar("T")


class SettingsError(ValueError):
    """A run can't be as its file, or the command, has it: an unknown key, a value of another type, no such device."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """AdamW with warm-up and a cosine, gradients clipped, and a moving average of the weights."""

    rate: float = 1e-4
    decay: float = 1e-5
    warm_up: int = 200
    """Steps."""
    clip: float = 0.5
    """Largest norm of the gradients."""
    average: float = 0.998
    """How much of the averaged weights stays at each step."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each term counts; 0 leaves it out. The last seven weigh pixels within the terms."""

    cross_entropy: float = 0.5
    absolute: float = 2.0
    distillation: float = 1.0
    forgotten: float = 0.0
    hardest: float = 0.0
    consistency: float = 0.0
    boundary_class: float = 0.0
    gradient: float = 0.0
    pose: float = 0.0
    """Needs a network with a second head, and people whose key points are labelled."""
    lost: float = 2.0
    edge: float = 0.0
    prior: float = 0.0
    """How many times more a pixel counts where outlines are likeliest."""
    kept: float = 3.0
    right: float = 1.0
    """What the truth counts where the teacher is right; below 1 it is learned from mostly where the teacher errs."""
    thick: int = 0
    """Pixels: what the teacher gets wrong in less width is left to it, since truths cut by hand are rough at hair."""
    sure: float = 0.002
    """How far from 0 and 1 the mattes of a teacher, and of a clean picture, are kept as targets."""


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which people, and the ring of samples."""

    ring: int = 1200
    """Samples kept of each shape."""
    first: int = 160
    """Samples of each shape before the first step."""
    arrivals: float = 0.0
    """The share of steps with close looks at who comes in at a side."""
    uses: int = 4
    """How often a sample is used, about."""
    sources: tuple[str, ...] = ()
    """Only people of these sources; () for all that the manifest allows to train on."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """After the training, alone: the network adapts itself to each camera by its frames, without truth."""

    epochs: int = 0
    """How often each frame is seen; 0 leaves it out."""
    batch: int = 6
    rate: float = 1e-4


@dataclass(frozen=True, slots=True)
class Run:
    """One training."""

    architecture: str = "selfie"
    init: str = ""
    """What to start from: an .onnx file of the selfie graph, torchvision's .pth of MobileNetV2; for the others
    a checkpoint of the same network; "" from scratch."""
    teacher: str = ""
    vote: bool = True
    """Whether the teacher is the vote of several looks; else its one look at the sample as it is."""
    seed: int = 1
    images: int = 100_000
    """Image-iterations of the whole schedule."""
    batch: int = 16
    pixels: int = PIXELS
    """About height × width of a look at the whole frame; the card says the same."""
    threads: int = 2
    width: float = 1.0
    """Channels of a network, as a share of the article's."""
    bf16: bool = False
    channels_last: bool = True
    """How pictures lie in memory; faster where torch manages."""
    optimizer: Optimizer = field(default_factory=Optimizer)
    losses: LossWeights = field(default_factory=LossWeights)
    shares: Shares = field(default_factory=Shares)
    data: DataSettings = field(default_factory=DataSettings)
    adaptation: Adaptation = field(default_factory=Adaptation)


def load_run(path: Path, *folders: Path) -> Run:
    """Read a run's settings and, where there are folders, locate in them what it starts from.

    Raises SettingsError, naming the key, where one is wrong.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    run = parse(Run, table, str(path))
    return located(run, *folders) if folders else run


def located(run: Run, *folders: Path) -> Run:
    """Return the run with its `init` and `teacher`, where they are relative, in the first folder that holds them.

    Raises SettingsError, naming the key and the folders, where none does.
    """
    return replace(
        run, init=_found("init", run.init, folders), teacher=_found("teacher", run.teacher, folders)
    )


def _found(key: str, name: str, folders: tuple[Path, ...]) -> str:
    places = [folder / name for folder in folders]  # an absolute name stays as it is
    for place in places:
        if name and place.exists():
            return str(place)
    if name:
        raise SettingsError(f"{key} isn't there: {' or '.join(str(place) for place in places)}")
    return name


def parse(kind: type[T], table: dict[str, Any], where: str) -> T:
    """Return a dataclass from a table; what the table doesn't name has its default."""
    known = {f.name: f for f in fields(cast(Any, kind))}
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise SettingsError(f"{where}: {key} is not known; {', '.join(known)} are")
        values[key] = _value(hints[key], value, f"{where}: {key}")
    return kind(**values)


def _value(hint: Any, value: object, where: str) -> object:  # noqa: ANN401 - a type
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise SettingsError(f"{where} should be a table")
        return parse(cast(type, hint), value, where)
    if hint == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise SettingsError(f"{where} should be a list of strings")
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise SettingsError(f"{where} should be of type {hint.__name__}")
    return value
