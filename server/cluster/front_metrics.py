"""What Prometheus is told about a front, and about the directory that it asks. No label names a room or a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds; chosen


class FrontMetrics(Collector):
    """Counts what a front does; what the directory knows is given to `text`."""

    def __init__(self, connections: Callable[[], int]) -> None:
        """Ask `connections` how many browsers are passed on."""
        self.registry = CollectorRegistry()
        self.refusals = 0
        self._connections = connections
        self._snapshot: dict[str, Any] = {}
        self._placements = Counter(
            "greenroom_placements", "Newcomers' placements by outcome.", ["outcome"], registry=self.registry
        )
        self._seconds = Histogram(
            "greenroom_placement_seconds",
            "Time until a newcomer's server was known.",
            buckets=BUCKETS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def placed(self, outcome: str, seconds: float) -> None:
        """Count a placement: `placed` at once, `waited` for, or `failed`."""
        self._placements.labels(outcome).inc()
        self._seconds.observe(seconds)

    def text(self, snapshot: dict[str, Any]) -> bytes:
        """Return everything in Prometheus' text format, with a snapshot of the directory; empty for none."""
        self._snapshot = snapshot
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Yield what is counted elsewhere."""
        yield CounterMetricFamily(
            "greenroom_refusals", "Newcomers whom a server sent back to the directory.", value=self.refusals
        )
        yield GaugeMetricFamily(
            "greenroom_front_connections", "Browsers that are passed on.", value=self._connections()
        )
        moves = CounterMetricFamily("greenroom_moves", "Rooms that moved, by reason.", labels=["reason"])
        for reason, count in self._snapshot.get("moves", {}).items():
            moves.add_metric([reason], count)
        yield moves
        lease = GaugeMetricFamily("greenroom_lease_seconds", "What is left of a lease.", labels=["server"])
        load = GaugeMetricFamily("greenroom_server_load", "Share of a server's cores.", labels=["server"])
        rooms = GaugeMetricFamily("greenroom_server_rooms", "Rooms of a server.", labels=["server"])
        for server in self._snapshot.get("servers", []):
            lease.add_metric([server["name"]], server["lease"])
            load.add_metric([server["name"]], server["load"])
            rooms.add_metric([server["name"]], server["rooms"])
        yield from (lease, load, rooms)
