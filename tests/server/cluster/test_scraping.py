"""What Prometheus reads of a cluster, through a front."""

from __future__ import annotations

from pathlib import Path

from filters.matting.segmenter import Segmenter
from server.config.options import Config
from tests.support.client import join
from tests.support.cluster import cluster_here


async def test_every_server_is_read_through_the_front(segmenter: Segmenter, tmp_path: Path) -> None:
    async with (
        cluster_here(Config(workers=1), segmenter, tmp_path) as cluster,
        join(cluster.url, "studio"),
    ):
        front = f"{cluster.front.host}:{cluster.front.port}"
        async with cluster.front.get("/metrics/servers") as response:
            listed = await response.json()
        assert {each["labels"]["instance"] for each in listed} == {server.name for server in cluster.servers}
        texts = {}
        for each in listed:
            assert each["targets"] == [front]
            assert each["labels"]["__scheme__"] == "http"
            name = each["labels"]["__param_server"]
            async with cluster.front.get("/metrics", params={"server": name}) as response:
                assert response.status == 200
                texts[name] = await response.text()
        assert all('greenroom_frames_total{outcome="raw"} 0.0' in text for text in texts.values())
        people = {name: 'greenroom_participants{state="room"} 1.0' in text for name, text in texts.items()}
        assert people == {server.name: server is cluster.of("studio") for server in cluster.servers}
        async with cluster.front.get("/metrics", params={"server": "nobody"}) as response:
            assert response.status == 404


async def test_servers_are_told_to_nobody_without_the_token(segmenter: Segmenter, tmp_path: Path) -> None:
    config = Config(workers=1, metrics_token="secret")
    async with cluster_here(config, segmenter, tmp_path) as cluster:
        paths = ("/metrics", "/metrics/servers", f"/metrics?server={cluster.servers[0].name}")
        for path in paths:
            async with cluster.front.get(path) as response:
                assert response.status == 401
            async with cluster.front.get(path, headers={"Authorization": "Bearer secret"}) as response:
                assert response.status == 200


async def test_metrics_that_are_off_are_nowhere(segmenter: Segmenter, tmp_path: Path) -> None:
    async with cluster_here(Config(workers=1, metrics=False), segmenter, tmp_path) as cluster:
        for path in ("/metrics", "/metrics/servers"):
            async with cluster.front.get(path) as response:
                assert response.status == 404
