"""What Ray is started with, without Ray."""

from pathlib import Path

import pytest

from server.access.certificates import make_secret, ray_token
from server.cluster.ray_environment import OUTLIVE, ray_environment
from server.core.errors import ConfigError


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
