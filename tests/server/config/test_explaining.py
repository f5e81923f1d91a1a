"""What is written of a configuration can be read again, and shows no secret."""

from __future__ import annotations

import tomllib
from pathlib import Path

from server.config.explaining import effective, explain
from server.config.loading import load, options
from server.config.options import Config, IceServer


def test_every_option_is_explained() -> None:
    assert [option.name for option in options().values() if not option.about.meaning] == []


def test_the_explanation_is_a_file_that_sets_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "greenroom.toml"
    lines = [
        line.removeprefix("#") if line[1:2].isalpha() else line for line in "\n".join(explain()).split("\n")
    ]
    file.write_text("\n".join(lines))
    assert set(tomllib.loads(file.read_text())) == set(options())
    assert load(file) == Config()


def test_the_effective_options_hide_secrets() -> None:
    config = Config(
        port=9,
        token_keys={"a": "hidden"},
        turn_secret="hidden",
        ice_servers=(IceServer(["turn:x"], "u", "hidden"),),
    )
    lines = "\n".join(effective(config))
    assert "hidden" not in lines
    assert tomllib.loads(lines)["port"] == 9
    assert tomllib.loads(lines)["ice_servers"] == [
        {"urls": ["turn:x"], "username": "u", "credential": "(secret)"}
    ]
