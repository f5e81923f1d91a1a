"""Framing: the person comes to the middle, slowly and steadily; the picture keeps its size and hides the room."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from filters.backgrounds.background import Blur, Color
from filters.backgrounds.base import Background
from filters.base import Alpha, Plane, Planes, planes_of
from filters.compositor import composite, composite_crop
from filters.effects import Effects
from filters.framing import HEADROOM, MAX_ZOOM, WHOLE, CropBox, Framing, find_extent, framed
from filters.matting.follow import Point
from filters.matting.segmenter import Box
from filters.person import PersonFilter
from tests.support.kernels import matte, picture
from tests.support.placed import KnownMattes, Place, frame_at, matte_at, strong

STEP = 1 / 30  # s
LEFT = Place(0.3, 0.6)
GREEN = Color(0, 120, 0)


def crops(mattes: list[Plane]) -> list[CropBox]:
    framing = Framing()
    return [framing.follow(each, i * STEP) or WHOLE for i, each in enumerate(mattes)]


def shown_middle(place: Place, crop: CropBox) -> float:
    """Return where the person's middle is in the picture that is shown, as a share of its width."""
    extent = find_extent(matte_at(place))
    assert extent is not None
    return (extent.middle - crop.x) / crop.side + 0.5


@pytest.mark.parametrize("place", [LEFT, Place(0.72, 0.6), Place(0.35, 0.9), Place(0.6, 0.45)])
def test_somebody_beside_the_middle_is_brought_there(place: Place) -> None:
    crop = crops([matte_at(place)] * 120)[-1]
    before, after = (abs(shown_middle(place, each) - 0.5) for each in (WHOLE, crop))
    assert before > 0.09
    assert after < before / 3


def test_somebody_far_away_comes_nearer_and_keeps_room_above_the_head() -> None:
    place = Place(0.5, 0.55)
    crop = crops([matte_at(place)] * 120)[-1]
    assert crop.side == pytest.approx(1 / MAX_ZOOM, abs=0.02)
    extent = find_extent(matte_at(place))
    assert extent is not None
    assert (extent.top - (crop.y - crop.side / 2)) / crop.side == pytest.approx(HEADROOM, abs=0.04)


def test_the_part_lies_within_the_frame_wherever_people_go() -> None:
    random = np.random.default_rng(5)
    places = [Place(random.uniform(0, 1), random.uniform(0.2, 1.4)) for _ in range(20)]
    for crop in crops([matte_at(place, 320, 180) for place in places for _ in range(12)]):
        assert 1 / MAX_ZOOM <= crop.side <= 1
        for middle in (crop.x, crop.y):
            assert crop.side / 2 - 1e-9 <= middle <= 1 - crop.side / 2 + 1e-9


def test_it_rests_while_somebody_sways_nods_and_points() -> None:
    framing = Framing()
    for i in range(180):
        still = framing.follow(matte_at(LEFT), i * STEP)
    assert still is not None
    for i in range(180, 300):
        sway = np.sin(i / 5)
        seen = matte_at(Place(LEFT.middle + 0.015 * sway, LEFT.height + 0.02 * sway))
        seen[200:216, 200:620] = 255  # an arm
        assert framing.follow(seen, i * STEP) == still


def test_a_wrong_matte_moves_nothing() -> None:
    mattes = [matte_at(LEFT)] * 270
    for i, wrong in enumerate(
        [np.zeros_like(mattes[0]), np.full_like(mattes[0], 255), matte_at(Place(0.8, 1.2))]
    ):
        mattes[180 + 25 * i] = wrong
    got = crops(mattes)
    assert got[-1] == got[179]


def test_a_move_is_smooth_and_does_not_overshoot() -> None:
    got = np.array(crops([matte_at(LEFT)] * 210))
    speed, last = np.diff(got, axis=0), got[-1]
    assert np.abs(speed).max() < 0.6 * STEP  # of the frame: it takes more than half a second at its fastest
    assert np.abs(np.diff(speed, axis=0)).max() < 0.006  # of the frame: no jerk
    assert ((got - last) * (got[0] - last) >= -1e-9).all()
    assert np.array_equal(got[-30:], np.repeat(last[None], 30, axis=0))


def test_a_head_that_rises_out_of_the_picture_is_followed_at_once() -> None:
    framing = Framing()
    for i in range(120):
        framing.follow(matte_at(Place(0.5, 0.5)), i * STEP)
    for i in range(120, 150):  # stands up, and is out of the picture before
        framing.follow(matte_at(Place(0.5, 0.95)), i * STEP)
    crop = framing.follow(matte_at(Place(0.5, 0.95)), 150 * STEP) or WHOLE
    extent = find_extent(matte_at(Place(0.5, 0.95)))
    assert extent is not None
    assert crop.y - crop.side / 2 <= extent.top


def test_a_head_that_comes_nearer_slowly_is_never_cut_off() -> None:
    framing = Framing()
    for i in range(450):
        matte = matte_at(Place(0.5, 0.55 + max(0, i - 120) / 600))
        crop = framing.follow(matte, i * STEP) or WHOLE
        extent = find_extent(matte)
        assert extent is not None
        assert extent.top >= crop.y - crop.side / 2 - 1e-9


@pytest.mark.slow
def test_nobody_and_people_far_apart_are_the_whole_frame() -> None:
    two = np.maximum(matte_at(Place(0.15, 0.6)), matte_at(Place(0.85, 0.6)))
    nobody = np.zeros_like(two)
    crumb = nobody.copy()
    crumb[:20, :20] = 255
    for seen in (two, nobody, crumb):
        assert set(crops([seen] * 60)) == {WHOLE}
        framing = Framing()
        for i in range(120):
            framing.follow(matte_at(LEFT), i * STEP)
        for i in range(120, 330):
            crop = framing.follow(seen, i * STEP)
        assert crop is None


@pytest.mark.parametrize("shape", [(3, 1000), (800, 2), (1, 1)])
def test_pictures_of_a_few_lines_are_shown_whole(shape: tuple[int, int]) -> None:
    assert crops([np.full(shape, 255, np.uint8)] * 60)[-1] == WHOLE


def test_a_crumb_beside_somebody_is_no_second_person() -> None:
    alone, crumbs = matte_at(LEFT), matte_at(LEFT)
    crumbs[:30, -40:] = 255
    assert find_extent(crumbs) == find_extent(alone)


def test_without_it_the_whole_frame_comes_back() -> None:
    framing = Framing()
    for i in range(120):
        framing.follow(matte_at(LEFT), i * STEP)
    back = [framing.follow(None, i * STEP) for i in range(120, 260)]
    assert back[0] is not None
    assert back[-1] is None


def test_shoulders_fit_in() -> None:
    for place in (LEFT, Place(0.3, 1.1), Place(0.6, 0.9)):
        extent = find_extent(matte_at(place))
        assert extent is not None
        crop = framed(extent)
        assert crop.side >= min(1.0, extent.right - extent.left)


@pytest.mark.parametrize("size", [(160, 90), (161, 91), (90, 160)])
def test_the_composite_of_a_part_is_that_part_of_the_composite(size: tuple[int, int]) -> None:
    source, alpha = picture(*size, 3), matte((size[1], size[0]), 6)
    black = Planes(*(np.zeros(plane.shape, np.uint8) for plane in source))
    whole = Planes(*(np.empty(plane.shape, np.uint8) for plane in source))
    composite(source, alpha, black, whole)
    out = Planes(*(np.empty(plane.shape, np.uint8) for plane in source))
    crop = CropBox(0.5, 0.4, 0.75)
    shown = composite_crop(source, alpha, black, crop, out)
    for got, plane in zip((*out, shown), (*whole, alpha), strict=True):
        height, width = plane.shape
        across, down = (
            (np.arange(n) + 0.5) * crop.side + (m - crop.side / 2) * n - 0.5
            for m, n in ((crop.x, width), (crop.y, height))
        )
        columns, rows = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
        moved = plane.astype(np.float32)
        expected = cv2.remap(moved, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # OpenCV's remap knows 32 places between two pixels.
        assert np.abs(got - expected).max() <= 2 + 256 / 32


def test_nothing_of_a_pixel_without_alpha_is_shown() -> None:
    source = Planes(np.full((90, 160), 235, np.uint8), *(np.full((45, 80), 240, np.uint8),) * 2)
    alpha = matte((90, 160), 6)
    source.y[alpha > 0] = 60
    source.u[:] = source.v[:] = 128
    behind = Planes(np.full((90, 160), 60, np.uint8), *(np.full((45, 80), 128, np.uint8),) * 2)
    out = Planes(*(np.empty(plane.shape, np.uint8) for plane in source))
    composite_crop(source, alpha, behind, CropBox(0.5, 0.5, 0.7), out)
    assert out.y.max() <= 61


def nobody(planes: Planes, box: Box | None = None, pixels: int | None = None) -> Alpha:
    return np.zeros((48, 64), np.float32)


def film(places: list[Place], background: Background, effects: Effects) -> tuple[list[Planes], list[Plane]]:
    mattes: list[Plane] = []
    known = KnownMattes([matte_at(place) for place in places])
    person = PersonFilter(nobody, background, matte=known, on_matte=mattes.append)
    person.effects = effects
    shown = [person.filter(frame_at(place, i)) for i, place in enumerate(places)]
    frames = [each.frame for each in shown if each is not None]
    assert [frame.pts for frame in frames] == list(range(len(places)))
    assert {(frame.width, frame.height) for frame in frames} == {(640, 360)}
    return [planes_of(frame) for frame in frames], mattes


@pytest.mark.slow
def test_the_picture_keeps_its_size_and_the_background_its_place() -> None:
    places = [LEFT] * 90
    behind = GREEN.paint(planes_of(frame_at(LEFT, 0)), matte_at(LEFT), 0)
    frames, mattes = film(places, GREEN, Effects(framing=True))
    for planes, shown in zip(frames, mattes, strict=True):
        assert (planes.y[shown == 0] == behind.y[0, 0]).all()
    extents = [find_extent(each) for each in (mattes[0], mattes[-1])]
    assert extents[0] is not None
    assert extents[1] is not None
    assert abs(extents[0].middle - 0.5) > 0.15
    assert abs(extents[1].middle - 0.5) < 0.05
    assert mattes[-1][-1].any()  # nobody floats above the lower border


@pytest.mark.slow
def test_off_it_changes_nothing() -> None:
    plain, _ = film([LEFT] * 30, GREEN, Effects())
    person = PersonFilter(nobody, GREEN, matte=KnownMattes([matte_at(LEFT)] * 30))
    for i, expected in enumerate(plain):
        shown = person.filter(frame_at(LEFT, i))
        assert shown is not None
        assert all(np.array_equal(a, b) for a, b in zip(planes_of(shown.frame), expected, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("background", [GREEN, Blur()])
def test_no_frame_shows_the_rooms_marker(background: Background) -> None:
    places = [LEFT] * 45 + [Place(0.3 + i / 100, 0.6 + i / 200) for i in range(45)]

    assert strong(planes_of(frame_at(LEFT, 0))) > 1000
    frames, _ = film(places, background, Effects(framing=True, low_light=True))
    assert max(map(strong, frames)) < 20


@pytest.mark.slow
def test_a_new_stream_begins_with_the_whole_frame() -> None:
    person = PersonFilter(nobody, GREEN, matte=KnownMattes([matte_at(LEFT)] * 91))
    person.effects = Effects(framing=True)
    for i in range(90):
        person.filter(frame_at(LEFT, i))
    person.reset()
    shown = person.filter(frame_at(LEFT, 90))
    assert shown is not None
    plain, _ = film([LEFT], GREEN, Effects())
    assert np.array_equal(planes_of(shown.frame).y, plain[0].y)


@pytest.mark.slow
def test_a_point_to_follow_is_one_of_the_picture_that_is_shown() -> None:
    known = KnownMattes([matte_at(LEFT)] * 91)
    person = PersonFilter(nobody, GREEN, matte=known)
    person.effects = Effects(framing=True)
    for i in range(90):
        person.filter(frame_at(LEFT, i))
    person.follow(Point(0.5, 0.5))
    person.filter(frame_at(LEFT, 90))
    assert isinstance(known.target, Point)
    assert known.target.x == pytest.approx(LEFT.middle, abs=0.06)
    assert known.target.y > 0.5
