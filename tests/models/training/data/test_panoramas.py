"""A panorama is many pictures of one room: each looks where it is told, straight lines stay straight, and ends join."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.data.panoramas import exposed, read_panorama, view, views
from models.training.data.pictures import Floats, Picture, write_rgb

SIZE = (160, 90)


def world() -> Floats:
    """Light of its direction: red grows to the right, green downwards, both in degrees; blue is a lamp behind."""
    rows, columns = np.mgrid[:180, :360].astype(np.float32)
    behind = ((columns < 4) | (columns > 355)) & (abs(rows - 90) < 4)
    return np.dstack([columns + 0.5, rows + 0.5, np.where(behind, 500, 1)]).astype(np.float32)


def middle(picture: Floats) -> Floats:
    inner: Floats = picture[SIZE[1] // 2 - 1 : SIZE[1] // 2 + 1, SIZE[0] // 2 - 1 : SIZE[0] // 2 + 1]
    mean: Floats = inner.mean(axis=(0, 1))
    return mean


@pytest.mark.parametrize(("yaw", "across"), [(0, 180), (90, 270), (-45, 135), (-120, 60)])
def test_a_view_looks_where_it_is_turned(yaw: float, across: float) -> None:
    red, green, _ = middle(view(world(), (yaw, 0, 0), 60, SIZE))
    assert red == pytest.approx(across, abs=1)
    assert green == pytest.approx(90, abs=1)


def test_pitch_looks_up_and_the_field_spans_what_it_says() -> None:
    assert middle(view(world(), (0, 30, 0), 60, SIZE))[1] == pytest.approx(60, abs=1)
    row = view(world(), (0, 0, 0), 90, SIZE)[SIZE[1] // 2]
    assert row[-1, 0] - row[0, 0] == pytest.approx(90, abs=1.5)


def test_roll_turns_the_picture_about_its_middle() -> None:
    level, rolled = (view(world(), (0, 0, roll), 60, SIZE) for roll in (0, 90))
    assert middle(rolled)[0] == pytest.approx(middle(level)[0], abs=1)
    assert abs(rolled[45, 10, 1] - 90) > 20 > abs(level[45, 10, 1] - 90)


def test_the_ends_of_the_circle_join() -> None:
    seen = view(world(), (180, 0, 0), 60, SIZE)
    assert middle(seen)[2] == pytest.approx(500, rel=0.02)
    assert seen[..., 2].min() >= 0


def test_a_camera_exposes_for_the_room_whatever_its_light() -> None:
    light = np.random.default_rng(1).uniform(0.5, 1.5, (90, 160, 3)).astype(np.float32)
    dim, bright = (exposed(light * power, np.random.default_rng(2)) for power in (0.01, 100))
    assert np.abs(dim.astype(int) - bright).max() <= 1
    means = [exposed(light, np.random.default_rng(seed)).mean() for seed in range(20)]
    assert 60 < np.mean(means) < 190
    assert np.ptp(means) > 20


@pytest.mark.slow
def test_views_differ_from_each_other_and_depend_on_the_name_only() -> None:
    first, again, other = (views(world() / 100, name, 3) for name in ("hall", "hall", "attic"))
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not any(np.array_equal(*pair) for pair in zip(first, other, strict=True))
    assert np.abs(first[0].astype(int) - first[1]).mean() > 5


def test_what_is_no_panorama_is_refused_by_name(tmp_path: Path) -> None:
    photo, square = tmp_path / "photo.jpg", tmp_path / "square.hdr"
    plain: Picture = np.zeros((8, 16, 3), np.uint8)
    write_rgb(photo, plain)
    cv2.imwrite(str(square), np.ones((16, 16, 3), np.float32))
    for path in (photo, square, tmp_path / "none.hdr"):
        with pytest.raises(ValueError, match=path.name):
            read_panorama(path)
