"""The matte of a stream, with a network that takes what is bright for a person."""

from typing import NamedTuple

import numpy as np
import pytest

from filters.base import Alpha, FilterError, Plane, Planes
from filters.matting.matte import Matte, MatteOptions
from filters.matting.matting import mattes
from filters.matting.segmenter import Box
from filters.matting.smoother import NoSmoothing
from filters.planes import resized

SIZES = [(640, 360), (641, 359), (270, 480), (1280, 720), (17, 33), (16, 16)]


class Bright:
    """Person where luma exceeds 160; remembers what it was shown."""

    def __init__(self) -> None:
        self.boxes: list[Box | None] = []
        self.failing = False

    def __call__(self, planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
        if self.failing:
            raise FilterError("no")
        self.boxes.append(box)
        left, top, right, bottom = box or (0, 0, *planes.size)
        seen = resized(np.ascontiguousarray(planes.y[top:bottom, left:right]), (96, 64))
        return ((seen.astype(np.float32) - 140) / 40).clip(0, 1)


def frame(size: tuple[int, int], left: float = 0.3, seed: int = 0) -> Planes:
    """Return a dark room with a bright person from `left` on, a third of the picture wide."""
    width, height = size
    y = np.random.default_rng(seed).integers(38, 43, (height, width), np.uint8)
    if left < 1:
        y[height // 4 :, max(0, int(left * width)) : int((left + 0.33) * width)] = 200
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return Planes(y, chroma, chroma.copy())


class Shown(NamedTuple):
    """A frame and its matte."""

    planes: Planes
    alpha: Plane


def run(matte: Matte, frames: list[Planes]) -> list[Shown]:
    return list(map(Shown, frames, mattes(matte, frames)))


@pytest.mark.parametrize("size", SIZES)
def test_every_frame_comes_out_with_its_own_matte(size: tuple[int, int]) -> None:
    frames = [frame(size, 0.2 + 0.02 * t, t) for t in range(6)]
    out = run(Matte(Bright()), frames)
    assert len(out) == len(frames)
    for shown in out:
        assert shown.alpha.shape == shown.planes.y.shape
        assert shown.alpha.dtype == np.uint8


@pytest.mark.parametrize("size", SIZES[:4])
@pytest.mark.slow
def test_the_person_is_found_and_the_room_is_not(size: tuple[int, int]) -> None:
    for shown in run(Matte(Bright()), [frame(size, 0.1 + 0.03 * t, t) for t in range(12)])[2:]:
        person = shown.planes.y > 160
        assert ((shown.alpha > 127) & person).sum() > 0.97 * person.sum()
        assert ((shown.alpha > 25) & ~person).sum() < 0.02 * person.size


def test_delay_is_the_smoothers() -> None:
    delayed, undelayed = Matte(Bright()), Matte(Bright(), smoother=NoSmoothing())
    assert (delayed.delay, undelayed.delay) == (1, 0)
    first = delayed.push(frame((320, 180)))
    assert first.alpha is None
    delayed.push(frame((320, 180)))
    assert first.alpha is not None
    assert undelayed.push(frame((320, 180))).alpha is not None


def test_the_network_follows_the_person() -> None:
    network = Bright()
    run(Matte(network), [frame((640, 360), 0.1 + 0.02 * t, t) for t in range(15)])
    seen = [box for box in network.boxes if box is not None and box[:2] != (0, 0)]
    assert len(seen) > 8
    assert seen[-1][0] > seen[0][0]


@pytest.mark.slow
def test_a_still_picture_needs_no_network() -> None:
    network = Bright()
    run(Matte(network), [frame((640, 360), 0.3, t) for t in range(30)])
    assert len(network.boxes) < 12
    always = Bright()
    run(Matte(always, options=MatteOptions(stillness=False)), [frame((640, 360), 0.3, t) for t in range(30)])
    assert len(always.boxes) >= 30


@pytest.mark.parametrize("interval", [1.25, 1.5, 2.0, 2.5, 3.0])
def test_who_moves_is_looked_at_every_so_many_frames_on_average(interval: float) -> None:
    """Somebody who goes to and fro, by more than a held matte can follow; besides each second look at all at once."""
    network = Bright()
    matte = Matte(network)
    matte.network_interval = interval
    looks = list[int]()
    for t in range(120):
        before = len(network.boxes)
        matte.push(frame((640, 360), 0.3 + 0.012 * (2 * t % 5), t))
        looks += [t] * (len(network.boxes) > before)
    apart = np.diff([t for t in looks if t >= 20])
    assert apart.mean() == pytest.approx(interval, rel=0.06)


def test_empty_then_somebody_then_empty() -> None:
    size = (640, 360)
    frames = [frame(size, 2, t) for t in range(5)]
    frames += [frame(size, 0.3, t) for t in range(5)]
    frames += [frame(size, 2, t) for t in range(5)]
    shown = [int((o.alpha > 127).sum()) for o in run(Matte(Bright()), frames)]
    assert max(shown[:5]) == max(shown[12:]) == 0
    assert min(shown[7:10]) > 0.2 * 640 * 360 * 0.9


class OneSided(Bright):
    """Finds people in pictures whose left is bluer than their right, and nobody in their mirror images."""

    def __call__(self, planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
        alpha = super().__call__(planes, box, pixels)
        return alpha if planes.u[0, 0] > planes.u[0, -1] else np.zeros_like(alpha)


def test_whom_the_network_does_not_find_in_the_mirror_is_nobody() -> None:
    frames = [frame((640, 360), 0.3, t) for t in range(5)]
    for planes in frames:
        planes.u[:, :160] = 130
    assert max(int(o.alpha.max()) for o in run(Matte(Bright()), frames)) == 255
    assert max(int(o.alpha.max()) for o in run(Matte(OneSided()), frames)) == 0


def in_the_middle(size: tuple[int, int], seed: int) -> Planes:
    """Return a room with somebody in it who touches no side of the picture."""
    planes = frame(size, 0.3, seed)
    planes.y[-size[1] // 8 :] = 40
    return planes


@pytest.mark.parametrize("length", [1, 4, 9])
@pytest.mark.slow
def test_what_flashes_up_in_the_middle_is_nobody(length: int) -> None:
    size = (640, 360)
    frames = [frame(size, 2, t) if t % 20 >= length or t < 20 else in_the_middle(size, t) for t in range(60)]
    assert max(int(o.alpha.max()) for o in run(Matte(Bright()), frames)) < 26


@pytest.mark.slow
def test_who_appears_in_the_middle_and_stays_is_shown() -> None:
    size = (640, 360)
    frames = [frame(size, 2, t) for t in range(5)] + [in_the_middle(size, t) for t in range(20)]
    shown = [int((o.alpha > 127).sum()) for o in run(Matte(Bright()), frames)]
    assert min(shown[17:]) > 0.15 * 640 * 360


@pytest.mark.slow
def test_who_leaves_the_network_s_sight_for_a_moment_is_back_at_once() -> None:
    size = (640, 360)
    frames = [frame(size, 2 if t in (10, 11) else 0.3, t) for t in range(20)]
    shown = [int((o.alpha > 127).sum()) for o in run(Matte(Bright()), frames)]
    assert min(shown[13:]) > 0.2 * 640 * 360 * 0.9


@pytest.mark.parametrize(("one", "other"), [((320, 180), (322, 182)), ((640, 360), (642, 362))])
@pytest.mark.slow
def test_sizes_two_pixels_apart_follow_one_another(one: tuple[int, int], other: tuple[int, int]) -> None:
    matte, out = Matte(Bright()), []
    for t in range(24):
        if t and t % 4 == 0:  # as PersonFilter does where the size changes
            matte.flush()
        out.append(matte.push(frame((one, other)[t // 4 % 2], 0.3, t)))
    matte.flush()
    assert all(each.alpha is not None and each.alpha.shape == each.planes.y.shape for each in out)


def test_what_only_one_framing_takes_for_a_person_stays_hidden() -> None:
    def deceived(planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
        """Return a person in the middle of whatever is the whole frame."""
        alpha = np.zeros((64, 96), np.float32)
        if box is None or box == (0, 0, *planes.size):
            alpha[20:, 30:60] = 1
        return alpha

    for shown in run(Matte(deceived), [frame((640, 360), 2, t) for t in range(40)]):
        assert shown.alpha.max() == 0


@pytest.mark.parametrize(("there", "other"), [(True, True), (False, True), (True, False)])
def test_whom_the_whole_frame_misses_beside_another_stays_while_a_look_at_just_them_finds_them(
    there: bool, other: bool
) -> None:
    bright = Bright()

    def misses_the_left(planes: Planes, box: Box | None, pixels: int | None) -> Alpha:
        """See nobody in the left half of what is the whole frame, after ten looks."""
        alpha = bright(planes, box, pixels)
        if box == (0, 0, *planes.size) and len(bright.boxes) > 10:
            alpha[:, :48] = 0
        return alpha

    frames = [frame((640, 360), 0.1, t) for t in range(20)]
    frames += [frame((640, 360), 0.1 if there else 2, t) for t in range(20, 60)]
    for planes in frames[22:] if other else ():
        planes.y[90:, 480:] = 200
    for shown in run(Matte(misses_the_left, options=MatteOptions(stillness=False)), frames)[40:]:
        left = shown.alpha[:, :300] > 127
        person = shown.planes.y[:, :300] > 160
        assert left.sum() > 0.95 * person.sum() if there and other else not left.any()


def test_a_new_size_of_the_same_shape_goes_on_and_another_starts_anew() -> None:
    matte = Matte(Bright())
    for size in [(640, 360)] * 4 + [(320, 180), (360, 640)]:
        newest = matte.push(frame(size, 0.3))
        assert newest.alpha is None
        matte.flush()
        assert newest.alpha is not None
        assert newest.alpha.shape == size[::-1]


def test_a_cut_ends_the_stream_before_it() -> None:
    matte = Matte(Bright())
    before = matte.push(frame((640, 360), 0.3))
    after = matte.push(frame((640, 360), 2)._replace(y=np.full((360, 640), 120, np.uint8)))
    assert before.alpha is not None
    assert before.alpha.any()
    assert after.alpha is None


@pytest.mark.parametrize("size", [(320, 180), (180, 320)])
def test_errors_pass_and_forget_the_stream(size: tuple[int, int]) -> None:
    network = Bright()
    matte = Matte(network, options=MatteOptions(stillness=False))
    before = matte.push(frame((320, 180)))
    network.failing = True
    with pytest.raises(FilterError):
        matte.push(frame(size))
    matte.flush()
    assert before.alpha is None
    network.failing = False
    assert matte.push(frame((320, 180))).alpha is None


def test_more_privacy_shows_less() -> None:
    frames = [frame((640, 360))] * 3
    mattes = [Matte(Bright(), options=MatteOptions(privacy=s)) for s in (0.0, 0.2, 0.6)]
    shown = [run(matte, frames)[-1].alpha.sum(dtype=int) for matte in mattes]
    assert shown == sorted(shown, reverse=True)
