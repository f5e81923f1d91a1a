"""What one connection is sent of several publications, as its peer's bandwidth changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from server.media.layer_selection import LayerSelection, SentRate
from server.media.publication import VideoPublication
from server.media.rtc import SenderStats
from server.media.subscription import VideoSubscription

Video = tuple[VideoSubscription, VideoPublication]


class BandwidthAllocator:
    """Cuts the videos of one connection down to what its peer can take; who is shown large is cut last."""

    def __init__(self) -> None:
        self._layers = LayerSelection()
        self._sent = SentRate()

    def adapt(self, now: float, stats: Sequence[SenderStats], videos: Iterable[Video]) -> None:
        """Take what is known of all streams of the connection; `now` in seconds of the monotonic clock."""
        cut_first = sorted(videos, key=_importance)
        estimate = next((s.bandwidth for s in stats if s.bandwidth is not None), None)
        sent = self._sent.update(now, sum(s.bytes for s in stats))
        cut = self._cut(now, estimate, cut_first, sent)
        # What does not fit is paused or lost, and both are freezes: better that the encoders go down at once.
        if self._share(estimate, cut_first):
            for _, publication in cut_first:
                publication.narrow(now)
            cut = self._cut(now, estimate, cut_first, sent)
            self._share(estimate, cut_first)
        for index, (subscription, publication) in enumerate(cut_first):
            subscription.base_only = index < cut
            resumed = subscription.paused and index >= self._layers.paused
            subscription.paused = index < self._layers.paused
            if resumed:
                publication.request_keyframe()

    def _cut(self, now: float, estimate: int | None, videos: Sequence[Video], sent: float | None) -> int:
        return self._layers.update(now, estimate, [publication.bitrate for _, publication in videos], sent)

    def _share(self, estimate: int | None, videos: Sequence[Video]) -> bool:
        """Say what each stream could take; return whether that is too little for one."""
        for subscription, publication in videos:
            subscription.share = self._layers.share(estimate, publication.transcoder.bitrate)
        return any(s.share is not None and s.share < p.transcoder.bitrate for s, p in videos)


def _importance(video: Video) -> tuple[bool, bool, int]:
    """Order by what is cut first; bit rates are coarse here, so that the order does not change all the time."""
    _, publication = video
    return publication.rate == 0, publication.is_large, -publication.transcoder.bitrate
