"""Scenes: no cut edge floats, truth and picture belong together, and a seed gives one sample only."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.training.data import scene
from models.training.data.camera import through_vp8
from models.training.data.people import Cutout, KeyPoint, Store, cut_sides
from models.training.data.pictures import Floats, Plane
from models.training.data.placement import Pose, cut_points, in_contact, matrix, seen_side
from models.training.data.rooms import load_rooms
from models.training.data.samples import ARRIVALS, SHAPES, Draw, lightened, shapes
from models.training.data.scene import FRAME, Shares

FAR_OUT = {"left": (0, -1), "right": (0, 1), "top": (1, -1), "bottom": (1, 1)}


def draw_of(prepared: Path, **shares: float) -> Draw:
    store = Store(prepared)
    return Draw(store, store.load(), load_rooms(prepared, frozenset()), Shares(**shares))


def cut_alpha(sides: tuple[str, ...]) -> Plane:
    alpha = np.zeros((60, 40), np.uint8)
    alpha[20:40, 10:30] = 255
    for side in sides:
        part = {
            "left": np.s_[20:40, :30],
            "right": np.s_[20:40, 10:],
            "top": np.s_[:40, 10:30],
            "bottom": np.s_[20:, 10:30],
        }[side]
        alpha[part] = 255
    return alpha


def test_a_side_is_cut_where_the_outline_runs_into_it_and_not_where_a_head_touches_it() -> None:
    rows, columns = np.mgrid[:100, :100]
    head = np.where((columns - 50) ** 2 + (rows - 40) ** 2 < 40.4**2, 255, 0).astype(np.uint8)
    assert head[0].any()
    assert cut_sides(head) == ()
    assert cut_sides(cut_alpha(("left", "bottom"))) == ("left", "bottom")


@given(
    sides=st.sets(st.sampled_from(["left", "top", "right", "bottom"]), min_size=1, max_size=4),
    scale=st.floats(0.5, 8),
    degrees=st.floats(-8, 8),
    mirrored=st.booleans(),
    target=st.tuples(st.floats(0, FRAME[0]), st.floats(0, FRAME[1])),
)
@settings(deadline=None, max_examples=60)
def test_no_cut_edge_floats(
    sides: set[str], scale: float, degrees: float, mirrored: bool, target: tuple[float, float]
) -> None:
    cut = tuple(sorted(sides))
    alpha = cut_alpha(cut)
    pose = Pose(scale, 1.05, degrees, mirrored, (20.0, 20.0), target)
    move = in_contact(pose, alpha, cut, FRAME)
    for side in cut:
        axis, way = {"left": (0, -1), "right": (0, 1), "top": (1, -1), "bottom": (1, 1)}[
            seen_side(side, mirrored)
        ]
        placed = cut_points(alpha, side) @ move[:, :2].T + move[:, 2]
        limit = 0 if way < 0 else FRAME[axis] - 1
        assert (way * (placed[:, axis] - limit) >= 0).all(), side


def test_who_is_not_cut_stays_where_the_pose_says() -> None:
    pose = Pose(2.0, 1.0, 5.0, False, (20.0, 20.0), (300.0, 100.0))
    assert np.array_equal(in_contact(pose, cut_alpha(()), (), FRAME), matrix(pose))


@pytest.mark.slow
def test_a_bust_reaches_the_border_of_the_frame_in_every_scene(prepared: Path) -> None:
    store = Store(prepared)
    busts = [person for person in store.load() if person.cut == ("bottom",)]
    draw = Draw(store, busts, load_rooms(prepared, frozenset()), Shares(empty=0, bend=1, decoy=0))
    shown = 0
    for seed in range(30):
        alpha = draw(seed, (180, 320)).alpha
        if (alpha > 127).any():
            shown += 1
            assert (alpha[-1] > 127).any(), seed
    assert shown > 25


@pytest.mark.slow
def test_the_picture_shows_the_person_where_the_matte_says(prepared: Path) -> None:
    store = Store(prepared)
    red = [person for person in store.load() if not person.photo]
    shares = Shares(empty=0, grey=0, decoy=0, bend=0, lit_by_room=0, room_of_same_colour=0)
    draw = Draw(store, red, load_rooms(prepared, frozenset()), shares)
    for seed in range(8):
        picture, alpha, *_ = draw(seed, (224, 400))
        inside, outside = alpha > 250, alpha < 5
        if inside.sum() > 500 and outside.sum() > 500:
            redness = picture[..., 0].astype(float) - picture[..., 2]
            assert redness[inside].mean() > redness[outside].mean() + 20


@pytest.mark.parametrize("shape", [*SHAPES, *ARRIVALS])
@pytest.mark.slow
def test_a_seed_gives_one_sample_of_the_wanted_shape(prepared: Path, shape: tuple[int, int]) -> None:
    first, second = draw_of(prepared)(7, shape), draw_of(prepared)(7, shape)
    assert first.picture.shape == (*shape, 3)
    assert first.alpha.shape == first.known.shape == first.joints.shape == shape
    for mine, theirs in zip(first, second, strict=True):
        assert np.array_equal(mine, theirs)


def test_who_comes_in_is_in_sight_by_a_sliver_at_the_nearer_side() -> None:
    alpha = np.zeros((100, 80), np.float32)
    alpha[20:, 10:70] = 1
    for across in (40.0, 520.0):
        move = np.array([[1, 0, across], [0, 1, 200]], np.float32)
        points = np.zeros((0, 3), np.float32)
        layer = scene.Layer(np.zeros((100, 80, 3), np.float32), alpha, move, points)
        _, seen = scene.warped(scene.entering(layer, 15), (0, 0, *FRAME), FRAME, None)
        columns = np.flatnonzero((seen > 0.5).any(axis=0))
        assert len(columns) in (14, 15, 16)
        assert (columns[0] == 0) == (across == 40.0)
        assert (columns[-1] == FRAME[0] - 1) == (across == 520.0)


@pytest.mark.slow
def test_a_close_look_shows_a_part_of_somebody_at_a_side(prepared: Path) -> None:
    draw = draw_of(prepared, empty=0, two=0)
    shares = [float((draw(seed, shape).alpha > 127).mean()) for shape in ARRIVALS for seed in range(12)]
    assert np.mean(np.array(shares) > 0.01) > 0.5
    assert max(shares) < 0.95


def test_an_empty_room_has_an_empty_matte(prepared: Path) -> None:
    draw = Draw(
        Store(prepared), Store(prepared).load()[:1], load_rooms(prepared, frozenset()), Shares(empty=1)
    )
    assert not draw(3, (96, 160)).alpha.any()


def test_a_hidden_face_leaves_the_outline_and_changes_the_inside() -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 255, (120, 100, 3)).astype(np.uint8)
    alpha = np.zeros((120, 100), np.uint8)
    alpha[10:, 20:80] = 255
    head = (50.0, 10.0, 60.0)
    for back in (False, True):
        hidden = scene.without_face(Cutout(colour, alpha), head, back, rng)
        changed = (hidden != colour).any(axis=2)
        assert changed[20:60, 35:65].mean() > 0.3
        assert not changed[100:].any()


def test_what_somebody_holds_is_person_and_lies_on_the_outline() -> None:
    alpha = np.zeros((90, 160), np.float32)
    alpha[20:, 60:100] = 1
    picture = np.full((90, 160, 3), 50.0, np.float32)
    texture = np.full((90, 160, 3), 200.0, np.float32)
    for seed in range(10):
        seen, held = scene.holding(picture, alpha, texture, np.random.default_rng(seed))
        assert (held >= alpha).all()
        new = held > 0.9
        assert new[20:, 60:100].all()
        outside = new & (alpha < 0.5)
        assert outside.any()
        assert (np.abs(seen[outside] - 50).max(axis=1) > 1).mean() > 0.5
        assert cv2.connectedComponents(new.astype(np.uint8))[0] == 2  # it touches whoever holds it
    nobody = np.zeros_like(alpha)
    assert scene.holding(picture, nobody, texture, np.random.default_rng(0))[1] is nobody


STILL: Floats = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


def test_a_key_point_is_a_disc_of_its_kind_where_the_map_and_the_bend_put_it() -> None:
    alpha, joints = np.ones((100, 160), np.float32), np.zeros((100, 160), np.uint8)
    points = np.array([[3, 40, 30], [5, 90, 60]], np.float32)
    move = np.array([[1, 0, 10], [0, 1, -5]], np.float32)
    rows, columns = np.mgrid[:100, :160].astype(np.float32)
    for bend, (x, y) in ((None, (50, 25)), ((columns - 6, rows + 4), (56, 21))):
        marked = scene.marked(joints, alpha, points, move, bend)
        found = np.argwhere(marked == 3)
        assert found.mean(axis=0) == pytest.approx((y, x))
        assert np.ptp(found, axis=0).tolist() == [8, 8]  # twice 4 % of the shorter side
        assert set(np.unique(marked)) == {0, 3, 5}


def test_who_stands_before_others_hides_their_key_points_and_one_nobody_labelled_is_unknown() -> None:
    joints = np.full((100, 160), 2, np.uint8)
    alpha: Floats = np.zeros((100, 160), np.float32)
    alpha[:, 80:] = 1
    labelled = scene.marked(joints, alpha, np.array([[7, 120, 50]], np.float32), STILL)
    assert (labelled[:, :80] == 2).all()
    assert set(np.unique(labelled[:, 80:])) == {0, 7}
    unlabelled = scene.marked(joints, alpha, np.zeros((0, 3), np.float32), STILL)
    assert (unlabelled[:, :80] == 2).all()
    assert (unlabelled[:, 80:] == scene.UNKNOWN).all()


@pytest.mark.slow
def test_the_samples_show_the_key_points_on_the_people_and_draw_all_else_as_without(prepared: Path) -> None:
    store = Store(prepared)
    before = [draw_of(prepared)(seed, (224, 400)) for seed in range(12)]
    assert {int(value) for sample in before for value in np.unique(sample.joints)} == {0, scene.UNKNOWN}
    middle = {}
    for person in store.load():
        height, width = store.cutout(person).alpha.shape
        middle[person.name] = [KeyPoint(1, width / 2, 0.22 * height)]  # the made people's heads
    store.save_keypoints(middle)
    found = 0
    for seed, old in enumerate(before):
        new = draw_of(prepared)(seed, (224, 400))
        assert all(np.array_equal(a, b) for a, b in zip(old[:3], new[:3], strict=True))
        assert set(np.unique(new.joints)) <= {0, 1}
        if (new.joints == 1).any():
            found += 1
            assert (new.alpha[new.joints == 1] > 127).mean() > 0.7
    assert found > 6


def test_a_view_maps_centres_of_pixels_on_centres() -> None:
    move = scene.through(STILL, (0.0, 0.0, 640.0, 360.0), (320, 180))
    centre = move @ np.array([319.5, 179.5, 1], np.float32)
    assert centre == pytest.approx([159.5, 89.5])


def test_looks_of_any_size_have_the_shapes_of_the_filters() -> None:
    assert shapes(SHAPES[0][0] * SHAPES[0][1]) == SHAPES
    for (height, width), (tall, wide) in zip(shapes(15_360), SHAPES, strict=True):
        assert height % 16 == width % 16 == 0
        assert height / width == pytest.approx(tall / wide, rel=0.15)
    assert shapes(15_360)[0] == (96, 160)
    assert min(min(shape) for shape in shapes(1)) >= 32


def test_vp8_makes_the_same_of_a_picture_each_time() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (64, 112, 3)).astype(np.uint8)
    made = [through_vp8(picture, 200_000) for _ in range(4)]
    assert all(np.array_equal(made[0], other) for other in made[1:])
    assert not np.array_equal(made[0], picture)


@pytest.mark.parametrize(("level", "wanted"), [(200, 200), (70, 70), (20, 64), (2, 16)])
def test_dark_looks_are_as_light_as_the_filter_makes_them(level: int, wanted: int) -> None:
    seen = lightened(np.full((32, 48, 3), level, np.uint8))
    assert np.abs(seen.astype(int) - wanted).max() <= 1
