"""Follow only me, with figures whose mattes are known, and with a real person beside another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from filters.base import Alpha, FilterError, Plane, Planes
from filters.matting.follow import Follow, Point, Target, parse_target
from filters.matting.grid import work_of
from filters.matting.matte import Matte
from filters.matting.matting import MatteFrame, mattes
from filters.matting.segmenter import Box, Segmenter, load_card
from filters.planes import resized
from server.config.options import DEFAULT_MODEL, MODELS
from tests.support.two_people import Scene, Walk, scenes, walks

SIZE = (640, 360)
Figure = tuple[float, tuple[int, int, int]]
"""Where somebody stands, as a share of the width, and the Y, U and V of their clothes."""
ORANGE, BLUE, GREEN = (140, 80, 190), (90, 180, 100), (120, 90, 90)


def matte_of(centre: float, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    """Return where a figure at a place is: a head on shoulders that the lower border cuts."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    x, y = (columns / width - centre) * 16 / 9, rows / height
    head = (x / 0.12) ** 2 + ((y - 0.35) / 0.17) ** 2 < 1
    figure: NDArray[np.bool_] = head | ((np.abs(x) < 0.27) & (y > 0.52))
    return figure


def picture(*figures: Figure, seed: int = 0, size: tuple[int, int] = SIZE) -> tuple[Planes, Plane]:
    """Return a frame of figures, the later before the earlier, on grey, and their matte."""
    width, height = size
    colours = [np.full((height, width), level, np.uint8) for level in (60, 128, 128)]
    matte = np.zeros((height, width), np.uint8)
    for centre, clothes in figures:
        mask = matte_of(centre, size)
        head = mask & (np.arange(height) < 0.52 * height)[:, None]
        for plane, level, skin in zip(colours, clothes, (170, 112, 150), strict=True):
            plane[mask] = level
            plane[head] = skin
        matte[mask] = 255
    noise = np.random.default_rng(seed).integers(0, 6, (height, width), np.uint8)
    chroma = ((width + 1) // 2, (height + 1) // 2)
    return Planes(colours[0] + noise, resized(colours[1], chroma), resized(colours[2], chroma)), matte


def shown(follow: Follow, *figures: Figure, seed: int = 0) -> Plane:
    """Return the limited matte of a look, at the size of the frame."""
    planes, matte = picture(*figures, seed=seed)
    work = work_of(planes)
    return resized(follow.limit(resized(matte, work.size), work), SIZE)


def share(alpha: Plane, mask: NDArray[np.bool_]) -> float:
    return float((alpha[mask] > 25).mean()) if mask.any() else 0.0


@pytest.mark.parametrize(("x", "own", "other"), [(0.25, 0.25, 0.75), (0.75, 0.75, 0.25)])
def test_whoever_is_apart_is_room_from_the_first_look_on(x: float, own: float, other: float) -> None:
    follow = Follow(Point(x, 0.4))
    for seed in range(3):
        alpha = shown(follow, (0.25, ORANGE), (0.75, BLUE), seed=seed)
        assert share(alpha, matte_of(own)) > 0.98
        assert share(alpha, matte_of(other)) == 0
    assert follow.state == "following"


@pytest.mark.parametrize("x", [0.4, 0.6])
def test_of_two_in_one_outline_the_one_at_the_point_is_shown(x: float) -> None:
    follow = Follow(Point(x, 0.4))
    other = matte_of(1 - x) & ~matte_of(x)
    for seed in range(10):
        alpha = shown(follow, (1 - x, ORANGE), (x, BLUE), seed=seed)
    assert share(alpha, matte_of(x)) > 0.85
    assert share(alpha, other) < 0.05


def test_a_lifted_arm_is_ones_own() -> None:
    follow = Follow(Point(0.45, 0.4))
    arm = np.zeros((360, 640), bool)
    arm[100:320, 364:428] = True
    for seed in range(3):
        planes, matte = picture((0.45, ORANGE), seed=seed)
        matte[arm] = 255
        noise = np.random.default_rng(seed).integers(0, 6, int(arm.sum()), np.uint8)
        planes.y[arm] = ORANGE[0] + noise
        planes.u[arm[::2, ::2]], planes.v[arm[::2, ::2]] = ORANGE[1:]
        work = work_of(planes)
        alpha = resized(follow.limit(resized(matte, work.size), work), SIZE)
    assert share(alpha, arm) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("before", [False, True])
def test_who_walks_past_is_not_shown(before: bool) -> None:
    follow = Follow("centre")
    leaked = seen = lost = area = 0.0
    for i in range(130):
        other = -0.3 + 1.6 * max(0, i - 20) / 100
        figures: list[Figure] = [(0.5, ORANGE), (other, BLUE)]
        alpha = shown(follow, *(figures if before else figures[::-1]), seed=i)
        mine, theirs = matte_of(0.5), matte_of(other)
        mine, theirs = (mine & ~theirs, theirs) if before else (mine, theirs & ~mine)
        leaked, seen = leaked + float((alpha[theirs] > 25).sum()), seen + float(theirs.sum())
        lost, area = lost + float((alpha[mine] < 128).sum()), area + float(mine.sum())
    assert leaked < 0.02 * seen
    assert lost < 0.2 * area
    assert share(alpha, matte_of(0.5)) > 0.97


@pytest.mark.slow
def test_who_leaves_is_lost_and_known_again() -> None:
    follow = Follow(Point(0.5, 0.4))
    for i in range(40):
        shown(follow, (0.5, ORANGE), (0.15, BLUE), seed=i)
    for i in range(5):
        assert not shown(follow, (0.15, BLUE), seed=i).any()
        assert follow.state == "lost"
    alpha = shown(follow, (0.15, BLUE), (0.8, ORANGE))
    assert follow.state == "following"
    assert share(alpha, matte_of(0.8)) > 0.95
    assert share(alpha, matte_of(0.15)) == 0


def test_a_stranger_is_never_taken_for_who_has_left() -> None:
    follow = Follow("centre")
    for i in range(40):
        shown(follow, (0.5, ORANGE), seed=i)
    shown(follow)
    for i in range(20):
        assert not shown(follow, (0.5, GREEN), seed=i).any()
    assert follow.state == "lost"


def test_nobody_at_the_point_is_nobody_shown() -> None:
    follow = Follow(Point(0.9, 0.2))
    for i in range(3):
        assert not shown(follow, (0.3, ORANGE), seed=i).any()
    assert not shown(follow, (0.9, ORANGE)).any()
    assert follow.state == "lost"


@pytest.mark.parametrize("target", [Point(0.5, 0.4), "centre"])
def test_somebody_is_waited_for(target: Target) -> None:
    follow = Follow(target)
    assert not shown(follow).any()
    assert share(shown(follow, (0.5, ORANGE)), matte_of(0.5)) > 0.98


def test_whoever_is_nearest_to_the_centre_is_meant() -> None:
    alpha = shown(Follow("centre"), (0.1, BLUE), (0.55, ORANGE), (0.95, GREEN))
    assert share(alpha, matte_of(0.55)) > 0.98
    assert share(alpha, matte_of(0.1)) == share(alpha, matte_of(0.95)) == 0


def test_nobody_can_be_followed() -> None:
    follow = Follow("nobody")
    assert not shown(follow, (0.5, ORANGE)).any()
    assert follow.state == "lost"


def test_who_comes_in_is_learned_as_they_come() -> None:
    follow = Follow("centre")
    for i in range(60):
        alpha = shown(follow, (min(0.5, -0.25 + 0.02 * i), ORANGE), seed=i)
    assert share(alpha, matte_of(0.5)) > 0.98


def test_a_cut_is_survived_by_looks() -> None:
    follow = Follow(Point(0.3, 0.4))
    for i in range(40):
        shown(follow, (0.3, ORANGE), seed=i)
    follow.forget()
    alpha = shown(follow, (0.3, BLUE), (0.75, ORANGE))
    assert share(alpha, matte_of(0.75)) > 0.95
    assert share(alpha, matte_of(0.3)) == 0


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (641, 359), (270, 480)])
def test_any_size_of_frame(size: tuple[int, int]) -> None:
    follow = Follow("centre")
    for seed in range(4):
        planes, matte = picture((0.5, ORANGE), seed=seed, size=size)
        work = work_of(planes)
        alpha = resized(matte, work.size)
        limited = follow.limit(alpha, work)
        assert limited.shape == alpha.shape
        assert (limited <= alpha).all()


@pytest.mark.parametrize("text", ["", "left", "0.5", "0.5,0.5,0.5", "1.5,0.5", "-0.1,0", "nan,0.5", "a,b"])
def test_what_names_nobody_is_an_error(text: str) -> None:
    with pytest.raises(FilterError, match="should be centre, or X,Y"):
        parse_target(text)


def test_targets_are_read() -> None:
    assert parse_target("centre") == "centre"
    assert parse_target("0.25,1") == Point(0.25, 1.0)


class Known:
    """A network that knows the mattes of figures."""

    def __init__(self) -> None:
        self.matte: Plane = np.zeros((360, 640), np.uint8)

    def __call__(self, planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
        left, top, right, bottom = box or (0, 0, *planes.size)
        cut = np.ascontiguousarray(self.matte[top:bottom, left:right])
        return (resized(cut, (160, 96)) / 255).astype(np.float32)


@pytest.mark.slow
def test_a_choice_holds_from_the_next_frame_on_and_ends_so() -> None:
    network = Known()
    matte = Matte(network)
    other = matte_of(0.8)

    def film() -> Iterator[Planes]:
        for i in range(36):
            if i in (12, 24):
                matte.follow(Point(0.25, 0.4) if i == 12 else None)
            planes, network.matte = picture((0.25, ORANGE), (0.8, BLUE), seed=i)
            yield planes

    alphas = list(mattes(matte, film()))
    assert len(alphas) == 36
    seen = [share(alpha, other) for alpha in alphas]
    assert min(seen[2:12] + seen[25:]) > 0.9
    assert max(seen[12:24]) == 0
    assert all(share(alpha, matte_of(0.25)) > 0.9 for alpha in alphas[2:])


def test_a_plate_shows_no_more_of_others() -> None:
    network = Known()
    matte = Matte(network)
    matte.use_plate(picture()[0])
    matte.follow(Point(0.3, 0.4))
    before: MatteFrame | None = None
    newest: MatteFrame | None = None
    for i in range(20):
        planes, network.matte = picture((0.55, BLUE), (0.35, ORANGE), seed=i)
        before, newest = newest, matte.push(planes)
    assert before is not None
    assert before.alpha is not None
    assert share(before.alpha, matte_of(0.35)) > 0.85
    assert share(before.alpha, matte_of(0.55) & ~matte_of(0.35)) < 0.05


STAYS = walks(0, 60, 60, 1)
PASSES = walks(15, -480, 520, 90)


def leaves_and_returns(i: int) -> float | None:
    if 80 <= i < 100:
        return None
    return 60.0 if i < 40 else 60.0 + 16 * (i - 40) if i < 80 else max(60.0, 700.0 - 16 * (i - 100))


CLIPS: dict[str, tuple[int, Walk, Walk, bool]] = {
    "past behind": (120, STAYS, PASSES, False),
    "past before": (120, STAYS, PASSES, True),
    "away and back": (150, leaves_and_returns, walks(15, -480, -170, 40), False),
}


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(load_card(DEFAULT_MODEL, MODELS))


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.slow
def test_a_real_person_is_shown_alone(segmenter: Segmenter, clip: str) -> None:
    count, own, other, before = CLIPS[clip]
    film: list[Scene] = list(scenes(count, own, other, before=before))
    matte = Matte(segmenter)
    matte.follow(Point(0.6, 0.5))
    out = list(mattes(matte, (scene.planes for scene in film)))
    leaked = sum(int((alpha[scene.other] > 25).sum()) for alpha, scene in zip(out, film, strict=True))
    lost = sum(int((alpha[scene.own] < 128).sum()) for alpha, scene in zip(out, film, strict=True))
    assert leaked < 0.02 * sum(int(scene.other.sum()) for scene in film)
    assert lost < 0.15 * sum(int(scene.own.sum()) for scene in film)
    assert share(out[-1], film[-1].own) > 0.8
