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
        sent = self._sent.update(now, sum(s.bytes for s in stats if s.video))
        self._layers.update(now, estimate, [publication.bitrate for _, publication in cut_first], sent)
        for index, (subscription, publication) in enumerate(cut_first):
            subscription.share = self._layers.share(estimate, publication.transcoder.bitrate)
            subscription.base_only = index < self._layers.base_only
            before = subscription.paused, subscription.small
            subscription.small = index < self._layers.small
            subscription.paused = index < self._layers.paused
            if self._needs_keyframe(subscription, publication, *before):
                publication.request_keyframe()

    @staticmethod
    def _needs_keyframe(
        subscription: VideoSubscription, publication: VideoPublication, paused: bool, small: bool
    ) -> bool:
        """Tell whether a stream that was `paused` or `small` goes on with what it can't begin with by itself."""
        if subscription.paused:
            return False
        changed = subscription.small != small
        return (paused and not changed) or (changed and publication.encodes(subscription.wanted))


def _importance(video: Video) -> tuple[bool, bool, int]:
    """Order by what is cut first; bit rates are coarse here, so that the order does not change all the time."""
    subscription, publication = video
    large = publication.shown_large if subscription.shown_large is None else subscription.shown_large
    return publication.rate == 0, large, -publication.transcoder.bitrate
