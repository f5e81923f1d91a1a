"""What lies in deploy/ fits the server: options exist, metrics exist, units and files parse."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from filters.matting.segmenter import Segmenter, load_card
from server.config.loading import load, options
from server.config.options import DEFAULT_MODEL, MODELS, Config
from tests.support.serving import serving

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def test_the_example_configuration_loads() -> None:
    config = load(DEPLOY / "greenroom.toml")
    assert config.trusted_proxies
    assert config.udp_ports == (50000, 50999)
    assert len(config.ice_servers) == 2


@pytest.mark.parametrize("file", ["greenroom.service", "Dockerfile"])
def test_environment_variables_are_options(file: str) -> None:
    names = set(re.findall(r"GREENROOM_[A-Z_]+", (DEPLOY / file).read_text()))
    assert names
    assert names <= {option.variable for option in options().values()}


def test_the_dockerfile_copies_what_there_is() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert copied
    for source in " ".join(copied).split():
        assert (DEPLOY.parent / source).exists()


def test_the_unit_waits_longer_than_the_rooms_get() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DEPLOY / "greenroom.service")
    assert int(unit["Service"]["TimeoutStopSec"]) > load(DEPLOY / "greenroom.toml").drain_time
    assert "--config" in unit["Service"]["ExecStart"]
    assert unit["Service"]["KillMode"] == "mixed"  # the workers serve until the rooms are empty


def test_no_core_dump_keeps_a_frame() -> None:
    unit = (DEPLOY / "greenroom.service").read_text()
    assert "LimitCORE=0\n" in unit
    assert "ProtectSystem=strict\n" in unit


def test_nginx_lets_no_client_say_what_a_proxy_says() -> None:
    """The server believes these headers of a trusted proxy, which passes on what it does not set."""
    nginx = (DEPLOY / "nginx.conf").read_text()
    for header in ("Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"):
        assert f"proxy_set_header {header} $" in nginx


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    unit = (DEPLOY / "greenroom.service").read_text().replace("/opt/greenroom/bin/greenroom", "/bin/true")
    (tmp_path / "greenroom.service").write_text(unit)
    command = [analyze, "verify", str(tmp_path / "greenroom.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert "greenroom.service" not in done.stderr


async def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    dashboard = json.loads((DEPLOY / "grafana.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bgreenroom_\w+", target["expr"])
    }
    segmenter = Segmenter(load_card(DEFAULT_MODEL, MODELS))
    async with serving(Config(workers=1), segmenter) as client, client.get("/metrics") as response:
        text = await response.text()
    there = set(re.findall(r"^(\w+)", text, re.MULTILINE))
    assert asked
    assert asked <= there
