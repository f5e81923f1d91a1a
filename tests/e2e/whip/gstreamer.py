"""A camera on GStreamer's webrtcbin that speaks WHIP: `python3 gstreamer.py URL VP8|H264 TOKEN VIDEO`.

For the system's Python, which has the bindings; exits with 3 when it hasn't. Runs until it is killed.
"""

from __future__ import annotations

import sys
import threading
import urllib.request
from typing import Any

try:
    import gi  # type: ignore[import-not-found]

    for name in ("Gst", "GstWebRTC", "GstSdp"):
        gi.require_version(name, "1.0")
    from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # type: ignore[import-not-found]
except (ImportError, ValueError) as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(3)

ENCODERS = {
    "VP8": "vp8enc deadline=1 keyframe-max-dist=30 target-bitrate=1000000 ! rtpvp8pay pt=96",
    "H264": "openh264enc bitrate=1000000 gop-size=30 ! video/x-h264,profile=constrained-baseline ! "
    "h264parse config-interval=-1 ! rtph264pay pt=96 aggregate-mode=zero-latency",
}
PIPELINE = (
    "webrtcbin name=peer bundle-policy=max-bundle  multifilesrc location={video} loop=true "
    "caps=image/jpeg,framerate=30/1 ! jpegdec ! videoconvert ! video/x-raw,format=I420 ! "
    "identity sync=true ! queue ! {encoder} ! application/x-rtp,media=video,encoding-name={codec},payload=96 ! peer."
)


class Publisher:
    """Offers once all candidates are known, and takes the answer."""

    def __init__(self, url: str, codec: str, token: str, video: str) -> None:
        self._url, self._token = url, token
        description = PIPELINE.format(video=video, encoder=ENCODERS[codec], codec=codec)
        self.pipeline = Gst.parse_launch(description)
        self._peer = self.pipeline.get_by_name("peer")
        self._peer.connect("on-negotiation-needed", self._negotiate)
        self._peer.connect("notify::ice-gathering-state", self._gathered)
        self._kept: list[Any] = []  # the bindings free what nobody refers to

    def _negotiate(self, peer: Any) -> None:  # noqa: ANN401 - the bindings have no types
        def created(promise: Any) -> None:  # noqa: ANN401
            promise.wait()
            reply = promise.get_reply()
            offer = reply["offer"]
            self._kept += [promise, reply, offer]
            peer.emit("set-local-description", offer, Gst.Promise.new())

        peer.emit("create-offer", None, Gst.Promise.new_with_change_func(created))

    def _gathered(self, peer: Any, _: object) -> None:  # noqa: ANN401
        if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            threading.Thread(target=self._post, daemon=True).start()

    def _post(self) -> None:
        sdp = self._peer.get_property("local-description").sdp.as_text()
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(self._url, sdp.encode(), headers, method="POST")
        with urllib.request.urlopen(request) as response:
            _, answer = GstSdp.SDPMessage.new_from_text(response.read().decode())
        kind = GstWebRTC.WebRTCSDPType.ANSWER
        description = GstWebRTC.WebRTCSessionDescription.new(kind, answer)
        self._peer.emit("set-remote-description", description, Gst.Promise.new())


def main() -> None:
    """Publish until somebody kills this process."""
    Gst.init(None)
    publisher = Publisher(*sys.argv[1:])
    publisher.pipeline.set_state(Gst.State.PLAYING)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
