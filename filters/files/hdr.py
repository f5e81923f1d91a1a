"""High dynamic range made standard: HLG and PQ pictures as an SDR screen, and the filter, should see them.

The reference white of both (203 cd/m², ITU-R BT.2408) becomes SDR white, so that people have the brightness that the
backgrounds have; what is brighter is compressed into the last tenth, with the hue kept.
"""

from __future__ import annotations

from functools import cache
from typing import Final, TypeAlias, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

PQ: Final = 16  # transfer characteristics, ISO/IEC 23091-2
HLG: Final = 18  # transfer characteristics, ISO/IEC 23091-2
BT_709: Final = 1  # primaries and transfer
WHITE: Final = 203.0  # cd/m², ITU-R BT.2408, 2.2
HLG_PEAK: Final = 1000.0  # cd/m² of the nominal HLG screen, ITU-R BT.2100, note 5f
HLG_GAMMA: Final = 1.2  # its system gamma, ITU-R BT.2100, table 5
KNEE: Final = 0.9  # of SDR white; brighter is compressed
PEAK: Final = 10_000.0 / WHITE  # what PQ can say at most
# ITU-R BT.2087, annex 1: linear BT.2020 to linear BT.709, for B, G, R.
TO_BT709: Final = np.array(
    [[1.1187, -0.1006, -0.0182], [-0.0083, 1.1329, -0.1246], [-0.0728, -0.5876, 1.6605]], np.float32
)
BT2020_LUMA: Final = np.array([[0.0593, 0.6780, 0.2627]], np.float32)  # of B, G, R
BT2020_PRIMARIES: Final = 9  # colour primaries, ISO/IEC 23091-2
STEPS: Final = 4096  # of the curves back to 8 bits; chosen

Linear: TypeAlias = NDArray[np.float32]
"""Linear light (h, w, 3), blue first; 1 is SDR white."""


def is_hdr(frame: av.VideoFrame) -> bool:
    """Tell whether the frame's transfer is PQ or HLG (ITU-R BT.2100)."""
    return frame.color_trc in (PQ, HLG)


def to_sdr(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return the picture of a PQ or HLG frame as 8-bit B, G, R with BT.709's primaries, (h, w, 3)."""
    code = frame.reformat(format="bgr48le", threads=1).to_ndarray().astype(np.uint16, copy=False)
    light = np.take(_pq() if frame.color_trc == PQ else _hlg(), code)
    if frame.color_trc == HLG:
        # The screen's brightness grows with the scene's luminance: ITU-R BT.2100, table 5, OOTF.
        luminance = cv2.transform(light, BT2020_LUMA)
        light *= (np.float32(HLG_PEAK / WHITE) * luminance ** np.float32(HLG_GAMMA - 1))[..., None]
    if frame.color_primaries in (BT2020_PRIMARIES, 2):  # also where not told: both are defined for BT.2020
        light = cast(Linear, cv2.transform(light, TO_BT709))
    return _encoded(_compressed(np.maximum(light, 0)))


def _compressed(light: Linear) -> Linear:
    """Scale what is brighter than the knee, all three colours alike, so that the peak becomes 1."""
    brightest = np.maximum(light.max(axis=2), np.float32(KNEE))
    over, room = (brightest - KNEE) / (PEAK - KNEE), 1 - KNEE
    # A curve with slope 1 at the knee that ends at the peak.
    slope = (PEAK - KNEE) / room
    scaled = KNEE + room * slope * over / (1 + (slope - 1) * over)
    return cast(Linear, light * (scaled / brightest).astype(np.float32)[..., None])


def _encoded(light: Linear) -> NDArray[np.uint8]:
    """Return sRGB's code values (IEC 61966-2-1), as those of the backgrounds."""
    steps = np.sqrt(np.clip(light, 0, 1)) * np.float32(STEPS - 1)  # more of them where it is dark
    return cast(NDArray[np.uint8], np.take(_srgb(), (steps + np.float32(0.5)).astype(np.uint16)))


@cache
def _srgb() -> NDArray[np.uint8]:
    light = np.linspace(0, 1, STEPS) ** 2
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return cast(NDArray[np.uint8], np.rint(255 * curve).astype(np.uint8))


@cache
def _pq() -> NDArray[np.float32]:
    """Return the light of each of 65,536 codes (SMPTE ST 2084), 1 is SDR white."""
    power = np.linspace(0, 1, 1 << 16) ** (32 / 2523)
    ratio = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
    return cast(NDArray[np.float32], (10_000 / WHITE * ratio ** (16384 / 2610)).astype(np.float32))


@cache
def _hlg() -> NDArray[np.float32]:
    """Return the light of the scene in [0, 1] of each of 65,536 codes (ITU-R BT.2100, table 5, inverse OETF)."""
    code = np.linspace(0, 1, 1 << 16)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return cast(
        NDArray[np.float32],
        np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12).astype(np.float32),
    )
