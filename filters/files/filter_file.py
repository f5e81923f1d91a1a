"""The same filter over a video file or a photo."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias, cast

import av
import cv2
import numpy as np

from filters.backgrounds.pictures import on_white
from filters.base import FilterError, Plane, VideoFilter
from filters.files.errors import MediaError
from filters.files.pixel_format import to_standard_format
from filters.files.reader import FilmFrame, VideoReader, expect_regular, open_video
from filters.files.writer import CONTAINERS, Destination, MatteWriter, VideoWriter, replacing, writing
from filters.foreground import cut_out
from filters.stills import read_photo

_log = logging.getLogger(__name__)

PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg")


class CountingFilter(VideoFilter, Protocol):
    """A VideoFilter that counts what went wrong inside; a file with a single error is not written."""

    errors: int


MatteSink: TypeAlias = Callable[[Plane], None]
MakeFilter: TypeAlias = Callable[[MatteSink], CountingFilter]
"""Makes a filter that hands each frame's matte (uint8, luma size) to the sink before it returns the frame."""

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the frames written so far and how many are expected."""


def filter_file(
    source: Path,
    target: Path,
    make_filter: MakeFilter,
    *,
    make_photo_filter: MakeFilter | None = None,
    matte: Path | None = None,
    transparent: bool = False,
    progress: Progress | None = None,
    warn: Callable[[str], None] = _log.warning,
) -> int:
    """Filter a video to .mp4, .mov or .mkv, or a photo to .png or .jpg; return the number of frames.

    Frame n of `target`, of `matte` (.mkv, for a photo .png) and of `source` are of one size (as displayed)
    and one timestamp, save that Matroska rounds to milliseconds. Nothing appears under the names of `target`
    and `matte` before everything is written. `transparent` leaves a photo's background out instead of filling
    it; `make_photo_filter` makes the filter of a photo, if it is another. A video that is damaged inside has
    what could be read of it, with a word to `warn`; what a decoder may have made of something else is hidden.
    Raises MediaError.
    """
    expect_regular(source)
    _check_distinct(source, target, matte)
    photo = _photo(source)
    if photo is not None:
        _check_suffix(target, "a photo", *PHOTO_SUFFIXES[: 1 if transparent else None])
        _check_suffix(matte, "a photo's matte", ".png")
        _filter_photo(source, photo, target, make_photo_filter or make_filter, matte, transparent=transparent)
        return 1
    with open_video(source) as reader:
        if transparent:
            raise MediaError(f"{source}: only a photo can do without a background")
        _check_suffix(target, "a video", *CONTAINERS)
        _check_suffix(matte, "a video's matte", ".mkv")
        count = _filter_video(reader, target, make_filter, matte, progress)
        if reader.damaged is not None:
            warn(f"{source}: is damaged, first at about {reader.damaged:.0f} s: not all of it is in {target}")
        return count


def read_picture(path: Path) -> av.VideoFrame:
    """Return a photo, or the first frame of a video, upright, as yuv420p. Raises MediaError."""
    photo = _photo(path)
    if photo is not None:
        return photo.frame
    with open_video(path) as reader:
        return next(reader.frames()).frame


class _Photo(NamedTuple):
    """A photo as a filter takes it, and how opaque it is (uint8, 255 is opaque), None for all of it."""

    frame: av.VideoFrame
    opacity: Plane | None


def _photo(path: Path) -> _Photo | None:
    """Read a photo; None for a video. Raises MediaError."""
    expect_regular(path)
    try:
        still = read_photo(path)
    except FilterError as error:
        raise MediaError(f"{path}: {error}") from error
    if still is None:
        with open_video(path) as reader:
            return _Photo(*reader.photo()) if reader.is_photo else None
    frame = to_standard_format(av.VideoFrame.from_ndarray(on_white(still), format="bgr24"))
    frame.pts, frame.time_base = 0, Fraction(1, 1)
    return _Photo(frame, still.opacity)


def _check_distinct(source: Path, target: Path, matte: Path | None) -> None:
    paths = [source, target, *([matte] if matte else [])]
    for path in paths[1:]:
        with writing(path):
            irregular = path.exists() and not path.is_file()
        if irregular:
            raise MediaError(f"{path}: cannot be written: not a regular file")
    for one, other in combinations(paths, 2):
        if one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other)):
            raise MediaError(f"{other}: input, output and matte must be different files")


def _check_suffix(path: Path | None, what: str, *suffixes: str) -> None:
    if path and path.suffix.lower() not in suffixes:
        raise MediaError(f"{path}: {what} is written as {' or '.join(suffixes)}")


def _filter_video(
    reader: VideoReader, target: Path, make_filter: MakeFilter, matte: Path | None, progress: Progress | None
) -> int:
    mattes: deque[Plane] = deque()
    count = 0
    with ExitStack() as stack:
        # Both files take their places after both are complete, hence the order.
        destination = stack.enter_context(replacing(target))
        matte_destination = stack.enter_context(replacing(matte)) if matte else None
        container_format = CONTAINERS[target.suffix.lower()]
        video = stack.enter_context(VideoWriter(destination, container_format, reader.format, reader.audio))
        grey = matte_destination and stack.enter_context(MatteWriter(matte_destination, reader.format))
        for frame in _filtered(reader.frames(video.write_audio), make_filter(mattes.append), reader.path):
            video.write(frame)
            alpha = mattes.popleft()
            if grey:
                grey.write(alpha, frame)
            count += 1
            if progress:
                progress(count, reader.expected)
    return count


def _filtered(
    frames: Iterable[FilmFrame], video_filter: CountingFilter, path: Path
) -> Iterator[av.VideoFrame]:
    """Yield each frame filtered, or hidden, under its own timestamp; raises MediaError for one that was withheld."""
    waiting: deque[av.VideoFrame] = deque()

    def stamped(frame: av.VideoFrame) -> av.VideoFrame:
        source = waiting.popleft()
        if video_filter.errors:
            raise MediaError(f"{path}: the filter failed at about {source.time:.2f} s")
        frame.pts, frame.time_base = source.pts, source.time_base
        return frame

    for frame, doubtful in frames:
        waiting.append(frame)
        shown = video_filter.hide(frame) if doubtful else video_filter.filter(frame)
        if shown:
            yield stamped(shown.frame)
    for shown in video_filter.flush():
        yield stamped(shown.frame)


def _filter_photo(
    path: Path, photo: _Photo, target: Path, make_filter: MakeFilter, matte: Path | None, *, transparent: bool
) -> None:
    mattes: list[Plane] = []
    source, opacity = photo
    (shown,) = _filtered([FilmFrame(source)], make_filter(mattes.append), path)
    # What the photo hides already stays hidden.
    alpha = mattes[0] if opacity is None else cast(Plane, cv2.multiply(mattes[0], opacity, scale=1 / 255))
    with replacing(target) as destination, ExitStack() as stack:
        if matte:
            _write_picture(stack.enter_context(replacing(matte)), alpha)
        picture = (source if transparent else shown).to_ndarray(format="bgr24").astype(np.uint8, copy=False)
        _write_picture(destination, cut_out(picture, alpha) if transparent else picture)


def _write_picture(destination: Destination, picture: Plane) -> None:
    done, data = cv2.imencode(destination.path.suffix.lower(), picture)
    if not done:
        raise MediaError(f"{destination.path}: cannot be written: too large for its kind, try .png")
    with writing(destination.path):
        destination.part.write_bytes(data.tobytes())
