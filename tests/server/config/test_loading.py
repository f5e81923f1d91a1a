"""Where options come from, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from filters.matting import smoother
from filters.matting.matte import MatteOptions
from server.cli import filter as filter_command
from server.config.loading import load
from server.config.options import SMOOTHERS, Config, IceServer
from server.core.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "greenroom.toml"


def test_without_anything_there_are_the_defaults() -> None:
    assert load() == Config()


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(file: Path) -> None:
    file.write_text('port = 1\nworkers = 1\nhost = "::1"\n')
    config = load(file, {"GREENROOM_PORT": "2", "GREENROOM_WORKERS": "2", "PORT": "9"}, {"port": "3"})
    assert (config.port, config.workers, config.host) == (3, 2, "::1")


def test_every_kind_of_option_from_a_file(file: Path) -> None:
    file.write_text(
        """
        open = true
        seat_hold = 5
        state = "/var/lib/greenroom"
        trusted_proxies = ["10.0.0.0/8"]
        udp_ports = [50000, 50100]
        turn_secret = "north"
        token_keys = { a = "0123456789abcdef0123456789abcdef" }
        [[ice_servers]]
        urls = ["turn:turn.example.org"]
        """
    )
    config = load(file)
    assert config.open is True
    assert config.seat_hold == 5.0
    assert config.state == Path("/var/lib/greenroom")
    assert config.trusted_proxies == ("10.0.0.0/8",)
    assert config.udp_ports == (50000, 50100)
    assert config.token_keys == {"a": "0123456789abcdef0123456789abcdef"}
    assert config.ice_servers == (IceServer(["turn:turn.example.org"]),)


def test_every_kind_of_option_from_the_environment() -> None:
    config = load(
        environment={
            "GREENROOM_OPEN": "yes",
            "GREENROOM_SEAT_HOLD": "5",
            "GREENROOM_STATE": "/var/lib/greenroom",
            "GREENROOM_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "GREENROOM_UDP_PORTS": "50000-50100",
            "GREENROOM_TOKEN_KEYS": '{"a": "b"}',
            "GREENROOM_ICE_SERVERS": '[{"urls": "turn:x", "username": "u", "credential": "c"}]',
        }
    )
    assert config.open is True
    assert config.trusted_proxies == ("10.0.0.0/8", "::1")
    assert config.udp_ports == (50000, 50100)
    assert config.token_keys == {"a": "b"}
    assert config.ice_servers == (IceServer(["turn:x"], "u", "c"),)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("prot = 80", "prot: there is no such option"),
        ("port = 'x'", "port: must be a whole number"),
        ("port = 1.5", "port: must be a whole number"),
        ("port = 70000", "port: must be at most 65535"),
        ("port = true", "port: must be a number"),
        ("workers = 0", "workers: must be at least 1"),
        ("seat_hold = -1", "seat_hold: must be at least 0"),
        ("seat_hold = nan", "seat_hold: must be at least 0"),
        ("seat_hold = inf", "seat_hold: must be a number of at most 9.0"),
        ("seat_hold = 1e400", "seat_hold: must be a number of at most 9.0"),
        (f"seat_hold = {10**400}", "seat_hold: must be a number, not '1000"),
        (f"port = {'9' * 5000}", "Exceeds the limit"),
        (f"port = '{'9' * 5000}'", "port: must be a whole number, not '9999"),
        (f"port = {2**60}", "port: must be a whole number of at most 9.0"),
        (f"udp_ports = '[{'9' * 5000}, 1]'", "udp_ports: must be a JSON list"),
        ("udp_ports = '" + "[" * 100_000 + "'", "udp_ports: "),
        ("udp_ports = " + "[" * 5000 + "]" * 5000, "recursion"),
        ("host = 1", "host: must be text"),
        ("open = 'maybe'", "open: must be true or false"),
        ("tls = 'on'", "tls: must be one of off, self-signed"),
        ("udp_ports = [2, 1]", "udp_ports: must be a range"),
        ("udp_ports = [1]", "udp_ports: must be a first and a last port"),
        ("trusted_proxies = 3", "trusted_proxies: must be a list"),
        ("trusted_proxies = ['all']", "trusted_proxies: 'all' does not appear to be"),
        ("heartbeat = 0", "heartbeat: must be at least 1"),
        ("max_messages_per_second = 4", "max_messages_per_second: must be at least 20"),
        ("background = 'fjrod'", "background: unknown background 'fjrod'; known: blur"),
        ("follow = 'left'", "follow: whom to follow should be centre, or X,Y in shares of width and height"),
        ("effects = 'framing, sepia'", "effects: unknown effect 'sepia'; known: framing, low-light"),
        ("forward_to = 'sfu.example/whip'", "forward_to: must be an http:// or https:// URL, not 'sfu.ex"),
        ("forward_to = 'http://['", "forward_to: must be an http:// or https:// URL, not 'http://['"),
        ("public_address = 'meet.example.org'", "public_address: must be an IP address, not 'meet"),
        ("ice_servers = [{url = 'x'}]", "ice_servers: an ICE server has no url, but urls"),
        ("ice_servers = [{}]", "ice_servers: must be a table with urls"),
        ("ice_servers = 'turn:x'", "ice_servers: a TURN server needs username and credential"),
        ("ice_servers = ['http://x']", "ice_servers: must be a stun: or turn: URL"),
        ("ice_servers = ['stun:']", "ice_servers: must be a URL as in stun:stun.example.org"),
        ("ice_servers = ['turn://x']", "3478?transport=udp, not 'turn://x'"),
        ("ice_servers = '[1'", "ice_servers: must be a JSON list"),
        ("ice_servers = [{urls = 'stun:x', password = 'y'}]", "ice_servers: an ICE server has no password"),
        ("token_keys = 'x'", "token_keys: must be a table of texts, as in {"),
        ("token_keys = [1]", "token_keys: must be a table of texts"),
        ("tls_key = 'key.pem'", "give both or none"),
        ("turn_secret = 'x'", "turn_secret: there is no TURN server"),
        ("port 80", "Expected"),
    ],
)
def test_an_error_names_where_what_and_why(file: Path, line: str, said: str) -> None:
    file.write_text(line)
    with pytest.raises(ConfigError) as error:
        load(file)
    assert said in str(error.value)
    assert str(error.value).startswith(str(file)) or "give both" in said or " TURN server" in said


@pytest.mark.parametrize(
    "line",
    [
        "turn_secret = 57005",
        "forward_to = 'htps://u:57005@sfu.example/whip?key=57005'",
        "forward_to = 'sfu.example:57005@sfu.example/whip'",
        "janus_server = 'wsp://u:57005@janus/?key=57005'",
        "token_keys = {a = 57005}",
        "token_keys = '57005'",
        "ice_servers = [{url = 'turn:x', username = 'u', credential = '57005'}]",
        "ice_servers = {credential = '57005'}",
        "ice_servers = ['turn:x', '57005']",
        "ice_servers = [{urls = 'turn:x', username = 'u', credential = 57005}]",
    ],
)
def test_no_error_shows_a_secret(file: Path, line: str) -> None:
    file.write_text(line)
    with pytest.raises(ConfigError) as error:
        load(file)
    assert "57005" not in str(error.value)
    assert line.partition(" ")[0] in str(error.value)


@pytest.mark.parametrize(
    "url", ["stun:stun.example.org:19302", "turns:turn.example.org?transport=tcp", "turn:[2001:db8::1]:3478"]
)
def test_urls_of_ice_servers(url: str) -> None:
    assert load(arguments={"ice_servers": [{"urls": url, "username": "u", "credential": "c"}]})


def test_errors_of_other_sources_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="environment: GREENROOM_PORT: must be a whole number, not 'x'"):
        load(environment={"GREENROOM_PORT": "x"})
    with pytest.raises(ConfigError, match="command line: colour: there is no such option"):
        load(arguments={"colour": "red"})
    with pytest.raises(ConfigError, match=r"nowhere\.toml: No such file"):
        load(tmp_path / "nowhere.toml")


def test_the_options_that_stand_apart_from_the_filter_are_its_own() -> None:
    assert tuple(smoother.SMOOTHERS) == SMOOTHERS
    assert MatteOptions().privacy == filter_command.PRIVACY
