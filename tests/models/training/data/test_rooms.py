"""Which rooms may be trained on, and who is kept for choosing."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.data.manifest import ManifestError, load_manifest
from models.training.data.pictures import read_rgb, write_rgb
from models.training.data.rooms import (
    KEPT,
    LETTERS,
    VIEWS,
    BannedRoomError,
    allowed_rooms,
    kept_for_choosing,
    load_rooms,
    prepared_rooms,
    room_of,
    save_rooms,
)
from tests.support.made_people import made_colours


def rooms_in(folder: Path) -> Path:
    for index, name in enumerate(("rooms_bg_012", "rooms_bg_003", "simpl_room", "outdoor_bg_120")):
        write_rgb(folder / f"{name}.jpg", made_colours(90, 160, (60 * index, 200 - 50 * index, 90)))
    return folder


def test_what_a_test_clip_shows_is_left_out_by_number_by_name_and_by_looks(tmp_path: Path) -> None:
    folder = rooms_in(tmp_path)
    banned = frozenset({"12", "simpl_room"})
    assert [r.stem for r in allowed_rooms(folder, banned, [])] == ["outdoor_bg_120", "rooms_bg_003"]
    plate = tmp_path / "plates" / "plate.jpg"
    plate.parent.mkdir()
    write_rgb(plate, read_rgb(folder / "rooms_bg_003.jpg"))
    assert [r.stem for r in allowed_rooms(folder, banned, [plate])] == ["outdoor_bg_120"]


@pytest.mark.slow
def test_views_of_a_panorama_are_rooms_and_stay_on_one_side_of_the_split(tmp_path: Path) -> None:
    light = np.random.default_rng(0).uniform(0, 2, (16, 32, 3)).astype(np.float32)
    for folder in ("panoramas", "backgrounds"):
        (tmp_path / folder).mkdir()
    for name in ("studio_12", "hall"):
        cv2.imwrite(str(tmp_path / f"panoramas/{name}.hdr"), light)
    rooms_in(tmp_path / "backgrounds")
    manifest = load_manifest()
    rooms = prepared_rooms(manifest, tmp_path, tmp_path / "prepared")
    views = [room for room in rooms if room.parent.name == VIEWS]
    assert {room_of(view) for view in views} == {"hall", "studio_12"}
    assert len(views) == 2 * len(LETTERS)
    assert [r.stem for r in rooms if r not in views] == ["outdoor_bg_120", "rooms_bg_003"]
    assert room_of(rooms[0]) == rooms[0].stem or rooms[0] in views
    save_rooms(tmp_path, rooms)
    assert load_rooms(tmp_path, manifest.banned) == rooms
    written = views[0].stat().st_mtime_ns
    prepared_rooms(manifest, tmp_path, tmp_path / "prepared")
    assert views[0].stat().st_mtime_ns == written


def test_a_banned_room_in_a_prepared_folder_stops_the_run(tmp_path: Path) -> None:
    save_rooms(tmp_path, [Path("rooms_bg_003.jpg"), Path("rooms_bg_040.jpg")])
    with pytest.raises(BannedRoomError, match="rooms_bg_040"):
        load_rooms(tmp_path, load_manifest().banned)


def test_the_split_depends_on_the_name_only_and_keeps_about_the_share() -> None:
    kept = [kept_for_choosing(f"person_{n}") for n in range(3000)]
    assert sum(kept) / len(kept) == pytest.approx(KEPT, abs=0.02)
    assert kept_for_choosing("person_7") == kept[7]


def test_every_source_says_where_it_is_from_and_nothing_measured_is_trained_on() -> None:
    manifest = load_manifest()
    assert {"12", "99", "simpl_room"} <= manifest.banned
    for source in manifest.sources.values():
        assert source.origin
        assert source.licence
        if "measure" in source.uses:
            assert source.uses == ("measure",)
            with pytest.raises(ManifestError, match=source.name):
                source.require("train")


@pytest.mark.parametrize("change", ['licence = ""', 'uses = ["sell"]', 'kind = "films"', "uses = []"])
def test_a_manifest_that_lacks_something_is_refused_by_name(tmp_path: Path, change: str) -> None:
    entry = {"kind": '"rooms"', "origin": '"here"', "licence": '"CC0"', "uses": '["train"]'}
    key, value = change.split(" = ")
    entry[key] = value
    lines = [f"{k} = {v}" for k, v in entry.items()]
    path = tmp_path / "manifest.toml"
    path.write_text("banned_rooms = []\n[source.attic]\n" + "\n".join(lines))
    with pytest.raises(ManifestError, match="attic"):
        load_manifest(path)
