"""Keeping the screen on, and no longer than the meeting."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from server.config.options import STATIC

LEFT_AT_ONCE = """
import { WakeLock } from 'PAGE/app/wake-lock.js';

const sentinel = { released: false, async release() { this.released = true; } };
let give;
const asked = new Promise((resolve) => { give = resolve; });
globalThis.document = { addEventListener() {}, hidden: false };
Object.defineProperty(globalThis, 'navigator', { value: { wakeLock: { request: () => asked } } });
const lock = new WakeLock();
lock.hold();
lock.release();
give(sentinel);
await new Promise((done) => setTimeout(done));
console.log(sentinel.released);
"""


def test_a_lock_that_comes_after_one_has_left_is_let_go() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is missing")
    script = LEFT_AT_ONCE.replace("PAGE", STATIC.resolve().as_uri())
    command = [node, "--input-type=module", "--eval", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "true\n", done.stderr
