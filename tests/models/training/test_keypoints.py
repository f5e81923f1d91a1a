"""Key points of prepared people: where they are looked for, what is kept, and what the real network finds."""

import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from models.training import keypoints
from models.training.data.people import Cutout, KeyPoint, Person, Store
from models.training.data.scene import JOINT_KINDS
from tests.support import person
from tests.support.made_people import made_alpha

PACKAGE = "@mediapipe/pose@0.5.1675469404"


def test_the_first_square_holds_the_whole_body_and_the_other_half_of_who_is_cut() -> None:
    standing: np.ndarray = np.zeros((200, 100), np.uint8)
    standing[20:180, 30:70] = 255
    middle, side = keypoints.first_square(standing)
    assert middle.tolist() == [50, 100]
    assert side == 160 * keypoints.MARGIN
    middle, side = keypoints.first_square(made_alpha(120, 100, bust=True))
    assert middle[1] == 120
    assert side > 2 * 100


def test_every_kind_of_key_point_has_a_plane_to_learn() -> None:
    assert set(keypoints.KINDS.values()) == set(range(1, JOINT_KINDS + 1))


class FakePose(keypoints.BlazePose):
    """Finds a head in the middle of tall cut-outs, and nobody in others."""

    def __init__(self) -> None:
        pass

    def __call__(self, cutout: Cutout) -> list[KeyPoint]:
        height, width = cutout.alpha.shape
        return [KeyPoint(1, width / 2, 3.5)] if height > 150 else []


def test_key_points_are_stored_by_name_and_who_has_none_is_told_from_who_was_not_looked_at(
    prepared: Path,
) -> None:
    store, seen = Store(prepared), list[str]()
    people = store.load()[:4]
    assert keypoints.label(store, people, FakePose(), seen.append) == 2
    assert seen == [p.name for p in people]
    known = Store(prepared).keypoints
    assert set(known) == {p.name for p in people}
    assert known["made_1"] == [KeyPoint(1, 40.0, 3.5)]
    assert known["made_0"] == []


def test_a_folder_without_labels_has_no_key_points(prepared: Path) -> None:
    assert Store(prepared).keypoints == {}


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pose.tflite").write_bytes(b"nothing")
    with pytest.raises(keypoints.NoPoseNetworkError, match=r"pose\.tflite"):
        keypoints.BlazePose(tmp_path / "pose.tflite")


@pytest.mark.slow
def test_the_network_finds_a_head_above_the_shoulders(tmp_path: Path) -> None:
    command = ["npm", "pack", PACKAGE, "--fetch-retries=0", f"--pack-destination={tmp_path}"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"npm or its registry is not there: {error}")
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as archive:
        archive.extract("package/pose_landmark_lite.tflite", tmp_path, filter="data")
    photo = person.astronaut()
    alpha: np.ndarray = np.zeros(photo.shape[:2], np.uint8)
    alpha[20:, 60:440] = 255
    network = keypoints.BlazePose(tmp_path / "package" / "pose_landmark_lite.tflite")
    store = Store(tmp_path)
    somebody = Person("astronaut", "made", ("bottom",), standing=False, photo=False)
    store.add("astronaut", "made", Cutout(np.ascontiguousarray(photo), alpha))
    points = network(store.cutout(somebody))
    (head,) = (point for point in points if point.kind == 1)
    shoulders = [point for point in points if point.kind == 2]
    assert len(shoulders) == 2
    assert all(head.y + 40 < shoulder.y < len(photo) for shoulder in shoulders)
    assert min(s.x for s in shoulders) < head.x < max(s.x for s in shoulders)
