"""The command line, with the real network on small files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from server.__main__ import main
from server.access.authenticator import Authenticator
from server.access.pins import Proof
from server.access.tokens import Grant, read_keys
from server.config.options import Config
from server.core.errors import TokenError
from server.core.version import VERSION
from tests.support.camera import Camera
from tests.support.media import frames_of, picture_bytes, rgb, write_video
from tests.support.program import take_interrupts

pytestmark = pytest.mark.slow

CAMERA = Camera(320, 180)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "in.mp4", [CAMERA.frame(i) for i in range(6)])


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return int(exit_.value.code or 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_full_standard_output_is_an_error_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "server", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "greenroom: can't print: No space left on device\n"


@pytest.mark.parametrize("smoother", ["ofd", "ema", "none"])
def test_filter_video(tmp_path: Path, video: Path, smoother: str, capfd: pytest.CaptureFixture[str]) -> None:
    target, matte = tmp_path / "out.mp4", tmp_path / "matte.mkv"
    assert (
        run("filter", video, target, "--background", "#0000ff", "--matte", matte, "--smoother", smoother) == 0
    )
    assert capfd.readouterr().err.startswith("6 frames in ")
    shown, mattes = frames_of(target), frames_of(matte)
    assert len(shown) == len(mattes) == 6
    for i, (frame, alpha) in enumerate(zip(shown, mattes, strict=True)):
        picture, face = rgb(frame), CAMERA.face(i)
        assert abs(CAMERA.marker.contrast(picture)) < 0.02
        assert np.abs(CAMERA.marker.box.of(picture).astype(int) - (0, 0, 255)).mean() < 8
        assert np.abs(face.of(picture).astype(int) - face.of(CAMERA.frame(i))).mean() < 12
        person, seen = CAMERA.matte(i) > 0.5, alpha.to_ndarray() > 127
        assert (person & seen).sum() / (person | seen).sum() > 0.9


def test_filter_with_effects(tmp_path: Path, video: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.mp4"
    assert run("filter", video, target, "--background", "#0000ff", "--effects", "framing,low-light") == 0
    assert {(frame.width, frame.height) for frame in frames_of(target)} == {(320, 180)}
    capfd.readouterr()
    assert run("filter", video, tmp_path / "other.mp4", "--effects", "sepia") == 1
    assert "unknown effect 'sepia'; known: framing, low-light" in capfd.readouterr().err
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture_bytes(CAMERA.frame(0)[..., ::-1], ".png"))
    assert run("filter", photo, tmp_path / "cut.png", "--background", "none", "--effects", "low-light") == 1


@pytest.mark.parametrize("background", ["blur", "blur-strong", "picture", "video"])
def test_filter_backgrounds(tmp_path: Path, video: Path, background: str) -> None:
    (tmp_path / "picture.png").write_bytes(picture_bytes(np.full((40, 60, 3), 200, np.uint8), ".png"))
    files = {"picture": str(tmp_path / "picture.png"), "video": str(video)}
    target = tmp_path / "out.mp4"
    assert run("filter", video, target, "--background", files.get(background, background)) == 0
    for frame in frames_of(target):
        # A video of the marker as background shows the marker, as it should.
        assert background == "video" or abs(CAMERA.marker.contrast(rgb(frame))) < 0.02


def test_filter_photo_without_background(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.png"
    source.write_bytes(picture_bytes(CAMERA.frame(0), ".jpg"))
    assert run("filter", source, target, "--background", "none") == 0
    assert not CAMERA.marker.box.of(np.asarray(frames_of(target)[0].to_ndarray(), np.uint8)).any()


def test_filter_refuses_to_follow_what_is_no_place(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "photo.jpg", tmp_path / "shown.png"
    source.write_bytes(picture_bytes(CAMERA.frame(0), ".jpg"))
    assert run("filter", source, target, "--follow", "left") == 1
    assert "whom to follow should be centre, or X,Y" in capfd.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize(("follow", "found"), [("0,0", False), ("0.55,0.5", True), ("centre", True)])
def test_filter_follows_one_person(
    tmp_path: Path, video: Path, follow: str, found: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    target, matte = tmp_path / "out.mp4", tmp_path / "matte.mkv"
    assert run("filter", video, target, "--matte", matte, "--follow", follow) == 0
    assert (f"nobody was at {follow}" in capfd.readouterr().err) != found
    for i, alpha in enumerate(frames_of(matte)):
        person, seen = CAMERA.matte(i) > 0.5, alpha.to_ndarray() > 127
        assert (person & seen).sum() > 0.9 * person.sum() if found else not seen.any()


def test_filter_follows_one_person_in_a_photo(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.png"
    source.write_bytes(picture_bytes(CAMERA.frame(0), ".jpg"))
    assert run("filter", source, target, "--background", "none", "--follow", "0.55,0.5") == 0
    alpha = np.asarray(frames_of(target)[0].to_ndarray(), np.uint8)[..., 3]
    assert (alpha[CAMERA.matte(0) > 0.9] > 127).mean() > 0.95


def test_filter_refuses_a_plate_for_a_photo(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.png"
    source.write_bytes(picture_bytes(CAMERA.frame(0), ".jpg"))
    assert run("filter", source, target, "--plate", source) == 1
    assert "leave --plate out" in capfd.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.mp4", "out.mp4"], "missing.mp4"),
        (["notes.txt", "out.mp4"], "notes.txt"),
        (["in.mp4", "in.mp4"], "different files"),
        (["in.mp4", "out.txt"], ".mp4"),
        (["in.mp4", "nowhere/out.mp4"], "nowhere"),
        (["in.mp4", "out.mp4", "--background", "beach-of-dreams"], "beach-of-dreams"),
        (["in.mp4", "out.mp4", "--background", "notes.txt"], "notes.txt"),
        (["in.mp4", "out.mp4", "--background", "none"], "photo"),
        (["in.mp4", "out.mp4", "--model", "nobody"], "nobody"),
    ],
)
def test_filter_says_what_is_wrong_in_one_line(
    tmp_path: Path,
    video: Path,
    arguments: list[str],
    said: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("not a video\n")
    assert run("filter", *arguments) == 1
    error = capfd.readouterr().err
    assert said in error
    assert error.startswith("greenroom: ")
    assert error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {video.name, "notes.txt"}


@pytest.mark.parametrize(
    "arguments", [["filter"], ["filter", "a", "b", "--smoother", "butter"], ["fly"], ["--port", "x"]]
)
def test_usage_errors(arguments: list[str]) -> None:
    assert run(*arguments) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["filter", "", "out"],
        ["filter", "in", ""],
        ["forward", "--to", ""],
        ["bridge", "janus", "--server", "", "--private", "1", "--public", "2"],
        ["token", "studio", "--pin", ""],
        ["token", "studio", "--background", ""],
        ["init", ""],
        ["init", "keys", "--name", ""],
    ],
)
def test_a_variable_that_is_not_set_is_no_argument(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "server.app", Served())
    monkeypatch.setenv("GREENROOM_TOKEN_KEYS", json.dumps({"a": "-" * 32}))
    assert run(*arguments) == 2
    assert "must not be empty" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"greenroom {VERSION}\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("greenroom to", "token"), ("greenroom serve --log", "--log-format"), ("greenroom ini", "init")],
)
def test_shells_complete(
    typed: str, offered: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_GREENROOM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    run()
    assert capsys.readouterr().out.split() == [offered]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_filter_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    video = write_video(tmp_path / "in.mkv", [CAMERA.frame(0)] * 600, codec="mjpeg", pix_fmt="yuvj420p")
    command = [sys.executable, "-m", "server", "filter", str(video), str(tmp_path / "out.mp4")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=take_interrupts) as process:
        deadline = time.monotonic() + 20
        while not list(tmp_path.glob(".out.mp4.*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(10) in (128 + number, -number)
    assert list(tmp_path.iterdir()) == [video]


def test_a_codec_that_crashes_costs_one_line(
    tmp_path: Path, video: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code").mkdir()
    crash = (
        "import os, filters.files.reader as r\nr.VideoReader._prepare = lambda *_: os.kill(os.getpid(), 11)\n"
    )
    (tmp_path / "code" / "sitecustomize.py").write_text(crash)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    assert run("filter", video, tmp_path / "out.mp4", "--matte", tmp_path / "matte.mkv") == 1
    error = capfd.readouterr().err
    assert "in.mp4: cannot be filtered: a codec crashed over it" in error
    assert error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"code", "in.mp4"}


class Served(ModuleType):
    """Stands for server.app: remembers what it was asked to serve."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("server.app")
        self.configs: list[Config] = []
        self._error = error

    def serve(self, config: Config) -> None:
        if self._error:
            raise self._error
        self.configs.append(config)


@pytest.mark.parametrize("command", [[], ["serve"]])
def test_serving_is_the_default(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()
    monkeypatch.setitem(sys.modules, "server.app", served)
    assert run(*command) == 0
    assert run(*command, "--host", "0.0.0.0", "--port", "9000", "--workers", "3") == 0
    assert run(*command, "--recordings", "") == 0
    assert served.configs == [Config(), Config(host="0.0.0.0", port=9000, workers=3), Config()]


def test_a_taken_port_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "server.app", Served(OSError(98, "address already in use")))
    assert run() == 1
    assert capsys.readouterr().err == "greenroom: [Errno 98] address already in use\n"


def test_config_explains_and_prints_what_is_set(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("config", "--explain") == 0
    assert "# GREENROOM_UDP_PORTS\n#udp_ports = [0, 0]" in capsys.readouterr().out
    (tmp_path / "g.toml").write_text("port = 9000\n")
    assert run("config", "--config", tmp_path / "g.toml", "--set", "udp_ports=5000-5010") == 0
    assert capsys.readouterr().out == "port = 9000\nudp_ports = [5000, 5010]\n"
    (tmp_path / "g.toml").write_text("prot = 9000\n")
    assert run("config", "--config", tmp_path / "g.toml") == 1
    assert capsys.readouterr().err.endswith("g.toml: prot: there is no such option\n")


def test_token_prints_one_that_is_good(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "0123456789abcdef" * 2
    monkeypatch.setenv("GREENROOM_TOKEN_KEYS", json.dumps({"a": "-" * 32, "b": secret}))
    assert run("token", "Studio", "--role", "host", "--backgrounds", "blur", "--no-screen") == 0
    grant = Authenticator(read_keys({"b": secret})).admit(capsys.readouterr().out.strip(), "studio")
    assert grant == Grant("studio", role="host", backgrounds=("blur",), screen=False)
    assert run("token", "Studio", "--pin", "482913") == 0
    guarded, door = capsys.readouterr().out.strip(), Authenticator(read_keys({"b": secret}))
    with pytest.raises(TokenError):
        door.admit(guarded, "studio")
    assert door.admit(guarded, "studio", Proof("482913")).pin
    assert run("token", "Studio", "--pin", "1234") == 1
    assert run("token", "Studio", "--role", "king") == 1
    assert run("token", "Studio", "--lifetime", "inf") == 2
    assert run("token", "Studio", "--kid", "c") == 1
    monkeypatch.setenv("GREENROOM_TOKEN_KEYS", "{}")
    assert run("token", "Studio") == 1
    assert "token_keys: there are none" in capsys.readouterr().err


def test_forward_serves_with_a_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served()
    monkeypatch.setitem(sys.modules, "server.app", served)
    assert run("forward", "--to", "https://sfu/whip/{identity}", "--to-token", "x", "--set", "port=9") == 0
    assert served.configs == [Config(port=9, forward_to="https://sfu/whip/{identity}", forward_token="x")]
    assert run("forward", "--from", "janus", "--to", "https://sfu/whip") == 2


def test_bridge_serves_with_two_rooms(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Served()
    monkeypatch.setitem(sys.modules, "server.app", served)
    monkeypatch.setenv("GREENROOM_JANUS_PRIVATE_PIN", "7391")
    rooms = ["bridge", "janus", "--server", "ws://janus", "--private", "1234"]
    assert run(*rooms, "--public", "1235", "--background", "fjord") == 0
    assert served.configs == [
        Config(
            janus_server="ws://janus",
            janus_private="1234",
            janus_public="1235",
            janus_private_pin="7391",
            background="fjord",
        )
    ]
    assert run(*rooms, "--public", "1234") == 1
    assert run(*rooms, "--public", "1235", "--background", "beach-of-dreams") == 1
    errors = capsys.readouterr().err.splitlines()
    assert "janus_public: must be another room than janus_private" in errors[0]
    assert "beach-of-dreams" in errors[1]
