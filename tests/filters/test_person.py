"""PersonFilter: it keeps the person, hides the room, and whatever breaks, it never shows the source."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from unittest.mock import Mock

import av
import cv2
import numpy as np
import pytest

from filters.backgrounds.background import Blur, Color
from filters.backgrounds.base import Background
from filters.base import Alpha, FilteredFrame, FilterError, Outcome, Plane, Planes, new_frame, planes_of
from filters.matting.matte import MatteOptions
from filters.matting.segmenter import Box, Segmenter, load_card
from filters.matting.smoother import SMOOTHERS
from filters.person import MAX_REPEAT, PersonFilter
from filters.placeholder import placeholder
from server.config.options import DEFAULT_MODEL, MODELS
from tests.support.camera import Camera

GREEN = Color(0, 120, 0)
ROOM_LUMA = 201


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(load_card(DEFAULT_MODEL, MODELS))


@pytest.fixture(scope="module")
def camera() -> Camera:
    return Camera(320, 180, loop=60)


@pytest.fixture(scope="module")
def film(camera: Camera) -> list[av.VideoFrame]:
    return camera.video_frames(60)


class Network:
    """Finds a person where the picture is blue; breaks when told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.value: Callable[[Alpha], Alpha] = lambda alpha: alpha

    def __call__(self, planes: Planes, box: Box | None = None, pixels: int | None = None) -> Alpha:
        if self.error is not None:
            raise self.error
        left, top, right, _ = box or (0, 0, *planes.size)
        blue = planes.u[top // 2, np.linspace(left, right - 1, 64).astype(int) // 2] > 130
        return self.value(np.tile(blue.astype(np.float32), (48, 1)))


def picture(index: int, width: int = 160, height: int = 96, luma: int = ROOM_LUMA) -> av.VideoFrame:
    """Return a picture with a person in its left half."""
    frame, planes = new_frame(width, height)
    planes.y[:] = luma
    planes.u[:] = planes.v[:] = 128
    planes.u[:, : width // 4] = 140
    frame.pts, frame.time_base = index, Fraction(1, 30)
    return frame


def run(person: PersonFilter, frames: list[av.VideoFrame]) -> list[FilteredFrame]:
    shown = [f for f in map(person.filter, frames) if f is not None]
    return shown + person.flush()


def shows_room(shown: FilteredFrame) -> bool:
    """Tell whether the right half has a pixel like the room's."""
    y = planes_of(shown.frame).y
    return bool((y[:, y.shape[1] * 3 // 4 :] > ROOM_LUMA - 20).any())


@pytest.mark.parametrize("smoother", SMOOTHERS)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_n_frames_in_give_n_frames_out_in_order(smoother: str, count: int) -> None:
    mattes: list[Plane] = []
    person = PersonFilter(Network(), GREEN, smoother=SMOOTHERS[smoother](), on_matte=mattes.append)
    for _ in range(2):
        shown = run(person, [picture(i) for i in range(count)])
        assert [f.frame.pts for f in shown] == list(range(count))
        assert not any(map(shows_room, shown))
    assert len(mattes) == 2 * count


@pytest.mark.slow
def test_the_person_stays_and_the_room_goes(
    segmenter: Segmenter, camera: Camera, film: list[av.VideoFrame]
) -> None:
    shown = run(PersonFilter(segmenter, GREEN), film[:20])
    for i in range(3, 20):
        original, filtered = planes_of(film[i]), planes_of(shown[i].frame)
        matte = camera.matte(i)
        inside = camera.face(i).of(np.abs(original.y.astype(int) - filtered.y)[..., None])
        assert np.median(inside) <= 1
        background = GREEN.paint(filtered, matte.astype(np.uint8), 0).y
        assert (np.abs(filtered.y.astype(int) - background)[matte == 0] > 8).mean() < 0.03


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.slow
def test_mattes_belong_to_their_frames_however_the_picture_jumps(
    segmenter: Segmenter, camera: Camera, film: list[av.VideoFrame], seed: int
) -> None:
    rng = random.Random(seed)
    order: list[int] = []
    at = 0
    while len(order) < 60:  # runs of neighbours, stills, and leaps, as a camera on a bad line gives them
        at = (at + rng.choice([0, 1, 1, 1, 20, 35])) % len(film)
        order.append(at)
    mattes: list[Plane] = []
    person = PersonFilter(segmenter, GREEN, on_matte=mattes.append)
    run(person, [film[i] for i in order])
    for i, matte in zip(order[1:], mattes[1:], strict=True):
        truth = camera.matte(i) > 0.5
        assert ((matte > 127) & truth).sum() / ((matte > 127) | truth).sum() > 0.93


@pytest.mark.parametrize(
    "size", [(640, 360), (641, 271), (480, 270), (360, 640), (64, 48), (17, 33), (2, 2), (1280, 720)]
)
@pytest.mark.slow
def test_any_frame_size(segmenter: Segmenter, size: tuple[int, int]) -> None:
    person = PersonFilter(segmenter, Blur("soft"))
    shown = run(person, [picture(i, *size) for i in range(4)])
    assert [(f.frame.width, f.frame.height) for f in shown] == [size] * 4
    assert person.errors == 0


def test_sizes_that_change_at_any_frame() -> None:
    sizes = [(160, 96), (160, 96), (80, 48), (160, 96), (96, 160), (96, 160), (81, 47)]
    person = PersonFilter(Network(), GREEN)
    shown = run(person, [picture(i, *size) for i, size in enumerate(sizes)])
    assert [(f.frame.width, f.frame.height) for f in shown] == sizes
    assert not any(map(shows_room, shown))
    assert person.errors == 0


@pytest.mark.parametrize("luma", [16, 126, 235])
def test_nobody_there(segmenter: Segmenter, luma: int) -> None:
    person = PersonFilter(segmenter, GREEN)
    shown = run(person, [picture(i, 320, 180, luma) for i in range(5)])
    green = planes_of(shown[-1].frame)
    assert (person.errors, person.outcomes[Outcome.FILTERED]) == (0, 5)
    assert np.ptp(green.y) <= 1


def test_until_the_first_good_matte_there_is_a_placeholder() -> None:
    network = Network()
    network.error = FilterError("not yet")
    person = PersonFilter(network, GREEN)
    shown = [person.filter(picture(i)) for i in range(4)]
    network.error = None
    shown += [person.filter(picture(i)) for i in range(4, 8)]
    frames = [f for f in shown if f is not None]
    expected = planes_of(placeholder(160, 96)).y
    assert all(np.array_equal(planes_of(f.frame).y, expected) for f in frames[:4])
    assert all(f.safe for f in frames[:4])
    assert not frames[-1].safe
    assert person.errors == 4
    assert not any(map(shows_room, frames))


@pytest.mark.parametrize(
    "error", [FilterError("bad"), RuntimeError("boom"), ValueError("odd"), MemoryError()]
)
@pytest.mark.slow
def test_an_error_repeats_the_last_good_picture_and_then_gives_a_placeholder(error: Exception) -> None:
    network = Network()
    person = PersonFilter(network, GREEN, options=MatteOptions(stillness=False))
    for i in range(10):
        person.filter(picture(i))
    network.error = error
    seconds = MAX_REPEAT + 1
    shown = [person.filter(picture(i)) for i in range(10, 10 + round(30 * seconds))]
    frames = [f for f in shown if f is not None]
    assert len(frames) == len(shown)
    assert all(f.safe for f in frames[1:])
    assert person.failing
    assert np.array_equal(planes_of(frames[-1].frame).y, planes_of(placeholder(160, 96)).y)
    assert not any(map(shows_room, frames))
    network.error = None
    for i in range(100, 104):
        last = person.filter(picture(i))
    assert last is not None
    assert not last.safe
    assert not person.failing


def test_a_size_that_never_had_a_picture_gets_a_placeholder() -> None:
    network = Network()
    person = PersonFilter(network, GREEN)
    run(person, [picture(i) for i in range(5)])
    network.error = FilterError("bad")
    shown = run(person, [picture(i, 80, 48) for i in range(5, 8)])
    assert all(np.array_equal(planes_of(f.frame).y, planes_of(placeholder(80, 48)).y) for f in shown)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 5.0])
def test_a_matte_that_is_not_one_shows_no_room(bad: float) -> None:
    network = Network()
    network.value = lambda alpha: np.where(alpha > 0, alpha, np.float32(bad if bad < 0 else 0)).astype(
        np.float32
    )
    person = PersonFilter(network, GREEN)
    shown = run(person, [picture(i) for i in range(5)])
    assert not any(map(shows_room, shown))


class Broken(Background):
    """A background that can't be painted."""

    def paint(self, source: Planes, alpha: Plane, time: float) -> Planes:
        raise FilterError("no paint")


def test_a_background_that_fails_shows_no_room_and_can_be_changed() -> None:
    person = PersonFilter(Network(), Broken())
    shown = [person.filter(picture(i)) for i in range(4)]
    person.background = GREEN
    shown += [person.filter(picture(i)) for i in range(4, 10)]
    frames = [f for f in shown if f is not None]
    assert not any(map(shows_room, frames))
    assert not frames[-1].safe


def test_another_background_shows_from_the_next_frame_on() -> None:
    person = PersonFilter(Network(), Color(0, 0, 0), smoother=SMOOTHERS["none"]())
    dark = person.filter(picture(0))
    person.background = Color(120, 120, 120)
    light = person.filter(picture(1))
    assert dark is not None
    assert light is not None
    assert planes_of(light.frame).y[50, 150] - int(planes_of(dark.frame).y[50, 150]) > 60


def test_reset_forgets_the_picture() -> None:
    network = Network()
    person = PersonFilter(network, GREEN)
    for i in range(5):
        person.filter(picture(i))
    person.reset()
    network.error = FilterError("bad")
    shown = run(person, [picture(6)])
    assert np.array_equal(planes_of(shown[0].frame).y, planes_of(placeholder(160, 96)).y)


def test_a_full_blur_shows_nothing_but_light(film: list[av.VideoFrame], camera: Camera) -> None:
    person = PersonFilter(Network(), GREEN)
    person.full_blur = True
    shown = run(person, film[:5])
    assert len(shown) == 5
    for frame in shown:
        picture = frame.frame.to_ndarray(format="rgb24").astype(np.uint8)
        assert abs(camera.marker.contrast(picture)) < 0.02
    person.full_blur = False
    assert not run(person, film[5:10])[-1].safe


def test_full_blurs_come_at_once_and_the_delay_line_is_dropped(film: list[av.VideoFrame]) -> None:
    person = PersonFilter(Network(), GREEN)
    for frame in film[:3]:
        person.filter(frame)
    person.full_blur = True
    shown = [person.filter(frame) for frame in film[3:6]]
    assert [made.frame.pts for made in shown if made is not None] == [frame.pts for frame in film[3:6]]
    person.full_blur = False
    assert person.filter(film[6]) is None
    assert [made.frame.pts for made in run(person, film[7:9])] == [frame.pts for frame in film[6:9]]


def test_a_frame_that_can_t_be_blurred_becomes_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    person = PersonFilter(Network(), GREEN)
    person.full_blur = True
    monkeypatch.setattr(Color, "paint", Mock(side_effect=FilterError("bad")))
    shown = person.filter(picture(0))
    assert shown is not None
    assert shown.safe
    assert person.errors == 1


def test_a_full_blur_shows_the_room_only_to_those_who_chose_to_blur_it() -> None:
    for background, room in ((GREEN, False), (Blur(), True)):
        person = PersonFilter(Network(), background)
        person.full_blur = True
        (shown,) = run(person, [picture(0)])
        assert shows_room(shown) is room


SOMEBODY_LUMA, WALL_LUMA, GREEN_LUMA = 220, 60, 76


class Bright:
    """Finds a person wherever it is bright."""

    def __call__(self, planes: Planes, box: Box | None = None, pixels: int | None = None) -> Alpha:
        left, top, right, bottom = box or (0, 0, *planes.size)
        bright = (planes.y[top:bottom, left:right] > SOMEBODY_LUMA - 20).astype(np.float32)
        return np.asarray(cv2.resize(bright, (64, 48)), np.float32)


def scene(index: int, *, somebody: bool, luma: int = WALL_LUMA) -> av.VideoFrame:
    """Return a room of even luma, in which the middle is somebody."""
    frame = picture(index, 320, 192, luma)
    if somebody:
        planes_of(frame).y[40:, 110:210] = SOMEBODY_LUMA
    return frame


def wall_shown(shown: list[FilteredFrame]) -> int:
    """Return how many pixels of an empty room are shown in the worst frame."""
    return max(int((np.abs(planes_of(s.frame).y.astype(int) - GREEN_LUMA) > 2).sum()) for s in shown)


@pytest.mark.parametrize("interval", [1, 2, 3, 4])
@pytest.mark.parametrize("phase", range(4))
@pytest.mark.parametrize("between", ["gap", "full blur", "cut", "exit"])
@pytest.mark.slow
def test_a_matte_from_before_never_cuts_out_another_picture(interval: int, phase: int, between: str) -> None:
    person = PersonFilter(Bright(), GREEN)
    person.network_interval = interval
    before = [scene(i, somebody=True, luma=120 if between == "cut" else WALL_LUMA) for i in range(20 + phase)]
    start = len(before) + (900 if between == "gap" else 0)
    shown = [person.filter(frame) for frame in before]
    assert wall_shown([s for s in shown[-2:] if s is not None]) > 5_000
    if between == "full blur":
        person.full_blur = True
        assert wall_shown(run_on(person, [scene(start + i, somebody=False) for i in range(3)])) == 0
        person.full_blur, start = False, start + 3
    empty = [scene(start + i, somebody=False) for i in range(10)]
    after = [s for s in run_on(person, empty) if s.frame.pts is not None and s.frame.pts >= start]
    assert len(after) == 9
    assert wall_shown(after) == 0


def run_on(person: PersonFilter, frames: list[av.VideoFrame]) -> list[FilteredFrame]:
    return [s for s in map(person.filter, frames) if s is not None]


def test_an_old_background_is_not_repeated() -> None:
    network = Network()
    person = PersonFilter(network, Blur())
    run_on(person, [picture(i) for i in range(5)])
    person.background = GREEN
    network.error = FilterError("bad")
    for shown in run_on(person, [picture(i) for i in range(5, 15)]):
        assert not shows_room(shown)


@pytest.mark.slow
def test_reset_forgets_the_clean_plate_and_its_recording(segmenter: Segmenter) -> None:
    empty = Camera(320, 180, loop=120, somebody=False).video_frames(120)
    person = PersonFilter(segmenter, GREEN)
    person.want_plate(True)
    run_on(person, empty[:20])
    assert person.plate == "recording"
    person.reset()
    assert person.plate == "none"
    person.want_plate(True)
    run_on(person, empty[20:80])
    assert person.plate == "used"
    person.reset()
    run_on(person, empty[80:90])
    assert person.plate == "none"


def test_full_range_frames_are_converted(segmenter: Segmenter, film: list[av.VideoFrame]) -> None:
    person = PersonFilter(segmenter, GREEN, options=MatteOptions(stillness=False))
    shown = run(person, [f.reformat(format="rgb24", threads=1) for f in film[:3]])
    assert person.errors == 0
    assert shown[0].frame.format.name == "yuv420p"


@pytest.mark.slow
def test_a_clean_plate_is_recorded_while_nobody_is_there_and_forgotten_on_request(
    segmenter: Segmenter, camera: Camera, film: list[av.VideoFrame]
) -> None:
    person = PersonFilter(segmenter, GREEN)
    empty = Camera(320, 180, loop=60, somebody=False).video_frames(60)
    run_on = [person.filter(frame) for frame in film[:5]]
    person.want_plate(True)
    assert person.plate == "recording"
    run_on += [person.filter(frame) for frame in film[5:15]]
    assert person.plate == "recording"
    run_on += [person.filter(frame) for frame in empty]
    run_on += [person.filter(frame) for frame in film[:10]]
    assert person.plate == "used"
    person.want_plate(False)
    person.filter(film[10])
    assert person.plate == "none"
    assert person.errors == 0
    for frame in run_on[1:]:
        assert frame is not None
        assert abs(camera.marker.contrast(frame.frame.to_ndarray(format="rgb24").astype(np.uint8))) < 0.02


def test_a_plate_that_is_still_awaited_can_be_called_off(
    segmenter: Segmenter, film: list[av.VideoFrame]
) -> None:
    person = PersonFilter(segmenter, GREEN)
    person.want_plate(True)
    person.filter(film[0])
    assert person.plate == "recording"
    person.want_plate(False)
    person.filter(film[1])
    assert person.plate == "none"


@pytest.mark.slow
def test_a_picture_that_could_not_be_decoded_is_a_placeholder(
    segmenter: Segmenter, film: list[av.VideoFrame]
) -> None:
    person = PersonFilter(segmenter, Color(0, 0, 255))
    run_on(person, film[:6])
    rubbish = picture(6, film[0].width, film[0].height, 255)
    hidden = [person.hide(rubbish), person.hide(rubbish)]
    expected = planes_of(placeholder(film[0].width, film[0].height))
    for shown in hidden:
        assert shown is not None
        assert shown.safe
        for plane, wanted in zip(planes_of(shown.frame), expected, strict=True):
            np.testing.assert_array_equal(plane, wanted)
    assert run_on(person, film[6:])[-1].safe is False


def test_what_is_distrusted_is_replaced_and_what_follows_is_shown(
    segmenter: Segmenter, film: list[av.VideoFrame]
) -> None:
    person = PersonFilter(segmenter, Color(0, 0, 255))
    run_on(person, film[:6])
    person.distrust()
    shown = run_on(person, film[6:10])
    assert [frame.safe for frame in shown] == [True, False, False, False]


@pytest.mark.parametrize("good", [0, 1])
def test_a_picture_of_everybody_is_not_repeated_once_one_is_followed(good: int) -> None:
    network = Network()
    person = PersonFilter(network, GREEN, options=MatteOptions(stillness=False))
    for index in range(4):
        person.filter(picture(index))
    person.follow("nobody")
    assert person.followed == "lost"
    shown = [person.filter(picture(index)) for index in range(4, 4 + good)]
    network.error = FilterError("no")
    shown += [person.filter(picture(index)) for index in range(4 + good, 8)]
    assert person.outcomes[Outcome.REPEATED] == 0
    assert not any(shows_person(frame) for frame in shown[1:] if frame is not None)


def test_whoever_is_followed_stays_so_after_full_blur_and_reset() -> None:
    person = PersonFilter(Network(), GREEN)
    person.follow("nobody")
    person.full_blur = True
    person.filter(picture(0))
    person.full_blur = False
    for index in range(1, 4):
        person.filter(picture(index))
    person.reset()
    shown = run(person, [picture(index) for index in range(4, 8)])
    assert person.followed == "lost"
    assert not any(shows_person(frame) for frame in shown)
    person.follow(None)
    assert any(shows_person(frame) for frame in run(person, [picture(index) for index in range(8, 12)]))


def shows_person(shown: FilteredFrame) -> bool:
    """Tell whether the left half has a pixel like the source's."""
    y = planes_of(shown.frame).y
    return bool((y[:, : y.shape[1] // 4] > ROOM_LUMA - 20).any())
