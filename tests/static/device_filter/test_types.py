"""The type that keeps an unfiltered camera from being sent: a track is none, and nobody else can make one."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.device_filter import ROOT

LEAKS = """\
// @ts-check
import { Connections } from './rtc/connections.js';

/** @import {OutgoingCamera} from './devices/camera.js' */
/** @import {FilteredCamera} from './devices/device-filter/device-filter.js' */

/** @param {Connections} connections @param {MediaStreamTrack} camera */
export function leak(connections, camera) {
  void connections.replace('video', { video: camera, audio: null });
}

/** @param {MediaStreamTrack} track @returns {OutgoingCamera} */
export function forge(track) {
  return { track };
}

/** @param {OutgoingCamera} camera @returns {FilteredCamera} */
export function pretend(camera) {
  return camera;
}
"""


@pytest.mark.slow
def test_a_track_is_no_outgoing_camera(tmp_path: Path) -> None:
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("npx is missing, so TypeScript can't be run")
    static = tmp_path / "static"
    shutil.copytree(ROOT / "static", static, ignore=shutil.ignore_patterns("*.jpg", "*.webm", "*.wasm"))
    leaks = static / "leaks.js"
    leaks.write_text(LEAKS, encoding="utf-8")
    config = json.loads((static / "jsconfig.json").read_text(encoding="utf-8"))
    (static / "jsconfig.json").write_text(json.dumps(config | {"include": ["leaks.js"]}), encoding="utf-8")
    command = [npx, "--yes", "-p", "typescript@5.9", "tsc", "-p", str(static / "jsconfig.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if "error TS" not in done.stdout and done.returncode:
        pytest.skip(f"TypeScript can't be run: {done.stderr.strip()[-200:]}")
    lines = LEAKS.splitlines()
    refused = {
        int(line.split("(")[1].split(",")[0]) for line in done.stdout.splitlines() if "error TS" in line
    }
    assert {lines[number - 1].strip().split("(")[0].removesuffix(";") for number in refused} == {
        "void connections.replace",
        "return { track }",
        "return camera",
    }
