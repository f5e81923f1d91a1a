"""A suite is made of its inputs alone: neither the order of listings nor who else is there changes a clip."""

import json
from pathlib import Path

import pytest

from models.training import suite
from models.training.data.people import Person, Store
from models.training.data.pictures import read_plane
from models.training.data.rooms import load_rooms

CLIPS = 2


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "FRAMES", 3)


def composed(folder: Path, prepared: Path, people: list[Person], rooms: list[Path], seed: int = 5) -> str:
    """The manifest of a suite."""
    suite.write_suite(folder, Store(prepared), people, rooms, CLIPS, seed, lambda _: None)
    return (folder / suite.MANIFEST).read_text()


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes_in_whatever_order_they_come(
    prepared: Path, tmp_path: Path
) -> None:
    people, rooms = Store(prepared).load(), load_rooms(prepared, frozenset())
    first = composed(tmp_path / "first", prepared, people, rooms)
    assert composed(tmp_path / "second", prepared, people[::-1], rooms[::-1]) == first
    assert composed(tmp_path / "third", prepared, people, rooms, seed=6) != first
    names = {clip["name"] for clip in json.loads(first)["clips"]}
    assert names == {folder.name for folder in (tmp_path / "first").iterdir() if folder.is_dir()}


@pytest.mark.slow
def test_whoever_is_not_drawn_may_go_and_others_may_come_without_changing_who_comes_before_them(
    prepared: Path, tmp_path: Path
) -> None:
    people, rooms = Store(prepared).load(), load_rooms(prepared, frozenset())
    made = json.loads(composed(tmp_path / "all", prepared, people, rooms))
    drawn = {name for clip in made["clips"] for name in clip["people"]}
    only = [person for person in people if person.name in drawn]
    assert len(only) < len(people)
    assert json.loads(composed(tmp_path / "only", prepared, only, rooms)) == made


@pytest.mark.slow
def test_the_manifest_tells_a_change_of_data_from_one_of_what_composes(
    prepared: Path, tmp_path: Path
) -> None:
    people, rooms = Store(prepared).load(), load_rooms(prepared, frozenset())
    before = json.loads(composed(tmp_path / "before", prepared, people, rooms))
    assert set(before["versions"]) == {"numpy", "opencv", "av", "libavcodec"}
    (drawn,) = (p for p in people if p.name == before["clips"][0]["people"][0])
    other = next(p for p in people if p.name not in before["clips"][0]["people"])
    for mine, theirs in zip(Store(prepared).files(drawn), Store(prepared).files(other), strict=True):
        mine.write_bytes(theirs.read_bytes())
    after = json.loads(composed(tmp_path / "after", prepared, people, rooms))
    assert after["clips"][0]["people"] == before["clips"][0]["people"]
    for key in ("inputs", "film", "alpha"):
        assert after["clips"][0][key] != before["clips"][0][key]
        assert after["clips"][1][key] == before["clips"][1][key]


def test_an_order_depends_on_each_name_and_the_seed_only() -> None:
    names = [f"person_{n}" for n in range(40)]
    order = suite.in_turn(names, str, 7)
    assert sorted(order) == sorted(names) != order
    assert suite.in_turn(names[::-1], str, 7) == order != suite.in_turn(names, str, 8)
    assert suite.in_turn(names[:-1], str, 7) == [name for name in order if name != names[-1]]


@pytest.mark.slow
def test_a_suite_of_empty_rooms_shows_nobody_with_the_camera_still_and_held(
    prepared: Path, tmp_path: Path
) -> None:
    rooms = load_rooms(prepared, frozenset())
    suite.write_suite(tmp_path, Store(prepared), [], rooms, 4, 5, lambda _: None, suite.EMPTY)
    clips = json.loads((tmp_path / suite.MANIFEST).read_text())["clips"]
    assert [clip["name"] for clip in clips] == ["00_still", "01_held", "02_dark", "03_moved"]
    for clip in clips:
        folder = tmp_path / clip["name"]
        mattes = sorted((folder / "alpha").glob("*.png"))
        assert len(mattes) == suite.FRAMES
        assert not any(read_plane(matte).any() for matte in mattes)
        assert (folder / "plate.jpg").exists() != suite.EMPTY[clip["name"][3:]].handheld


def test_a_suite_without_rooms_says_so(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="pictures of rooms"):
        suite.write_suite(tmp_path, Store(prepared), [], [], 4, 5, lambda _: None, suite.EMPTY)


def test_a_suite_without_people_says_so(prepared: Path, tmp_path: Path) -> None:
    rooms = load_rooms(prepared, frozenset())
    with pytest.raises(FileNotFoundError, match="needs people"):
        suite.write_suite(tmp_path, Store(prepared), [], rooms, 4, 5, lambda _: None)


def test_everybody_is_in_one_half_told_by_the_name() -> None:
    halves = [suite.half_of(f"person_{n}") for n in range(200)]
    assert set(halves) == {1, 2}
    assert 60 < halves.count(1) < 140
    assert halves == [suite.half_of(f"person_{n}") for n in range(200)]
