"""Session descriptions and candidates of clients, and what is wrong with them in the words of the protocol."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from server.core.errors import SdpError, SignalingError
from server.media.rtc import PeerConnection
from server.media.rtc.sdp import CARRIED, Carried, RemoteDescription, read, read_candidate


def read_offer(sdp: str, limit: int, carried: Carried = CARRIED) -> RemoteDescription:
    """Read an offer of at most `limit` characters; raise SignalingError bad-sdp."""
    expect_length(sdp, limit)
    try:
        return read(sdp, "offer", carried)
    except SdpError as error:
        raise SignalingError("bad-sdp", str(error)) from error


def expect_length(sdp: str, limit: int) -> None:
    """Raise SignalingError bad-sdp for a description that is too long to be read."""
    if len(sdp) > limit:
        raise SignalingError("bad-sdp", f"A session description has at most {limit} characters.")


def expect_one_of_each(offer: RemoteDescription) -> None:
    """Raise SignalingError bad-sdp unless there is at most one audio and one video section."""
    kind, count = Counter(section.kind for section in offer.carried).most_common(1)[0]
    if count > 1:
        raise SignalingError("bad-sdp", f"There may be one {kind} section, and the offer has {count}.")


@asynccontextmanager
async def answering(connection: PeerConnection) -> AsyncIterator[None]:
    """Close the connection where its offer can't be answered, and say so as SignalingError bad-sdp."""
    try:
        yield
    except (SignalingError, asyncio.CancelledError):
        await connection.close()
        raise
    except Exception as error:  # aiortc raises whatever it stumbles over
        await connection.close()
        raise SignalingError("bad-sdp", f"The offer can't be answered: {error}") from error


async def take_answer(connection: PeerConnection, sdp: str, limit: int) -> None:
    """Set the answer to an offer of ours, which describes as many sections; raise SignalingError bad-sdp."""
    expect_length(sdp, limit + len(connection.localDescription.sdp))
    try:
        await connection.setRemoteDescription(read(sdp, "answer"))
    except Exception as error:  # aiortc raises whatever it stumbles over
        raise SignalingError("bad-sdp", f"The answer can't be used: {error}") from error


async def add_candidate(connection: PeerConnection, init: Mapping[str, Any] | None) -> None:
    """Add a client's RTCIceCandidateInit. Raises SignalingError bad-candidate."""
    line = str(init.get("candidate") or "") if init else ""
    if init is None or not line:
        await connection.addIceCandidate(None)
        return
    try:
        candidate = read_candidate(line.removeprefix("candidate:"))
    except ValueError as error:
        raise SignalingError("bad-candidate", f"The ICE candidate can't be used: {error}.") from error
    mid, index = init.get("sdpMid"), init.get("sdpMLineIndex")
    candidate.sdpMid = mid if isinstance(mid, str) else None
    candidate.sdpMLineIndex = index if isinstance(index, int) else None
    if candidate.sdpMid is None and candidate.sdpMLineIndex is None:
        raise SignalingError("bad-candidate", "A candidate has the mid or the index of its section.")
    await connection.addIceCandidate(candidate)
