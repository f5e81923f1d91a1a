"""The server's configuration; the only place that knows where files lie."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from aiortc import RTCIceServer

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "models"
STATIC = ROOT / "static"
PICTURES = STATIC / "backgrounds"

DEFAULT_MODEL = "selfie_general"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that can be set from outside. Times in seconds, sizes in bytes, bit rates in bit/s."""

    host: str = "127.0.0.1"
    port: int = 8080
    model: str = DEFAULT_MODEL
    smoother: str = "ofd"
    background: str = "blur"
    workers: int = field(default_factory=_cores)
    ice_servers: tuple[RTCIceServer, ...] = ()

    width: int = 640
    height: int = 360
    frame_rate: int = 30
    max_bitrate: int = 1_500_000
    start_bitrate: int = 600_000

    max_rooms: int = 100
    max_participants: int = 16
    seat_hold: float = 30.0
    join_timeout: float = 10.0
    heartbeat: float = 5.0
    max_message: int = 256 * 1024
    max_messages_per_second: float = 50.0
    max_upload: int = 10 * 1024 * 1024
    max_upload_pixels: int = 40_000_000
    max_uploads_per_participant: int = 8
