"""The film of a recording: who is seen when and where, who is heard when, and what is wrong with bad folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from filters.reader import MediaError
from server.media.compose import HEIGHT, RATE, WIDTH, compose, draw, grid, plain, read_parts
from server.media.encoder import Vp8Encoder
from server.media.webm import WebmFile
from tests.support.painting import even, speech

BRIGHT, DARK = 200, 90


def record(folder: Path, name: str, luma: int, start: int, seconds: float, *, voice: bool) -> dict[str, Any]:
    """Write one participant's file; return its entry of the index."""
    file = WebmFile(folder / f"{name}.webm", (160, 96))
    encoder = Vp8Encoder(300_000)
    for i in range(round(30 * seconds)):
        video = encoder.encode(even(160, 96, luma), 3000 * i, keyframe=i == 0)
        file.write_video(video, start + 1000 * i // 30)
    for i, packet in enumerate(speech(round(50 * seconds)) if voice else ()):
        file.write_audio(packet.data, start + 20 * i)
    file.close()
    return {"participant": name, "name": name, "file": file.path.name, "start": start / 1000, "end": None}


def write_index(folder: Path, *files: dict[str, Any]) -> Path:
    index = {"version": 1, "room": "studio", "start": 0, "end": None, "files": files}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Ada from 0 to 1.5 s; Bob from 0.5 to 1 s, who speaks."""
    ada = record(tmp_path, "ada", BRIGHT, 0, 1.5, voice=False)
    bob = record(tmp_path, "bob", DARK, 500, 0.5, voice=True)
    return write_index(tmp_path, ada, bob)


def picture(film: list[av.VideoFrame], time: float) -> np.ndarray[Any, Any]:
    return film[round(time * RATE)].to_ndarray(format="gray")


def test_people_come_and_go_in_the_grid_and_are_heard_meanwhile(recording: Path, tmp_path: Path) -> None:
    assert compose(recording, tmp_path / "film.mp4") in (37, 38, 39)
    with av.open(str(tmp_path / "film.mp4")) as container:
        film = list(container.decode(video=0))
    assert (film[0].width, film[0].height) == (WIDTH, HEIGHT)
    alone = (BRIGHT - 16) * 255 / 219
    for time in (0.2, 1.3):
        assert picture(film, time)[HEIGHT // 2, WIDTH // 2] == pytest.approx(alone, abs=6)
    both = picture(film, 0.75)
    assert both[HEIGHT // 2, WIDTH // 4] == pytest.approx(alone, abs=6)
    assert both[HEIGHT // 2, 3 * WIDTH // 4] == pytest.approx((DARK - 16) * 255 / 219, abs=6)
    with av.open(str(tmp_path / "film.mp4")) as container:
        heard = [(f.time or 0.0, float(np.abs(f.to_ndarray()).mean())) for f in container.decode(audio=0)]
    assert max(volume for time, volume in heard if not 0.45 < time < 1.05) < 0.01
    assert min(volume for time, volume in heard if 0.55 < time < 0.95) > 0.1


def test_a_camera_that_is_off_is_an_empty_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.media.compose.STILL", 0.3)
    entry = record(tmp_path, "ada", BRIGHT, 0, 0.5, voice=False)
    file = WebmFile(tmp_path / "eve.webm", (160, 96))
    for i, packet in enumerate(speech(60)):
        file.write_audio(packet.data, 20 * i)
    file.close()
    eve = {"participant": "eve", "name": "Eve", "file": "eve.webm", "start": 0.0, "end": None}
    compose(write_index(tmp_path, entry, eve), tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        film = list(container.decode(video=0))
    assert picture(film, 0.3)[HEIGHT // 2, 3 * WIDTH // 4] < 60
    assert picture(film, 1.1)[HEIGHT // 2, WIDTH // 2] < 60


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 9, 16])
def test_nobody_overlaps(count: int) -> None:
    seen = np.zeros((HEIGHT, WIDTH), int)
    for x, y, width, height in grid(count):
        seen[y : y + height, x : x + width] += 1
    assert seen.max() == 1
    assert len({(w, h) for _, _, w, h in grid(count)}) == 1


def test_names_are_written_when_wanted() -> None:
    shown = [("Ada", np.full((90, 160, 3), 128, np.uint8))]
    with_name, without = draw(shown, names=True), draw(shown, names=False)
    assert (with_name != without).any()
    assert without[HEIGHT // 2].mean() == pytest.approx(128, abs=2)


@pytest.mark.parametrize(("name", "written"), [("Zoë", "Zoe"), ("李", ""), ("a\nb", "ab")])
def test_letters_that_can_be_written(name: str, written: str) -> None:
    assert plain(name) == written


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not the index"),
        ("[]", "not the index"),
        ('{"version": 2}', "version 2"),
        ('{"version": 1, "files": []}', "nothing was recorded"),
        ('{"version": 1, "files": [{"name": "a", "file": "../x.webm", "start": 0}]}', "not the index"),
        ('{"version": 1, "files": [{"name": "a", "file": "gone.webm", "start": 0}]}', "nothing was"),
    ],
)
def test_folders_that_are_no_recording(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(MediaError, match=said):
        read_parts(tmp_path)


def test_a_missing_folder_and_a_wrong_target(tmp_path: Path, recording: Path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        read_parts(tmp_path / "nowhere")
    with pytest.raises(MediaError, match=r"\.mp4"):
        compose(recording, tmp_path / "film.txt")
    (recording / "bob.webm").write_bytes(b"no film")
    with pytest.raises(MediaError, match=r"bob\.webm"):
        compose(recording, tmp_path / "film.mp4")
    assert not list(tmp_path.glob("*film*"))
