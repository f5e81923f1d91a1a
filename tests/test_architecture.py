"""The shape that keeps the wall standing: who may import what, and who may make what can be shown."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FLOORS = [
    ["server.__main__"],
    ["server.cli"],
    ["server.cluster"],
    ["server.app"],
    ["server.signaling", "server.whip", "server.janus"],
    ["server.http"],
    ["server.rooms"],
    ["server.peers", "server.receipts"],
    ["server.media.recording"],
    ["server.media"],
    ["server.media.workers", "server.media.rtc"],
    ["server.media.codec"],
    ["server.access"],
    ["server.config"],
    ["server.core"],
    ["filters.person", "filters.files"],
    ["filters.low_light"],
    ["filters.compositor", "filters.foreground"],
    ["filters.matting", "filters.backgrounds"],
    [
        "filters.planes",
        "filters.blockiness",
        "filters.stills",
        "filters.opening",
        "filters.framing",
        "filters.effects",
        "filters.placeholder",
        "filters.frames",
    ],
    ["filters.heif"],
    ["filters.base", "filters.kernels"],
]
"""The house from the roof down: a package imports from itself and from floors below its own. Also in docs/design.md."""

LEAK = """\
import av
from server.media.codec.encoder import Vp8Encoder


def leak(camera: av.VideoFrame) -> None:
    Vp8Encoder(1).encode(camera, 0, keyframe=False)
"""


RECORDED = """\
from server.media.codec.encoder import EncodedVideo
from server.media.recording.recorder import Recorder, VideoTap
from server.media.microphone import AudioPublication
from server.media.rtc import EncodedFrame
from server.media.screen import ScreenPublication
from server.media.recording.webm import WebmFile


def leak(
    file: WebmFile, recorder: Recorder, tap: VideoTap, camera: EncodedFrame, screen: EncodedVideo,
    screens: ScreenPublication, audio: AudioPublication,
) -> None:
    file.write_video(camera, 0)
    file.write_video(screen, 0)
    recorder.add("p", "n", screens, audio)
    screens.subscribe(tap)
"""


WRITERS = {
    f"server/{name}.py"
    for name in (
        "access/certificates",
        "access/invitations",
        "cli/init",
        "cluster/films",
        "cluster/stores",
        "receipts/keys",
        "receipts/receipt",
        "http/tls",
    )
} | {f"server/media/recording/{name}.py" for name in ("compose", "recorder", "webm")}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Yield the top-level names of what a module imports."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of ours that a module imports, inside functions too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = []
        yield from (name for name in names if name.startswith(("server.", "filters.")))


def floor_of(module: str) -> tuple[int, str] | None:
    """Return the floor of a module, counted from the roof, and its package; None for a package's own docstring."""
    found = [
        (floor, package)
        for floor, packages in enumerate(FLOORS)
        for package in packages
        if f"{module}.".startswith(f"{package}.")
    ]
    return max(found, key=lambda each: len(each[1]), default=None)


def calls(path: Path) -> Iterator[str]:
    """Yield the names of the functions and classes that a module calls."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr


@pytest.mark.parametrize("path", modules("server") + modules("filters"), ids=lambda p: p.stem)
def test_packages_import_only_from_floors_below(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    here = floor_of(module)
    for name in imported(path):
        there = floor_of(name)
        assert here is not None, f"{module} stands on no floor"
        assert there is not None, f"{name} stands on no floor"
        assert there[1] == here[1] or there[0] > here[0], f"{module} imports {name}, which is not below it"


def test_the_design_document_shows_the_same_floors() -> None:
    design = (ROOT / "docs/design.md").read_text("utf-8")
    table = design.partition("\n## The floors\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [re.findall(r"`([\w.]+)`", row) for row in rows] == FLOORS


@pytest.mark.parametrize("path", modules("filters"), ids=lambda p: p.name)
def test_filters_know_no_network(path: Path) -> None:
    assert not {"asyncio", "aiortc", "aioice", "aiohttp", "server"} & set(imports(path))


@pytest.mark.parametrize("name", ["rooms/roster.py", "access/policy.py"])
def test_rooms_and_rules_know_neither_http_nor_webrtc(name: str) -> None:
    assert not {"aiortc", "aioice", "aiohttp", "av"} & set(imports(ROOT / "server" / name))


def test_only_filters_make_what_may_be_shown() -> None:
    makers = [p for p in modules("server") + modules("filters") if "FilteredFrame" in calls(p)]
    assert {p.parent.name for p in makers} == {"filters"}


def test_frames_are_decoded_and_encoded_in_one_place_each() -> None:
    """No other module of the server could turn a camera's picture into something that is sent."""
    server = [
        p.relative_to(ROOT).as_posix() for p in modules("server") if "CodecContext" in p.read_text("utf-8")
    ]
    assert set(server) <= {"server/media/codec/encoder.py", "server/media/codec/decoder.py"}


def test_only_the_rtc_package_touches_private_names_of_aiortc() -> None:
    for path in modules("server"):
        if "rtc" not in path.parent.name:
            assert "_RTC" not in path.read_text(encoding="utf-8"), path


def test_nothing_is_pickled() -> None:
    """What a worker, a server or a host is sent can't make it run anything: JSON, and encoded pictures."""
    pattern = re.compile(r"^\s*(import|from) (c?pickle|cloudpickle|marshal|shelve|dill)\b", re.MULTILINE)
    assert [
        p.name for p in modules("server") + modules("filters") if pattern.search(p.read_text("utf-8"))
    ] == []


def test_one_machine_needs_no_ray() -> None:
    """The extra `cluster` is imported where it is used, and nowhere else."""
    users = {p.relative_to(ROOT).as_posix(): set(imports(p)) for p in modules("server") + modules("filters")}
    assert {p for p, names in users.items() if "ray" in names} == {
        "server/cluster/ray_cluster.py",
        "server/cluster/ray_films.py",
    }
    assert {p for p, names in users.items() if "fsspec" in names} == {"server/cluster/stores.py"}


def test_few_modules_write_files() -> None:
    """Where raw frames are, and where rooms are described, nothing is written: certificates, keys, receipts, films."""
    writing = {
        "write_bytes",
        "write_text",
        "touch",
        "mkdir",
        "tofile",
        "imwrite",
        "fdopen",
        "mkstemp",
        "dump",
        "add_stream",
    }
    writers = {
        p.relative_to(ROOT).as_posix() for p in modules("server") if writing & set(calls(p)) or _opens(p)
    }
    assert writers == WRITERS


def _opens(path: Path) -> bool:
    """Tell whether a module opens a file to write into it."""
    text = path.read_text(encoding="utf-8")
    return "os.open(" in text or bool(re.search(r"""open\([^)]*["'][wax]b?["']""", text))


def test_only_encoders_make_what_may_be_recorded() -> None:
    """A worker's messages are read in program.py as well, which writes nothing else into them."""
    makers = {p.relative_to(ROOT).as_posix() for p in modules("server") if "FilteredVideo" in calls(p)}
    assert makers == {"server/media/codec/encoder.py", "server/media/workers/wire.py"}


def test_recordings_know_no_camera_and_no_screen() -> None:
    for name in ("webm.py", "recorder.py", "compose.py"):
        text = (ROOT / "server" / "media" / "recording" / name).read_text(encoding="utf-8")
        for forbidden in ("EncodedFrame", "EncodedVideo", "ScreenPublication", "Transcoder", "VideoReceiver"):
            assert forbidden not in text, name


@pytest.mark.slow
def test_recording_a_camera_frame_or_a_screen_is_a_type_error(tmp_path: Path) -> None:
    said = check_types(RECORDED, tmp_path)
    assert 'incompatible type "EncodedFrame"; expected "FilteredVideo"' in said
    assert 'incompatible type "EncodedVideo"; expected "FilteredVideo"' in said
    assert 'incompatible type "ScreenPublication"; expected "VideoPublication"' in said
    assert 'incompatible type "VideoTap"; expected "VideoSubscription"' in said


@pytest.mark.slow
def test_sending_a_camera_frame_is_a_type_error(tmp_path: Path) -> None:
    assert 'incompatible type "VideoFrame"; expected "FilteredFrame"' in check_types(LEAK, tmp_path)


def check_types(program: str, folder: Path) -> str:
    """Return what mypy says about a program."""
    leak = folder / "leak.py"
    leak.write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(leak)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def test_no_two_classes_share_a_name() -> None:
    where: dict[str, Path] = {}
    for path in [*modules("filters"), *modules("server")]:
        for name in [node.name for node in tree(path).body if isinstance(node, ast.ClassDef)]:
            assert where.setdefault(name, path) == path, f"{path} has a {name} as well"
