"""Opening films and clips: one file, which shows what is in it and nothing that it names."""

from __future__ import annotations

from functools import cache
from typing import BinaryIO, Final

import av
from av.container import InputContainer

_ELSEWHERE = "concat dash hls image2 imf rtp rtsp sap sdp vobsub webm_dash_manifest"
_DEVICES = (
    "alsa android_camera avfoundation avisynth bktr decklink dshow fbdev gdigrab iec61883 jack kmsgrab lavfi "
    "libcdio openal oss pulse sndio vapoursynth vfwcap video4linux2,v4l2 x11grab xcbgrab"
)
REFERRING: Final = frozenset(f"{_ELSEWHERE} {_DEVICES}".split())
"""Names of FFmpeg's demuxers that read other files or the network besides, or devices, or run scripts."""


@cache
def _allowed() -> str:
    return ",".join(sorted(name for name in av.formats_available if name not in REFERRING))


def open_container(file: BinaryIO) -> InputContainer:
    """Open a file of any format that holds what it shows. Raises av.FFmpegError, for others av.ArgumentError.

    It takes a file object, because FFmpeg takes some names for protocols ("a:b.mp4") or patterns ("%d.png"). Titles may
    be in any encoding: nobody reads them.
    """
    return av.open(file, "r", options={"format_whitelist": _allowed()}, metadata_errors="replace")
