"""Which workers a server has: processes here and elsewhere, or threads."""

from __future__ import annotations

from filters.matting.segmenter import ModelCard, Segmenter
from server.access.certificates import tls_context
from server.config.options import Config
from server.core.errors import ConfigError
from server.media.workers.base import Workers
from server.media.workers.pool import ProcessPool
from server.media.workers.threads import ThreadPool


def open_workers(config: Config, card: ModelCard, segmenter: Segmenter | None) -> Workers:
    """Start processes with the network of a card, or threads with a network of the caller's; raises ConfigError."""
    if segmenter is not None:
        return ThreadPool(segmenter, config.workers, config.smoother)
    context = None
    if config.remote_workers:
        if config.cluster_secret is None:
            raise ConfigError("remote_workers: they take a cluster_secret")
        context = tls_context(config.cluster_secret, server=False)
    remote = [(host, int(port)) for host, _, port in (w.rpartition(":") for w in config.remote_workers)]
    return ProcessPool(card, config.workers, config.smoother, config.log_format, remote, context)
