"""The picture that leaves a device: the person sharp, everything else in cells that show neither text nor faces."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filters.matting.segmenter import load_card
from server.config.options import DEFAULT_MODEL, MODELS
from tests.support.camera import Camera
from tests.support.device_filter import Sent, filter_pictures
from tests.support.viewer import READABLE

pytestmark = pytest.mark.slow

SIZES = [(640, 360), (480, 270), (321, 241), (270, 480), (1280, 720), (160, 120)]


def packed(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Return I420 without padding, chroma of odd sizes rounded up."""
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(rows[:, : plane.width].ravel())
    return np.concatenate(planes)


def shown(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return RGB, (height, width, 3), of a packed I420 picture."""
    width, height = size
    frame = av.VideoFrame(width, height, "yuv420p")
    at = 0
    for plane in frame.planes:
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = picture[at : at + plane.height * plane.width].reshape(plane.height, -1)
        at += plane.height * plane.width
        plane.update(rows.tobytes())
    return frame.to_ndarray(format="rgb24").astype(np.uint8)


@pytest.fixture(scope="module", params=SIZES, ids=str)
def case(request: pytest.FixtureRequest) -> tuple[Camera, list[NDArray[np.uint8]]]:
    width, height = request.param
    camera = Camera(width, height, loop=4)
    card = load_card(DEFAULT_MODEL, MODELS)
    pictures = [packed(frame) for frame in camera.video_frames(4)]
    sent = filter_pictures(pictures, request.param, card)
    return camera, [shown(each.picture, request.param) for each in sent]


def test_the_room_is_blurred(case: tuple[Camera, list[NDArray[np.uint8]]]) -> None:
    camera, sent = case
    assert camera.marker.contrast(camera.frame(0)) > 0.5
    assert max(abs(camera.marker.contrast(picture)) for picture in sent) < READABLE


def test_the_person_is_as_it_was(case: tuple[Camera, list[NDArray[np.uint8]]]) -> None:
    camera, sent = case
    for i, picture in enumerate(sent):
        face = camera.face(i)
        difference = face.of(picture).astype(int) - face.of(camera.frame(i))
        assert np.abs(difference).mean() < 6  # what 4:2:0 does to colours, and nothing else


def test_the_room_keeps_its_light(case: tuple[Camera, list[NDArray[np.uint8]]]) -> None:
    """It is a blur and no flat fill: the server's network takes the edge of that for person."""
    camera, sent = case
    before, after = camera.frame(0).mean((0, 1)), sent[0].mean((0, 1))
    assert np.abs(before - after).max() < 6


def test_an_empty_room_is_blurred_everywhere() -> None:
    camera = Camera(640, 360, loop=2, somebody=False)
    card = load_card(DEFAULT_MODEL, MODELS)
    (sent,) = filter_pictures([packed(camera.video_frames(1)[0])], (640, 360), card)
    picture = shown(sent.picture, (640, 360)).astype(np.float32)
    assert sent.sharp.mean() < 0.01
    steps = np.abs(np.diff(picture, axis=1)).mean()
    assert steps < 0.15 * np.abs(np.diff(camera.frame(0).astype(np.float32), axis=1)).mean()


@pytest.fixture(scope="module")
def met() -> tuple[Camera, list[Sent]]:
    """Somebody in front of the camera, and what their device sends."""
    camera = Camera(640, 360, loop=4)
    card = load_card(DEFAULT_MODEL, MODELS)
    return camera, filter_pictures([packed(each) for each in camera.video_frames(4)], (640, 360), card)


def test_hardly_any_room_beside_somebody_leaves_the_device(met: tuple[Camera, list[Sent]]) -> None:
    """A margin would show all of the room that somebody moves in front of, strip by strip."""
    camera, sent = met
    rooms = [camera.matte(i) < 0.02 for i in range(len(sent))]
    leaves = [(each.sharp & room).sum() / room.sum() for each, room in zip(sent, rooms, strict=True)]
    assert max(leaves) < 0.005


def test_nobodys_colours_run_into_the_room(met: tuple[Camera, list[Sent]]) -> None:
    """The server's network takes a hem of them for more of the person."""
    _, sent = met
    room = Camera(640, 360, loop=4, somebody=False).frame(0)
    cells = cv2.resize(room, (32, 18), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(cells, (640, 360), interpolation=cv2.INTER_LINEAR).astype(int)
    for each in sent:
        beside = cv2.dilate(each.sharp.astype(np.uint8), np.ones((17, 17), np.uint8)) > each.sharp
        difference = np.abs(shown(each.picture, (640, 360)).astype(int) - blurred)
        assert difference[beside].mean() < 8


def test_the_person_is_found_in_the_dark(met: tuple[Camera, list[Sent]]) -> None:
    """As filters/matting/segmenter.py has it; without, the network finds nobody in such a picture."""
    camera, light = met
    picture = packed(camera.video_frames(1)[0])
    luma, chroma = np.split(picture, [640 * 360])
    luma[:] = np.round(16 + 0.05 * np.maximum(luma.astype(float) - 16, 0))
    chroma[:] = np.round(128 + 0.05 * (chroma.astype(float) - 128))
    (dark,) = filter_pictures([picture], (640, 360), load_card(DEFAULT_MODEL, MODELS))
    assert (dark.sharp & light[0].sharp).sum() / (dark.sharp | light[0].sharp).sum() > 0.9
