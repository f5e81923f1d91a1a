"""Finds a Chromium for the browser tests; as a script, installs one by apt where it may.

Looked for in this order: $CHROMIUM, the usual command names, the usual macOS applications.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

COMMANDS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
)


def find_chromium() -> str | None:
    """Return the path of a Chromium, Chrome or Edge, or None."""
    wanted = os.environ.get("CHROMIUM")
    if wanted:
        return wanted
    for command in COMMANDS:
        path = shutil.which(command)
        if path:
            return path
    return next((path for path in APPLICATIONS if Path(path).exists()), None)


def main() -> int:
    """Make sure that there is a browser."""
    if find_chromium():
        return 0
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], check=False
        )
    if find_chromium():
        return 0
    sys.stderr.write(
        "No Chromium, Chrome or Edge was found, and it can't be installed here.\n"
        "Install one (Debian: apt-get install chromium) or name it: make test CHROMIUM=/path/to/chrome\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
