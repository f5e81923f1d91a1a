"""Tokens: what they allow, and every way in which one is refused."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from server.access.authenticator import Authenticator
from server.access.policy import RoomPolicy
from server.access.tokens import LEEWAY, OPEN, Grant, Key, check_exposure, make_token, read_keys
from server.config.options import Config
from server.core.errors import ConfigError, SignalingError, TokenError

SECRET, OTHER = "north-" * 6, "south-" * 6
ED25519 = Ed25519PrivateKey.generate()
PRIVATE_PEM = ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC_PEM = ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
UNKNOWN_KIND = "-----BEGIN PRIVATE KEY-----\nMBACAQAwBQYDKgMEBAQBAgME\n-----END PRIVATE KEY-----\n"
KEY = Key("a", "HS256", SECRET)
GRANT = Grant("studio", "ada", "Ada", "host", ("blur", "fjord"), None, False, files=True, device_filter=True)


@pytest.fixture
def door() -> Authenticator:
    return Authenticator(read_keys({"a": SECRET}))


def refusal(door: Authenticator, token: str | None, room: str = "studio") -> str:
    with pytest.raises(TokenError) as error:
        door.admit(token, room)
    assert error.value.fatal
    return error.value.code


def signed(claims: dict[str, Any], **header: object) -> str:
    return jwt.encode({"room": "studio", "exp": 2**40} | claims, SECRET, headers={"kid": "a"} | header)


def test_a_grant_survives_the_token(door: Authenticator) -> None:
    assert door.admit(make_token(KEY, GRANT, 60), "Studio") == GRANT


def test_a_token_without_role_makes_a_guest(door: Authenticator) -> None:
    assert door.admit(signed({}), "studio") == Grant("studio", role="guest")


def test_a_token_for_any_room(door: Authenticator) -> None:
    assert door.admit(make_token(KEY, Grant(), 60), "attic").role == "guest"


def test_without_keys_everybody_is_admitted() -> None:
    assert Authenticator({}).admit(None, "studio") == OPEN
    with pytest.raises(SignalingError, match="room name"):
        Authenticator({}).admit(None, "../studio")


@pytest.mark.parametrize("pem", [PRIVATE_PEM, PUBLIC_PEM])
def test_eddsa_is_checked_with_either_half_of_the_key(pem: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem)
    door = Authenticator(read_keys({"e": str(tmp_path / "key.pem")}))
    token = make_token(read_keys({"e": PRIVATE_PEM})["e"], GRANT, 60)
    assert door.admit(token, "studio") == GRANT


def test_keys_rotate_by_kid() -> None:
    old, new = (
        make_token(Key("a", "HS256", SECRET), GRANT, 60),
        make_token(Key("b", "HS256", OTHER), GRANT, 60),
    )
    both, later = Authenticator(read_keys({"a": SECRET, "b": OTHER})), Authenticator(read_keys({"b": OTHER}))
    assert both.admit(old, "studio") == both.admit(new, "studio") == GRANT
    assert later.admit(new, "studio") == GRANT
    assert refusal(later, old) == "token-invalid"


def test_missing_expired_and_for_another_room(door: Authenticator) -> None:
    assert refusal(door, None) == refusal(door, "") == "token-missing"
    assert refusal(door, make_token(KEY, GRANT, 60, now=0)) == "token-expired"
    assert refusal(door, make_token(KEY, GRANT, 60), "attic") == "token-wrong-room"


def test_a_token_from_a_clock_that_is_ahead_says_so(door: Authenticator) -> None:
    """Within the leeway it is as good as any."""
    assert door.admit(make_token(KEY, GRANT, 60, now=time.time() + LEEWAY / 2), "studio") == GRANT
    with pytest.raises(TokenError, match="clocks") as error:
        door.admit(make_token(KEY, GRANT, 60, now=time.time() + 6 * LEEWAY), "studio")
    assert error.value.code == "token-invalid"


def test_what_a_front_has_let_in_may_be_over() -> None:
    door, now = Authenticator({}), time.time()
    assert door.readmit(OPEN, "studio") == OPEN
    assert door.readmit(Grant("studio", expires=now), "studio").expires == now
    with pytest.raises(TokenError, match="expired"):
        door.readmit(Grant("studio", expires=now - 2 * LEEWAY), "studio")


def unsigned(claims: dict[str, Any], algorithm: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT", "kid": "a"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


FORGED: dict[str, Callable[[], str]] = {
    "alg none": lambda: unsigned({"room": "studio", "exp": 2**40}, "none"),
    "no signature": lambda: unsigned({"room": "studio", "exp": 2**40}, "HS256"),
    "wrong key": lambda: make_token(Key("a", "HS256", OTHER), GRANT, 60),
    "unknown kid": lambda: make_token(Key("b", "HS256", SECRET), GRANT, 60),
    "kid of another type": lambda: unsigned({"room": "studio"}, "HS256").replace("a", "b"),
    "another algorithm": lambda: jwt.encode({"room": "studio", "exp": 2**40}, SECRET * 2, "HS512"),
    "changed claim": lambda: _tampered(make_token(KEY, Grant("attic"), 60)),
    "without expiry": lambda: jwt.encode({"room": "studio"}, SECRET, headers={"kid": "a"}),
    "without room": lambda: jwt.encode({"exp": 2**40}, SECRET, headers={"kid": "a"}),
    "not yet valid": lambda: signed({"nbf": 2**39}),
    "role": lambda: signed({"role": "operator"}),
    "backgrounds": lambda: signed({"backgrounds": "blur"}),
    "no background": lambda: signed({"backgrounds": []}),
    "screen": lambda: signed({"screen": "yes"}),
    "name": lambda: signed({"name": "x" * 100}),
    "name that is no Unicode": lambda: signed({"sub": "\ud800"}),
    "too long": lambda: signed({"filler": "x" * 5000}),
    "critical header": lambda: signed({}, crit=["b64"], b64=False),
    "not a token": lambda: "let me in",
    "no Unicode": lambda: "\udcff\udcfe",
}


def _tampered(token: str) -> str:
    header, claims, signature = token.split(".")
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    decoded["room"] = "studio"
    return (
        f"{header}.{base64.urlsafe_b64encode(json.dumps(decoded).encode()).rstrip(b'=').decode()}.{signature}"
    )


@pytest.mark.parametrize("forged", FORGED)
def test_forged_tokens_are_refused(door: Authenticator, forged: str) -> None:
    assert refusal(door, FORGED[forged]()) == "token-invalid"


def test_a_public_key_is_no_secret() -> None:
    """The classic confusion: HS256 with the public PEM as secret must not pass for EdDSA."""
    door = Authenticator(read_keys({"e": PUBLIC_PEM}))
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "kid": "e"}, {"room": "studio", "exp": 2**40})
    )
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{head}.{body}".encode(), PUBLIC_PEM.encode()
    )
    encoded = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    assert refusal(door, f"{head}.{body}.{encoded}") == "token-invalid"


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
@pytest.mark.slow
def test_garbage_is_refused_and_nothing_else_happens(token: str) -> None:
    assert refusal(Authenticator({"a": KEY}), token).startswith("token-")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("short", "32 characters"),
        ("-----BEGIN nonsense", "no usable PEM"),
        ("nowhere.pem", "No such file"),
        (
            generate_private_key(SECP256R1())
            .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            .decode(),
            "Ed25519",
        ),
        (UNKNOWN_KIND, "no usable PEM"),
    ],
)
def test_keys_that_are_none(value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as error:
        read_keys({"a": value})
    assert str(error.value).startswith("token_keys.a: ")


def test_a_public_key_signs_nothing() -> None:
    with pytest.raises(ConfigError, match="can't sign"):
        make_token(read_keys({"e": PUBLIC_PEM})["e"], GRANT, 60)


def test_what_a_token_says_wins_over_the_room() -> None:
    policy = RoomPolicy(backgrounds=("fjord", "#204060"))
    assert OPEN.restrict(policy) == policy
    assert Grant(background="blur").restrict(policy).backgrounds == ("blur",)
    assert Grant(backgrounds=("blur", "#204060")).restrict(policy).backgrounds == ("#204060",)
    assert Grant(backgrounds=("blur",)).restrict(policy).backgrounds == ("blur",)
    assert Grant(backgrounds=("blur",)).restrict(RoomPolicy()).backgrounds == ("blur",)
    assert not Grant(screen=False).restrict(policy).allows_screen("host")
    assert Grant().restrict(policy).allows_screen("host")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_may_be_open(host: str) -> None:
    check_exposure(Config(host=host))


def test_other_addresses_need_keys_or_a_word() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(ConfigError, match="--open"):
            check_exposure(Config(host=host))
        check_exposure(Config(host=host, open=True))
        check_exposure(Config(host=host, token_keys={"a": SECRET}))
