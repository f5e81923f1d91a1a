"""The film of a recording: who is seen when and where, who is heard when, and what is wrong with bad folders."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from filters.base import planes_of
from filters.files.errors import MediaError
from filters.files.pixel_format import BT_601
from server.__main__ import main
from server.media.codec.encoder import Vp8Encoder
from server.media.recording.compose import HEIGHT, RATE, WIDTH, compose, draw, grid, plain, read_parts
from server.media.recording.webm import WebmFile
from tests.support.painting import even, speech

pytestmark = pytest.mark.slow

BRIGHT, DARK = 200, 90


def record(
    folder: Path,
    name: str,
    luma: int,
    start: int,
    seconds: float,
    *,
    voice: bool,
    chroma: tuple[int, int] = (128, 128),
) -> dict[str, Any]:
    """Write one participant's file; return its entry of the index."""
    file = WebmFile(folder / f"{name}.webm", (160, 96))
    encoder = Vp8Encoder(300_000)
    for i in range(round(30 * seconds)):
        video = encoder.encode(even(160, 96, luma, chroma=chroma), 3000 * i, keyframe=i == 0)
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


@pytest.mark.parametrize("left", [0, 200])
def test_a_file_that_cannot_be_read_costs_nobody_else_the_film(
    recording: Path, left: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (recording / "bob.webm").write_bytes((recording / "bob.webm").read_bytes()[:left])
    with pytest.raises(SystemExit) as ended:
        main(["compose", str(recording), str(recording / "film.mp4")])
    assert not ended.value.code
    warning, _ = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"greenroom: .*bob\.webm: cannot be read: .*: left out", warning)
    with av.open(str(recording / "film.mp4")) as container:
        film = list(container.decode(video=0))
    assert picture(film, 0.75)[HEIGHT // 2, WIDTH // 2] == pytest.approx((BRIGHT - 16) * 255 / 219, abs=6)
    (recording / "ada.webm").write_bytes(b"")
    with pytest.raises(MediaError, match="nothing was recorded that can be read"):
        read_parts(recording)


@pytest.mark.parametrize("damaged", [b"\x83\x81\x01", b"V_VP8"])
def test_a_track_that_is_none_is_an_empty_panel(tmp_path: Path, damaged: bytes) -> None:
    """Its type or its codec is unknown."""
    entry = record(tmp_path, "ada", BRIGHT, 0, 0.5, voice=True)
    whole = (tmp_path / "ada.webm").read_bytes()
    assert whole.count(damaged) == 1
    (tmp_path / "ada.webm").write_bytes(whole.replace(damaged, damaged[:-1] + b"\x7f"))
    compose(write_index(tmp_path, entry), tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        film = list(container.decode(video=0))
    assert picture(film, 0.3)[HEIGHT // 2, WIDTH // 2] < 60


def test_a_title_that_is_no_text_makes_nothing_unreadable(recording: Path) -> None:
    whole = (recording / "bob.webm").read_bytes()
    assert b"Greenroom" in whole
    (recording / "bob.webm").write_bytes(whole.replace(b"Greenroom", b"\xff" * 9))
    assert len(read_parts(recording)) == 2


def test_players_are_told_in_which_colours_the_film_is(tmp_path: Path) -> None:
    """VP8 is BT.601 in limited range (RFC 6386, section 9.2), and so is the film: the same numbers, and tagged so."""
    entry = record(tmp_path, "ada", 106, 0, 0.2, voice=False, chroma=(91, 200))
    compose(write_index(tmp_path, entry), tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        shown = next(container.decode(video=0))
    assert (shown.colorspace, shown.color_range) == (BT_601, ColorRange.MPEG)
    y, u, v = planes_of(shown)
    middle = int(y[HEIGHT // 2, WIDTH // 2]), int(u[HEIGHT // 4, WIDTH // 4]), int(v[HEIGHT // 4, WIDTH // 4])
    assert middle == pytest.approx((106, 91, 200), abs=3)


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
    monkeypatch.setattr("server.media.recording.compose.STILL", 0.3)
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
    assert not list(tmp_path.glob("*film*"))
