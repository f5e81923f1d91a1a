"""The filter in an aiortc program of your own: a video goes in, and what may be shown of it comes out.

    python examples/embed.py talk.mp4 shown.mp4 --background fjord

A FilteredTrack is an aiortc track like any other: instead of a recorder, give it to RTCPeerConnection.addTrack, and in
place of a file give it the track that a connection has received.
"""

from __future__ import annotations

import argparse
import asyncio

from aiortc.contrib.media import MediaPlayer, MediaRecorder

from filters.backgrounds.background import parse_background
from filters.matting.segmenter import Segmenter, load_card
from filters.person import PersonFilter
from server.config.options import DEFAULT_MODEL, MODELS, PICTURES
from server.media.track import FilteredTrack


async def main(arguments: argparse.Namespace) -> None:
    """Play a file through the filter until it ends."""
    segmenter = Segmenter(load_card(DEFAULT_MODEL, MODELS))
    background = parse_background(arguments.background, PICTURES, files=True)
    camera = MediaPlayer(arguments.source).video
    if camera is None:
        raise SystemExit(f"{arguments.source}: there is no video in it")
    track = FilteredTrack(camera, PersonFilter(segmenter, background))

    ended, recorder = asyncio.Event(), MediaRecorder(arguments.target)
    track.on("ended", ended.set)
    recorder.addTrack(track)
    await recorder.start()
    await ended.wait()
    await recorder.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--background", default="blur")
    asyncio.run(main(parser.parse_args()))
