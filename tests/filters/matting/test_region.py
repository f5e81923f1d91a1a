"""What the network sees."""

import numpy as np
import pytest

from filters.base import Plane
from filters.matting.region import COOL, HOLD, LOOK, Region, paste, pixels

SIZE = (640, 360)
WHOLE = (0, 0, 640, 360)


def cells(left: int, top: int, right: int, bottom: int) -> Plane:
    """Return a matte on 8 × 8 cells of a 640 × 360 frame, occupied in a rectangle of pixels."""
    matte = np.zeros((45, 80), np.uint8)
    matte[top // 8 : bottom // 8, left // 8 : right // 8] = 255
    return matte


STILL = np.zeros((45, 80), np.uint8)


def tracked(matte: Plane, frames: int = 2) -> Region:
    region = Region()
    for _ in range(frames):
        region.next(matte, STILL, SIZE)
    return region


def test_nobody_in_sight_is_looked_for_everywhere() -> None:
    assert Region().next(STILL, STILL, SIZE) == [WHOLE]


def test_a_person_gets_a_padded_box_on_whole_chroma_samples() -> None:
    matte = cells(200, 120, 320, 360)
    (box,) = tracked(matte).next(matte, STILL, SIZE)
    left, top, right, bottom = box
    assert 150 < left < 200
    assert 80 < top < 120
    assert 320 < right < 370
    assert bottom == 360
    assert all(v % 2 == 0 for v in box)


def test_the_box_stays_while_it_fits() -> None:
    matte = cells(200, 120, 320, 360)
    region = tracked(matte)
    box = region.next(matte, STILL, SIZE)
    assert region.next(cells(208, 120, 320, 360), STILL, SIZE) == box
    assert region.next(cells(120, 120, 320, 360), STILL, SIZE) != box


def test_two_people_share_a_box() -> None:
    matte = cells(80, 200, 160, 360) | cells(400, 240, 480, 360)
    (box,) = tracked(matte).next(matte, STILL, SIZE)
    assert box[0] < 80
    assert box[2] > 480


def test_a_small_person_still_gets_a_box_of_some_size() -> None:
    matte = cells(600, 320, 632, 360)
    ((left, top, right, bottom),) = tracked(matte).next(matte, STILL, SIZE)
    assert right - left >= 144
    assert bottom - top >= 144
    assert (right, bottom) == SIZE


def test_the_whole_frame_is_looked_at_often_enough() -> None:
    matte = cells(200, 120, 320, 360)
    region = Region()
    inferences = [region.next(matte, STILL, SIZE)[0] == WHOLE for _ in range(3 * LOOK)]
    assert inferences.count(True) == 3


def test_what_moves_outside_is_looked_at_by_itself_for_a_while() -> None:
    matte = cells(160, 120, 280, 360)
    region = tracked(matte)
    (person,) = region.next(matte, cells(200, 200, 240, 240), SIZE)
    first, arrival = region.next(matte, cells(600, 200, 640, 360), SIZE)
    assert first == person
    assert arrival[0] < 600
    assert arrival[2:] == SIZE
    inferences = [len(region.next(matte, STILL, SIZE)) for _ in range(HOLD + 2)]
    assert inferences == sorted(inferences, reverse=True)
    assert inferences[0] == 2
    assert inferences[-1] == 1


def test_who_came_in_keeps_a_box_and_the_first_person_too() -> None:
    person = cells(80, 120, 240, 360)
    region = tracked(person)
    before = region.next(person, STILL, SIZE)[0]
    region.next(person, cells(560, 160, 640, 360), SIZE)
    for left in range(552, 472, -8):
        boxes = region.next(person | cells(left, 160, 640, 360), STILL, SIZE)
        assert boxes[0] == before
        assert boxes[1][0] < left


def test_what_moves_and_is_nobody_is_left_alone_for_a_while() -> None:
    matte = cells(160, 120, 280, 360)
    curtain = cells(560, 0, 640, 200)
    region = tracked(matte)
    inferences = [len(region.next(matte, curtain, SIZE)) for _ in range(HOLD + COOL)]
    assert inferences.count(2) <= HOLD + 1


def test_a_new_frame_size_starts_a_new_box() -> None:
    matte = cells(200, 120, 320, 360)
    region = tracked(matte)
    for box in region.next(matte, STILL, (320, 180)):
        assert box[2] <= 320
        assert box[3] <= 180


@pytest.mark.parametrize("size", [(16, 16), (17, 1081), (639, 359)])
def test_any_frame_size(size: tuple[int, int]) -> None:
    matte = np.full((4, 4), 255, np.uint8)
    region = Region()
    for _ in range(3):
        for box in region.next(matte, np.zeros_like(matte), size):
            assert 0 <= box[0] < box[2] <= size[0]
            assert 0 <= box[1] < box[3] <= size[1]
            assert pixels(box, size) > 0


def test_the_matte_of_a_box_is_pasted_where_the_box_is() -> None:
    inside = np.ones((64, 96), np.float32)
    matte = paste(inside, (160, 80, 480, 320), SIZE, (320, 180))
    assert matte.shape == (180, 320)
    assert matte[45:155, 85:235].min() == 255
    assert matte[:38].max() == 0
    assert matte[:, :78].max() == 0
    assert matte[:, 243:].max() == 0
    assert abs(int(matte.astype(bool).sum()) - 160 * 120) < 600


def test_what_moves_in_an_unfamiliar_room_makes_it_look_at_the_whole() -> None:
    matte = cells(160, 120, 280, 360)
    region = tracked(matte)
    strange = np.zeros_like(STILL)
    assert region.next(matte, cells(600, 200, 640, 360), SIZE, strange) == [WHOLE]
    assert region.next(matte, STILL, SIZE, strange) != [WHOLE]
