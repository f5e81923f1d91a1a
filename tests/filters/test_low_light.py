"""Low-light correction: a person in the dark gets lighter, steadily, and nothing else changes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from filters.backgrounds.background import Blur, Color
from filters.base import Alpha, FilterError, Plane, Planes, planes_of
from filters.effects import Effects, parse_effects
from filters.low_light import (
    BLACK,
    MAX_GAIN,
    TARGET,
    WHITE,
    LowLight,
    chroma_table,
    gain_for,
    lighten,
    luma_table,
)
from filters.matting.segmenter import Box
from filters.person import PersonFilter
from tests.support.placed import KnownMattes, Place, frame_at, matte_at

PLACE = Place(0.5, 0.9)
MATTE = matte_at(PLACE)
DARK = 0.35  # of the photo's light
STEP = 1 / 30  # s
GREEN = Color(0, 120, 0)


def planes(light: float) -> Planes:
    return planes_of(frame_at(PLACE, 0, light=light))


def corrected(low_light: LowLight, frame: Planes, matte: Plane, time: float) -> Planes:
    return lighten(frame, matte, low_light.look(frame.y, matte, time))


def of_person(luma: Plane) -> float:
    """Return the level that nine tenths of the person are under."""
    return float(np.percentile(luma[MATTE == 255], 90))


@pytest.mark.parametrize("light", [0.2, DARK, 0.45])
def test_somebody_in_the_dark_comes_nearer_to_the_target(light: float) -> None:
    dark = planes(light)
    lit = corrected(LowLight(), dark, MATTE, 0.0)
    before, after = of_person(dark.y), of_person(lit.y)
    assert before + 5 < after <= TARGET + 1
    if gain_for(before) < MAX_GAIN:
        assert after == pytest.approx(TARGET, abs=2)


def test_in_good_light_every_bit_stays() -> None:
    assert LowLight().look(planes(1.0).y, MATTE, 0.0) == 1.0
    frames = []
    for background in (GREEN, Blur()):
        for effects in (Effects(), Effects(low_light=True)):
            person = PersonFilter(no_network, background, matte=KnownMattes([MATTE]))
            person.effects = effects
            shown = person.filter(frame_at(PLACE, 0))
            assert shown is not None
            frames.append(planes_of(shown.frame))
    for off, on in (frames[:2], frames[2:]):
        assert all(np.array_equal(a, b) for a, b in zip(off, on, strict=True))


def test_the_room_keeps_its_light() -> None:
    dark = planes(DARK)
    lit = corrected(LowLight(), dark, MATTE, 0.0)
    assert np.array_equal(lit.y[MATTE == 0], dark.y[MATTE == 0])
    rim = (MATTE > 0) & (MATTE < 128)
    inside = MATTE == 255
    more = lit.y.astype(int) - dark.y
    assert more[rim].mean() < more[inside].mean() / 2


@pytest.mark.parametrize("gain", [1.0, 1.3, MAX_GAIN])
def test_the_curve_is_monotone_and_keeps_black_and_white(gain: float) -> None:
    table = luma_table(gain).astype(int)
    assert (np.diff(table) >= 0).all()
    assert np.diff(table).max() <= np.ceil(gain)
    outside = np.r_[0 : BLACK + 1, WHITE:256]
    assert np.array_equal(table[outside], outside)
    assert (table >= np.arange(256)).all()
    assert chroma_table(gain)[128] == 128


def test_what_was_light_enough_is_left_and_the_rest_is_raised_without_a_jump() -> None:
    gains = [gain_for(level) for level in range(256)]
    assert set(gains[TARGET:]) == {1.0}
    assert gains[TARGET - 1] < 1.03
    assert all(a >= b for a, b in pairwise(gains))
    assert max(gains) == MAX_GAIN


def test_nothing_flickers_when_the_cameras_exposure_does() -> None:
    low_light = LowLight()
    seen = [planes(light) for light in (DARK, DARK * 1.1)]
    for i in range(60):
        corrected(low_light, seen[i % 2], MATTE, i * STEP)
    lit = [corrected(low_light, seen[0], MATTE, (60 + i) * STEP).y[MATTE == 255].mean() for i in range(10)]
    assert np.abs(np.diff(lit)).max() < 0.3


def test_it_takes_seconds_to_follow_the_light() -> None:
    low_light, light, dark = LowLight(), planes(1.0), planes(DARK)
    corrected(low_light, light, MATTE, 0.0)
    means = [corrected(low_light, dark, MATTE, i * STEP).y[MATTE == 255].mean() for i in range(1, 300)]
    assert means[0] == dark.y[MATTE == 255].mean()
    assert np.abs(np.diff(means)).max() < 2.5  # levels a frame: the light is there after a second
    assert means[-1] > means[0] + 10


def test_nobody_and_a_gap_are_survived() -> None:
    low_light = LowLight()
    dark, nobody = planes(DARK), np.zeros_like(MATTE)
    assert low_light.look(dark.y, nobody, 0.0) == 1.0
    lit = corrected(low_light, dark, MATTE, 1.0)
    assert np.array_equal(corrected(low_light, dark, nobody, 2.0).y, dark.y)
    again = corrected(low_light, dark, MATTE, 0.5)  # the stream's clock was set back
    assert np.array_equal(lit.y, again.y)


def no_network(planes: Planes, box: Box | None = None, pixels: int | None = None) -> Alpha:
    raise AssertionError


def test_the_background_stays_as_it_is() -> None:
    person = PersonFilter(no_network, Color(10, 10, 60), matte=KnownMattes([MATTE] * 2))
    plain = person.filter(frame_at(PLACE, 0, light=DARK))
    person.effects = Effects(low_light=True)
    lit = person.filter(frame_at(PLACE, 1, light=DARK))
    assert plain is not None
    assert lit is not None
    before, after = planes_of(plain.frame), planes_of(lit.frame)
    assert np.array_equal(before.y[MATTE == 0], after.y[MATTE == 0])
    assert of_person(after.y) > of_person(before.y) + 10


def test_effects_are_read() -> None:
    assert parse_effects("") == Effects()
    assert parse_effects("framing") == Effects(framing=True)
    assert parse_effects("low-light, framing") == Effects(framing=True, low_light=True)
    with pytest.raises(FilterError, match="framing, low-light"):
        parse_effects("sepia")
