"""Which rooms may be trained on, and who is kept for choosing."""

from pathlib import Path

import pytest

from models.training.data.manifest import ManifestError, load_manifest
from models.training.data.pictures import read_rgb, write_rgb
from models.training.data.rooms import (
    KEPT,
    BannedRoomError,
    allowed_rooms,
    kept_for_choosing,
    load_rooms,
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
