"""Finding the person: a network, described by a card, run on a region of a frame."""

from __future__ import annotations

import hashlib
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from filters import kernels
from filters.base import Alpha, FilterError, ModelError, Plane, Planes

MIN_SIDE = 64
"""Network pixels: a network of free size gets no side shorter than this, however small the region."""

ROUNDING = 1e-3
"""How far from [0, 1] a matte may be: onnxruntime's sigmoid is approximate and now and then exceeds 1."""

DARK = 0.25
"""Mean of red, green and blue, of 1, below which a look is made lighter: in the dark, networks lose people, and take a
whole room for one. Measured with .25, .3 and, by a softer rule, .4: see models/README.md."""

LARGEST_GAIN = 8.0
"""What a dark look is multiplied by, at most: beyond it, 8 bits hold little but noise; chosen."""

MEAN_ROWS = 8  # of so many rows of a look one is taken for its mean; chosen

Blob: TypeAlias = NDArray[np.float32]
"""What a network takes and gives: float32, (1, channels, height, width)."""

Box: TypeAlias = tuple[int, int, int, int]
"""A region of a frame, in luma pixels: left, top, right, bottom; right and bottom are not included."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a network is and how to feed it: `<name>.toml`, beside the network's `<name>.onnx`.

    The network takes one RGB picture, float32 (1, 3, height, width), each channel (value / 255 - mean) / std,
    and gives its matte, float32 (1, 1, height, width) in [0, 1].
    """

    name: str
    description: str
    licence: str
    path: Path
    """The .onnx file as it was named; what is loaded is `network`."""
    network: bytes = field(repr=False)
    """The content of the file, whose checksum has been verified."""
    sha256: str
    input: str
    output: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, ...]
    """(height, width) of a network of fixed size, to which regions are squashed; () where any will do."""
    multiple: int
    """Height and width are multiples of this."""
    pixels: int
    """About height times width, where the caller doesn't say otherwise."""
    leak: float | None = None
    """Share of the true room that the whole filter shows in a frame, in % (benchmarks.quality); None: unknown."""
    union: float | None = None
    """The same collected over a clip."""


def load_card(name: str, folder: Path) -> ModelCard:
    """Read `folder/name.toml` and verify `folder/name.onnx` against it.

    Raises ModelError, naming the file and the reason, where either is missing or is not what it should be.
    """
    if not name or Path(name).name != name:
        raise ModelError(f"{name!r} is not the name of a model")
    path, network = folder / f"{name}.toml", folder / f"{name}.onnx"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: {error}") from error
    try:
        data = network.read_bytes()
    except OSError as error:
        raise ModelError(f"{network}: {error}") from error
    try:
        card = _card(table, network, data)
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from error
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelError(f"{network}: the checksum is not the one in {path.name}")
    return card


def _measured(table: dict[str, Any], name: str) -> float | None:
    filtered = table.get("measured", {}).get("filter", {})
    return _value(table, f"measured.filter.{name}", float) if name in filtered else None


def _card(table: dict[str, Any], network: Path, data: bytes) -> ModelCard:
    """Return a parsed card; raises ValueError, naming the key, where one is missing or wrong."""
    size = _numbers(table, "input.size", 2, int) if "size" in table.get("input", ()) else ()
    card = ModelCard(
        name=network.stem,
        description=_value(table, "description", str),
        licence=_value(table, "licence", str),
        path=network,
        network=data,
        sha256=_value(table, "sha256", str),
        input=_value(table, "input.name", str),
        output=_value(table, "output.name", str),
        mean=_numbers(table, "input.mean", 3, float),
        std=_numbers(table, "input.std", 3, float),
        size=size,
        multiple=2 if size else _value(table, "input.multiple", int),
        pixels=math.prod(size) if size else _value(table, "input.pixels", int),
        leak=_measured(table, "leak"),
        union=_measured(table, "union"),
    )
    if min(card.multiple, card.pixels, *card.std, *size) <= 0:
        raise ValueError("input.std, input.size, input.multiple and input.pixels should be positive")
    if any(n % 2 for n in (card.multiple, *size)):
        raise ValueError("input.multiple and input.size should be even, for the sake of 4:2:0")
    return card


def _value(table: dict[str, Any], key: str, kind: type[T]) -> T:
    """Return the value of the given kind at a dotted key."""
    value: object = table
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise ValueError(f"{key} is missing")
        value = value[part]
    if not isinstance(value, kind):
        raise ValueError(f"{key} should be of type {kind.__name__}")
    return value


def _numbers(table: dict[str, Any], key: str, count: int, kind: type[T]) -> tuple[T, ...]:
    """Return the list of `count` numbers at a dotted key."""
    values = _value(table, key, list)
    if len(values) != count or not all(isinstance(v, kind) for v in values):
        raise ValueError(f"{key} should be a list of {count} numbers of type {kind.__name__}")
    return tuple(values)


def network_size(width: int, height: int, pixels: int, multiple: int) -> tuple[int, int]:
    """Return the network's (width, height) for a region: its aspect ratio, at about `pixels` pixels.

    The networks know people of natural shape in pictures of one size. So small regions are enlarged, and only
    extremely long ones are squashed.
    """
    scale = math.sqrt(pixels / (width * height))
    longest = max(pixels // MIN_SIDE, MIN_SIDE)
    across, down = (min(max(side * scale, MIN_SIDE), longest) for side in (width, height))
    return max(round(across / multiple), 1) * multiple, max(round(down / multiple), 1) * multiple


def crop(planes: Planes, box: Box) -> Planes:
    """Return views of a region; where its left or top is odd, chroma begins half a chroma sample early."""
    left, top, right, bottom = box
    chroma = np.s_[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2]
    return Planes(planes.y[top:bottom, left:right], planes.u[chroma], planes.v[chroma])


def scale_into(plane: Plane, target: Plane) -> None:
    """Scale a plane into the whole of `target`, without aliasing worth mentioning.

    OpenCV is quick at area interpolation by a factor of two only; by others it costs ten times more.
    """
    height, width = target.shape
    while plane.shape[0] >= 2 * height and plane.shape[1] >= 2 * width:
        rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
        plane = cv2.resize(  # type: ignore[assignment]
            plane[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA
        )
    cv2.resize(plane, (width, height), dst=target, interpolation=cv2.INTER_LINEAR)


def scaled_down(planes: Planes, size: tuple[int, int]) -> Plane:
    """Return the picture at (width, height), both even, its planes one after the other: uint8 (1.5 height, width)."""
    width, height = size
    packed = np.empty((height * 3 // 2, width), np.uint8)
    for plane, target in zip(planes, _unpacked(packed), strict=True):
        scale_into(plane, target)
    return packed


def _unpacked(packed: Plane) -> Planes:
    """Return views of the planes of a packed 4:2:0 picture."""
    height, width = packed.shape[0] * 2 // 3, packed.shape[1]
    u, v = packed[height:].reshape(2, height // 2, width // 2)
    return Planes(packed[:height], u, v)


def to_rgb(packed: Plane) -> NDArray[np.uint8]:
    """Return a packed picture as uint8 (height, width, 3) RGB; it is of BT.601 limited range, as WebRTC carries it."""
    return cv2.cvtColor(packed, cv2.COLOR_YUV2RGB_I420)  # type: ignore[return-value]


def light_gain(mean: float) -> float:
    """Return what a look is multiplied by whose mean is `mean`, of 1: 1 where it isn't dark."""
    return min(max(DARK / max(mean, DARK / LARGEST_GAIN), 1.0), LARGEST_GAIN)


class Segmenter:
    """A network, ready to run; one serves all streams and threads, since it keeps nothing between frames."""

    def __init__(self, card: ModelCard, *, threads: int = 1) -> None:
        """Load the network and try it; raises ModelError where it is not what its card says."""
        self.card = card
        self._gain = np.array([1 / (255 * std) for std in card.std], np.float32)
        self._bias = np.array([-m / std for m, std in zip(card.mean, card.std, strict=True)], np.float32)
        self._session = _session(card, threads)
        grey = np.full((640, 360), 128, np.uint8)
        try:
            for plane in (grey, grey.T):
                self(Planes(plane, plane[::2, ::2], plane[::2, ::2]))
        except FilterError as error:
            raise ModelError(f"{card.path}: {error}") from error

    def __call__(self, planes: Planes, box: Box | None = None, pixels: int | None = None) -> Alpha:
        """Return the matte of the region of the frame, at the network's own size; None is the whole frame.

        `pixels` is the network's height times width, instead of the card's value. Raises FilterError when
        the region is empty and when the network fails or gives anything but finite numbers in [0, 1].
        """
        width, height = planes.size
        left, top, right, bottom = box or (0, 0, width, height)
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise FilterError(f"{box} is not a region of a frame of {width}x{height}")
        region = crop(planes, (left, top, right, bottom))
        size = self.size(right - left, bottom - top, pixels)
        return self._run(self._lightened(self._blob(scaled_down(region, size))))

    def size(self, width: int, height: int, pixels: int | None = None) -> tuple[int, int]:
        """Return the (width, height) at which a region of that size is looked at."""
        card = self.card
        if card.size:
            return card.size[1], card.size[0]
        return network_size(width, height, pixels or card.pixels, card.multiple)

    def _blob(self, packed: Plane) -> Blob:
        height, width = packed.shape[0] * 2 // 3, packed.shape[1]
        blob = np.empty((1, 3, height, width), np.float32)
        stacked = blob.reshape(3 * height, width)
        if kernels.native.to_network(*_unpacked(packed), *self._gain, *self._bias, stacked):
            return blob
        for channel, target, gain, bias in zip(
            cv2.split(to_rgb(packed)), blob[0], self._gain, self._bias, strict=True
        ):
            np.multiply(channel, gain, out=target)
            if bias:
                target += bias
        return blob

    def _lightened(self, blob: Blob) -> Blob:
        """Make a dark look lighter, in place; what is brighter than white is white."""
        rgb = blob[0, :, ::MEAN_ROWS].mean(axis=(1, 2))
        gain = light_gain(float(((rgb - self._bias) / (255 * self._gain)).mean()))
        if gain > 1:
            for channel, unit, black in zip(blob[0], 255 * self._gain, self._bias, strict=True):
                channel -= black
                channel *= np.float32(gain)
                np.minimum(channel, unit, out=channel)
                channel += black
        return blob

    def _run(self, blob: Blob) -> Alpha:
        try:
            (result,) = self._session.run([self.card.output], {self.card.input: blob})
        except Exception as error:  # onnxruntime's errors have no other base class
            raise FilterError(f"the network failed: {error}") from error
        if result.dtype != np.float32 or result.shape != (1, 1, *blob.shape[2:]):
            raise FilterError(f"the network gave {result.dtype} {result.shape} for {blob.shape}")
        alpha: Alpha = result[0, 0]
        if not (alpha.min() >= -ROUNDING and alpha.max() <= 1 + ROUNDING):  # so put, NaN fails too
            raise FilterError("the network gave something that is not a number in [0, 1]")
        return np.clip(alpha, 0, 1, out=alpha)


def _session(card: ModelCard, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(card.network, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no other base class
        raise ModelError(f"{card.path}: {error}") from error
