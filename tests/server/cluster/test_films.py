"""Many films on this machine, with the real network on small files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from server.__main__ import main
from server.cluster.film_processes import FilmProcesses, attempt
from server.cluster.films import WORKSPACE, FilmOptions, plan
from server.cluster.stores import PART, STALE, Folder, store
from server.config.interpreter import python_command, python_environment
from tests.support.camera import Camera
from tests.support.media import frames_of, rgb, write_video
from tests.support.program import take_interrupts

CAMERA = Camera(160, 96)
JOB = FilmOptions("#0000ff", "ofd", 0.2, "selfie_general")

pytestmark = pytest.mark.slow


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return int(exit_.value.code or 0)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "monday").mkdir(parents=True)
    write_video(folder / "talk.mp4", [CAMERA.frame(i) for i in range(6)])
    shutil.copy(folder / "talk.mp4", folder / "monday" / "talk.mp4")
    return folder


def record(folder: Path, kind: str, name: str) -> dict[str, object]:
    return dict(json.loads((folder / ".greenroom" / kind / f"{name}.json").read_text()))


def test_a_folder_is_filtered_and_the_same_command_does_nothing_more(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    (films / "notes.txt").write_text("no film")
    command = ("filter", films, target, "--background", "#0000ff", "--jobs", "2")
    assert run(*command) == 0
    said = capsys.readouterr()
    assert said.out == "0 were done before, 2 now, 0 failed\n"
    assert "1 other files" in said.err
    for name in ("talk.mp4", "monday/talk.mp4"):
        shown = frames_of(target / name)
        assert len(shown) == record(target, "done", name)["frames"] == 6
        assert all(abs(CAMERA.marker.contrast(rgb(frame))) < 0.02 for frame in shown)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*")}
    assert run(*command) == 0
    assert capsys.readouterr().out == "2 were done before, 0 now, 0 failed\n"
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*")} == before


def test_what_telephones_and_browsers_write_is_filtered_too(films: Path, tmp_path: Path) -> None:
    (films / "talk.mp4").rename(films / "talk.M4V")
    for name in ("desk.webp", "desk.heic"):  # what it is, its content says
        Image.fromarray(CAMERA.frame(0)).save(films / name, "WEBP")
    target = tmp_path / "out"
    assert run("filter", films, target, "--background", "#0000ff") == 0
    made = {path.name: frames_of(path)[0] for path in target.glob("[!.]*.*")}
    assert sorted(made) == ["desk.heic.jpg", "desk.webp.jpg", "talk.M4V.mp4"]
    assert all(abs(CAMERA.marker.contrast(rgb(frame))) < 0.02 for frame in made.values())


def test_a_folder_may_be_called_like_a_record(films: Path, tmp_path: Path) -> None:
    (films / "monday").rename(films / "monday.json")
    target = tmp_path / "out"
    assert run("filter", films, target, "--background", "#0000ff") == 0
    assert run("filter", films, target, "--background", "#0000ff") == 0


def test_other_options_than_before_are_refused(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(films / "monday")
    assert run("filter", films, tmp_path / "out", "--background", "#0000ff") == 0
    assert run("filter", films, tmp_path / "out", "--background", "#00ff00") == 1
    assert "#0000ff" in capsys.readouterr().err


def test_broken_files_are_listed_and_tried_again(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out"
    (films / "broken.mp4").write_bytes(b"no film")
    command = ("filter", films, target, "--background", "#0000ff")
    assert run(*command) == 1
    said = capsys.readouterr()
    assert said.out == "0 were done before, 2 now, 1 failed\n"
    assert "broken.mp4: " in said.err
    assert record(target, "failed", "broken.mp4")["error"]
    assert not (target / "broken.mp4").exists()
    shutil.copy(films / "talk.mp4", films / "broken.mp4")
    assert run(*command) == 0
    assert capsys.readouterr().out == "2 were done before, 1 now, 0 failed\n"
    assert not (target / ".greenroom" / "failed" / "broken.mp4.json").exists()


def test_a_film_that_has_changed_is_filtered_again(films: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "out")
    work = plan(str(films), target, JOB)
    list(FilmProcesses(2).run(work.films))
    write_video(films / "talk.mp4", [CAMERA.frame(i) for i in range(8)])
    assert [film.name for film in plan(str(films), target, JOB).films] == ["talk.mp4"]


def test_a_process_that_is_killed_costs_nothing(films: Path, tmp_path: Path) -> None:
    runner, target = FilmProcesses(1), tmp_path / "out"
    killed = threading.Event()

    def kill() -> None:
        while not runner._children:
            time.sleep(0.01)
        next(iter(runner._children)).kill()
        killed.set()

    threading.Thread(target=kill).start()
    outcomes = list(runner.run(plan(str(films), str(target), JOB).films))
    assert killed.is_set()
    assert sorted(outcome.name for outcome in outcomes if not outcome.error) == [
        "monday/talk.mp4",
        "talk.mp4",
    ]
    assert len(frames_of(target / "talk.mp4")) == 6
    assert not list(target.rglob(f"*{PART}"))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is in an environment")
def test_a_process_has_no_token_of_the_cluster(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "token of the cluster")
    film, children = plan(str(films), str(tmp_path / "out"), JOB).films[0], set[subprocess.Popen[bytes]]()
    seen: list[bytes] = []

    def look() -> None:
        while not children:
            time.sleep(0.01)
        child = next(iter(children))
        seen.append(Path(f"/proc/{child.pid}/environ").read_bytes())
        child.kill()

    looking = threading.Thread(target=look)
    looking.start()
    assert attempt(film, children) is None
    looking.join()
    assert b"PYTHONPATH=" in seen[0]
    assert b"token of the cluster" not in seen[0]


def test_a_process_ends_with_who_has_started_it(films: Path, tmp_path: Path) -> None:
    film = plan(str(films), str(tmp_path / "out"), JOB).films[0]
    command, pipe = python_command("server.cluster.film_processes"), subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=python_environment()) as child:
        said, _ = child.communicate(
            json.dumps(film._asdict() | {"job": film.job.line()}).encode() + b"\n", 30
        )
        assert said == b""
    assert not (tmp_path / "out" / film.name).exists()


def test_a_process_whose_starter_has_gone_leaves_nothing_of_its_film_behind(tmp_path: Path) -> None:
    """On a machine of a cluster no other film may come that would remove it."""
    (tmp_path / "in").mkdir()
    write_video(tmp_path / "in" / "talk.mp4", [CAMERA.frame(i) for i in range(10)] * 100)
    film = plan(str(tmp_path / "in"), str(tmp_path / "out"), JOB).films[0]
    command, pipe = python_command("server.cluster.film_processes"), subprocess.PIPE
    environment = python_environment() | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps(film._asdict() | {"job": film.job.line()}).encode() + b"\n")
        child.stdin.flush()
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(f"{WORKSPACE}*/.out.mp4.*")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert child.communicate(timeout=30) == (b"", b"")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(WORKSPACE)] == []
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["job.json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_leaves_nothing_of_its_films_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "in").mkdir()
    write_video(tmp_path / "in" / "talk.mp4", [CAMERA.frame(i) for i in range(10)] * 100)
    command = python_command("server", "filter", str(tmp_path / "in"), str(tmp_path / "out"))
    environment = python_environment() | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, process_group=0, preexec_fn=take_interrupts
    ) as process:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(f"{WORKSPACE}*/.out.mp4.*")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, number)  # as a terminal does
        _, said = process.communicate()
        assert (process.returncode, said) == (128 + number, b"")
    assert not list(tmp_path.glob(f"{WORKSPACE}*"))


def test_a_background_goes_along_by_its_content(tmp_path: Path) -> None:
    picture = tmp_path / "wall.jpg"
    from tests.support.media import picture_bytes

    picture.write_bytes(picture_bytes(CAMERA.frame(0), ".jpg"))
    job = FilmOptions.of(str(picture), "ofd", 0.2, "selfie_general", "framing")
    assert job.picture == picture.read_bytes()
    assert str(tmp_path) not in json.dumps(job.describe())
    assert FilmOptions.read(json.loads(json.dumps(job.line()))) == job


def test_a_folder_takes_no_plate(films: Path, tmp_path: Path) -> None:
    assert run("filter", films, tmp_path / "out", "--plate", films / "talk.mp4") == 2


def test_what_killed_attempts_left_is_removed_when_it_is_old(tmp_path: Path) -> None:
    old, new = (tmp_path / f".{name}.mp4.{'1f' * 8}{PART}" for name in "ab")
    old.touch()
    new.touch()
    os.utime(old, (time.time() - STALE - 1,) * 2)
    Folder(tmp_path).clean()
    assert (old.exists(), new.exists()) == (False, True)


def test_what_others_have_not_finished_is_left_alone(tmp_path: Path) -> None:
    names = (f"film.mp4{PART}", f".film.mp4{PART}", f"sub/.film.mp4.1{PART}")
    (tmp_path / "sub").mkdir()
    for name in names:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - STALE - 1,) * 2)
    Folder(tmp_path).clean()
    assert all((tmp_path / name).exists() for name in names)


@pytest.mark.parametrize("target", ["in", "in/out", "link", "file"])
def test_no_film_is_replaced_or_filtered_twice(
    films: Path, tmp_path: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(films)
    before = (films / "talk.mp4").read_bytes()
    place = films.as_uri() if target == "file" else tmp_path / target
    assert run("filter", films, place, "--background", "#0000ff") == 1
    assert "outside" in capsys.readouterr().err
    assert (films / "talk.mp4").read_bytes() == before
    assert sorted(path.name for path in films.iterdir()) == ["monday", "talk.mp4"]


def test_two_films_that_would_become_one_are_refused(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.webm", "a.webm.mp4"):
        shutil.copy(films / "talk.mp4", films / name)
    assert run("filter", films, tmp_path / "out", "--background", "#0000ff") == 1
    assert "a.webm would become a.webm.mp4" in capsys.readouterr().err


def test_a_name_too_long_for_a_record_costs_no_other_film(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(films / "talk.mp4", films / f"{'n' * 250}.mp4")
    target = tmp_path / "out"
    assert run("filter", films, target, "--background", "#0000ff", "--jobs", "1") == 1
    said = capsys.readouterr()
    assert said.out == "0 were done before, 2 now, 1 failed\n"
    assert "too long" in said.err
    assert record(target, "done", "talk.mp4")["frames"] == 6


def test_buckets_are_whole_objects(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    bucket = store("memory://films")
    film = tmp_path / "a.mp4"
    film.write_bytes(b"film")
    bucket.publish(film, "x/a.mp4")
    bucket.publish(film, ".greenroom/done/a.mp4.json")
    assert {name: version.size for name, version in bucket.files().items()} == {"x/a.mp4": 4}
    assert bucket.read("x/a.mp4") == b"film"
    assert bucket.read("nothing") is None
    assert bucket.records(".greenroom/done") == {"a.mp4.json": b"film"}
    assert bucket.fetch("x/a.mp4", tmp_path / "b.mp4").read_bytes() == b"film"
    bucket.remove("x/a.mp4")
    assert bucket.files() == {}
    fsspec.filesystem("memory").rm("/films", recursive=True)
