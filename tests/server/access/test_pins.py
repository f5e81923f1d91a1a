"""PINs: what is asked for, how often one may be wrong, and what a token tells of its own."""

from __future__ import annotations

import itertools
import logging

import pytest

from server.access.authenticator import Authenticator
from server.access.pins import (
    ADDRESS_BURST,
    ADDRESS_RATE,
    DOOR_BURST,
    MAX_COUNTED,
    PinGuard,
    Proof,
    is_same,
    pin_digest,
    pin_of,
)
from server.access.tokens import JTI, Grant, Key, make_token, read_keys
from server.core.errors import SignalingError, TokenError
from tests.server.access.test_tokens import PRIVATE_PEM, PUBLIC_PEM

PIN, WRONG = "482913", "482914"


class Clock:
    """A clock that goes only when it is told to, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def refusal(guard: PinGuard, pin: str, address: str = "", door: str = "room") -> str | None:
    try:
        guard.expect(door, Proof(pin, address=address), lambda given: is_same(given, PIN))
    except TokenError as error:
        return error.code if error.fatal else "not fatal"
    return None


@pytest.mark.parametrize("pin", ["", "12345", "1234567890123", "12345a", "١٢٣٤٥٦", " 123456"])
def test_what_is_no_pin(pin: str) -> None:
    with pytest.raises(SignalingError) as error:
        pin_of(pin)
    assert error.value.code == "bad-message"
    assert not pin or pin not in error.value.message


def test_the_right_one_and_all_others() -> None:
    guard = PinGuard(Clock())
    assert refusal(guard, "") == "pin-missing"
    assert refusal(guard, WRONG) == "pin-wrong"
    assert refusal(guard, "ü" * 1000) == "pin-wrong"
    assert refusal(guard, PIN) is None


def test_an_address_that_errs_waits_and_right_ones_cost_nothing() -> None:
    clock = Clock()
    guard = PinGuard(clock)
    assert all(refusal(guard, PIN, "a") is None for _ in range(3 * ADDRESS_BURST))
    assert [refusal(guard, WRONG, "a") for _ in range(ADDRESS_BURST)] == ["pin-wrong"] * ADDRESS_BURST
    assert refusal(guard, PIN, "a") == "too-many-pins"
    assert refusal(guard, PIN, "b") is None
    clock.now = 1 / ADDRESS_RATE + 1
    assert refusal(guard, PIN, "a") is None


def test_a_door_is_guarded_from_many_addresses_together() -> None:
    guard = PinGuard(Clock())
    tried = [refusal(guard, WRONG, str(n)) for n in range(DOOR_BURST)]
    assert tried == ["pin-wrong"] * DOOR_BURST
    assert refusal(guard, PIN, "another") == "too-many-pins"
    assert refusal(guard, PIN, "another", door="elsewhere") is None


@pytest.mark.slow
def test_what_is_counted_is_bounded() -> None:
    guard = PinGuard(Clock())
    for n in range(MAX_COUNTED + 10):
        refusal(guard, WRONG, str(n), door=str(n))
    assert len(guard._buckets) == MAX_COUNTED  # doors and addresses together


def token(key: Key, pin: str) -> str:
    secret = key.secret
    assert secret is not None
    return make_token(key, Grant("studio", pin=pin_digest(secret, "one", pin), token=JTI + "one"), 60)


@pytest.mark.parametrize("key", ["north-" * 6, PRIVATE_PEM], ids=["HS256", "EdDSA"])
def test_a_token_with_a_pin(key: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = read_keys({"a": key})
    door, link = Authenticator(keys), token(keys["a"], PIN)
    assert PIN not in link
    for pin, code in (("", "pin-missing"), (WRONG, "pin-wrong")):
        with pytest.raises(TokenError) as error:
            door.admit(link, "studio", Proof(pin))
        assert error.value.code == code
    assert door.admit(link, "studio", Proof(PIN)).invitation == "one"
    assert PIN not in caplog.text
    assert PIN not in repr(Proof(PIN))


def test_a_public_key_can_check_no_pin() -> None:
    link = token(read_keys({"a": PRIVATE_PEM})["a"], PIN)
    with pytest.raises(TokenError) as error:
        Authenticator(read_keys({"a": PUBLIC_PEM})).admit(link, "studio", Proof(PIN))
    assert error.value.code == "token-invalid"


def test_the_same_pin_looks_different_everywhere() -> None:
    told = {
        pin_digest(secret, jti, pin)
        for secret, jti, pin in itertools.product((b"a", b"b"), ("1", "2"), (PIN, WRONG))
    }
    assert len(told) == 8
