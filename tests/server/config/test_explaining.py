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


def test_addresses_are_shown_without_what_lets_one_in() -> None:
    """Names, passwords and keys that stand in an address, where servers without tokens ask for them."""
    config = Config(
        forward_to="https://hidden:hidden@hidden@media.example/{room}/{identity}?pass=hidden",
        janus_server="ws://hidden@127.0.0.1:8188",
        webhook_urls=("https://hooks.example/a?key=hidden", "https://hooks.example/b@c"),
    )
    lines = "\n".join(effective(config))
    assert "hidden" not in lines
    read = tomllib.loads(lines)
    assert read["forward_to"] == "https://(secret)@media.example/{room}/{identity}?(secret)"
    assert read["janus_server"] == "ws://(secret)@127.0.0.1:8188"
    assert read["webhook_urls"] == ["https://hooks.example/a?(secret)", "https://hooks.example/b@c"]
