"""What all participants of a process share: workers, and the network that runs in them."""

from __future__ import annotations

from typing import NamedTuple

from filters.matting.segmenter import ModelCard, Segmenter, load_card
from server.config.options import MODELS, Config
from server.media.load import LoadMeter
from server.media.workers.base import Workers
from server.media.workers.opening import open_workers


class MediaResources(NamedTuple):
    """What all participants of a process share."""

    card: ModelCard
    workers: Workers
    meter: LoadMeter


def open_media(config: Config, segmenter: Segmenter | None = None) -> MediaResources:
    """Work in processes with the configured network, or in threads with a network of the caller's."""
    card = segmenter.card if segmenter else load_card(config.model, MODELS)
    return MediaResources(card, open_workers(config, card, segmenter), LoadMeter(config.workers))
