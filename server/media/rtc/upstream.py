"""The releases of aiortc and aioice that are hooked, and every private name of theirs that is touched."""

from __future__ import annotations

import inspect
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import aiortc
from aioice.candidate import Candidate
from aioice.ice import CandidatePair, Connection, StunProtocol
from aioice.turn import TurnTransport
from aiortc.codecs.h264 import H264Encoder
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport, RtpRouter
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceTransport
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtcrtptransceiver import RTCRtpTransceiver

PINNED = {"aiortc": "1.16.0", "aioice": "0.13.0"}

PRIVATE: tuple[tuple[type, str], ...] = (
    (CandidatePair, "remote_addr"),
    (
        Connection,
        "_check_list _early_checks _nominated _pair_remote_candidate _protocols _queue _remote_candidates"
        " _remote_candidates_resolving add_remote_candidate check_complete check_incoming get_component_candidates"
        " request_received respond_error",
    ),
    (Candidate, "_network_host"),
    (StunProtocol, "datagram_received error_received receiver request transactions"),
    (TurnTransport, "_TurnTransport__inner_protocol _TurnTransport__send_tasks"),
    (H264Encoder, "_packetize _split_bitstream"),
    (RTCCertificate, "_create_ssl_context"),
    (
        RTCIceTransport,
        "_connection _monitor _recv _send _RTCIceTransport__iceGatherer _RTCIceTransport__monitor_task",
    ),
    (RTCIceGatherer, "_connection"),
    (RtpRouter, "mid_table route_rtp senders ssrc_table"),
    (
        RTCDtlsTransport,
        "_do_handshake _handle_rtcp_data _handle_rtp_data _recv_next _role"
        " _rtp_header_extensions_map _rtp_router _rx_srtp _state"
        " _set_state _srtp_profiles _ssl _transport _tx_srtp _write_ssl"
        " _RTCDtlsTransport__local_certificate _RTCDtlsTransport__rx_bytes _RTCDtlsTransport__rx_packets"
        " _RTCDtlsTransport__tx_bytes _RTCDtlsTransport__tx_packets",
    ),
    (
        aiortc.RTCPeerConnection,
        "_RTCPeerConnection__certificates _RTCPeerConnection__configuration"
        " _RTCPeerConnection__createDtlsTransport"
        " _RTCPeerConnection__createTransceiver _RTCPeerConnection__dtlsTransports"
        " _RTCPeerConnection__gather _RTCPeerConnection__localDescription",
    ),
    (
        aiortc.RTCRtpSender,
        "_enabled _handle_rtcp_packet _retransmit _rtx_ssrc _run_rtp _send_keyframe _send_rtcp _ssrc"
        " _stream_id _RTCRtpSender__lsr_time _RTCRtpSender__ntp_timestamp _RTCRtpSender__octet_count"
        " _RTCRtpSender__packet_count _RTCRtpSender__rtp_exited _RTCRtpSender__rtp_started"
        " _RTCRtpSender__rtp_timestamp _RTCRtpSender__rtt _RTCRtpSender__rtx_payload_type"
        " _RTCRtpSender__rtx_sequence_number _RTCRtpSender__transport",
    ),
    (
        RTCRtpReceiver,
        "_enabled _handle_rtcp_packet _handle_rtp_packet _track"
        " _RTCRtpReceiver__codecs _RTCRtpReceiver__remote_streams"
        " _RTCRtpReceiver__rtcp_ssrc _RTCRtpReceiver__rtcp_task _RTCRtpReceiver__rtx_ssrc"
        " _RTCRtpReceiver__started _run_rtcp",
    ),
    (RTCRtpTransceiver, "_codecs _get_mline_index _headerExtensions _offerDirection"),
)


@cache
def install() -> None:
    """Check that the libraries are the pinned ones; cheap to call again.

    Nothing global is patched: the hooks sit on the objects that `peer_connection` makes, so other code in the
    process keeps stock peer connections. Raises RuntimeError, naming the package, when a release is not the
    pinned one or a private name is gone.
    """
    for package, wanted in PINNED.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            raise RuntimeError(f"{package} {wanted} is needed, and none is installed") from None
        if found != wanted:
            raise RuntimeError(f"{package} {wanted} is needed, found {found}: hooks and contract tests first")
    for owner, names in PRIVATE:
        for name in names.split():
            if not _has(owner, name):
                raise RuntimeError(f"{owner.__module__}.{owner.__qualname__} has no {name}")


def _has(owner: type, name: str) -> bool:
    """Whether the class has the attribute, or one of its methods assigns it."""
    methods = (method for method in vars(owner).values() if inspect.isfunction(method))
    return hasattr(owner, name) or any(name in method.__code__.co_names for method in methods)
