"""What Ray is started with, without Ray."""

import socket
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from server.access.certificates import make_secret, ray_token
from server.cluster import ray_environment as module
from server.cluster.ray_environment import (
    OLDEST,
    OUTLIVE,
    expect_ray,
    expect_reachable,
    ray_environment,
)
from server.config.options import ROOT
from server.core.errors import ConfigError
from tests.support.program import free_port


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    make_secret(tmp_path / "cluster.pem")
    return tmp_path / "cluster.pem"


def test_every_machine_of_a_cluster_has_the_same_token(secret: Path) -> None:
    given = ray_environment(secret)
    assert given["RAY_AUTH_MODE"] == "token"
    assert given["RAY_AUTH_TOKEN"] == ray_token(secret)
    assert given.items() >= OUTLIVE.items()


def test_a_token_that_is_given_stays(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/etc/ray/token")
    assert "RAY_AUTH_TOKEN" not in ray_environment(secret)


def test_ray_without_token_authentication_is_refused(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(ConfigError, match="token"):
        ray_environment(secret)


def missing(name: str) -> str:
    raise PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("found", "told"),
    [(missing, "needs Ray"), (lambda _: "2.51.2", "2.51.2 is too old"), (lambda _: "1.13.0rc1", "too old")],
)
def test_ray_that_is_missing_or_too_old_is_refused(
    found: Callable[[str], str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old ones have no tokens, and say nothing of that."""
    monkeypatch.setattr(module, "version", found)
    with pytest.raises(ConfigError, match=told):
        expect_ray()


@pytest.mark.parametrize("found", [".".join(map(str, OLDEST)) + ".0", "3.0.0.dev0"])
def test_ray_that_is_new_enough_will_do(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "version", lambda _: found)
    expect_ray()


def test_the_oldest_ray_is_the_one_that_is_asked_for() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][
        "cluster"
    ]
    assert "ray[default]>={}.{}".format(*OLDEST) in wanted


@pytest.mark.parametrize("host", ["127.0.0.1", "x" * 70])
def test_a_cluster_that_is_not_there_is_not_waited_for(host: str) -> None:
    with pytest.raises(ConfigError, match=host):
        expect_reachable(f"{host}:{free_port()}")
    with pytest.raises(ConfigError, match="99999"):
        expect_reachable("127.0.0.1:99999")


def test_a_cluster_that_is_there_is_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        expect_reachable(f"127.0.0.1:{listening.getsockname()[1]}")
    for of_rays_own in ("auto", "ray://head:10001"):
        expect_reachable(of_rays_own)
