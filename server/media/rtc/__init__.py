"""Every hook on the private API of aiortc and aioice: encoded media in and out of a peer connection.

The rest of the server uses the names below, and aiortc's public ones.
"""

from server.media.codec.frames import EncodedFrame

from .addresses import NO_PORT, has_free_ports
from .clocks import Timeline, ntp_now
from .connection import PeerConnection, peer_connection, set_stream_id
from .h264 import packetize_h264
from .ice_restart import IceParameters, IceRestart
from .refusals import REFUSALS
from .sender import RtpSender, SenderStats
from .streams import (
    AudioPacket,
    AudioReceiver,
    VideoReceiver,
    VideoStats,
    receive_audio,
    receive_video,
)
from .timed_queue import TimedQueue
from .upstream import install
from .vp8 import packetize_vp8

__all__ = [
    "NO_PORT",
    "REFUSALS",
    "AudioPacket",
    "AudioReceiver",
    "EncodedFrame",
    "IceParameters",
    "IceRestart",
    "PeerConnection",
    "RtpSender",
    "SenderStats",
    "TimedQueue",
    "Timeline",
    "VideoReceiver",
    "VideoStats",
    "has_free_ports",
    "install",
    "ntp_now",
    "packetize_h264",
    "packetize_vp8",
    "peer_connection",
    "receive_audio",
    "receive_video",
    "set_stream_id",
]
