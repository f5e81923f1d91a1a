"""The key of receipts: where it comes from, and checking receipts with it on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from server.__main__ import main
from server.config.options import Config
from server.core.errors import ConfigError, ReceiptError
from server.receipts import keys
from server.receipts.frame_counters import Frames
from server.receipts.keys import FILE, configured_key, read_public_key, signing_key
from server.receipts.receipt import Receipt, public_jwk, sign
from tests.support.full_disk import full_disk

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def receipt_of(key: Ed25519PrivateKey) -> Receipt:
    frames = Frames(received=100, filtered=80, covered=3, slated=5, repeated=2, encoded=90, sent=89)
    where = {"version": 1, "room": "studio", "participant": "p1", "start": 0, "end": 1000}
    what = {"policies": [], "model": "ab" * 32, "deviceFilter": "never", "frames": frames.describe()}
    return sign(key, where | what)


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    config = Config(state=tmp_path / "state")
    key = signing_key(config)
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o777 == 0o600
    assert signing_key(config).private_bytes_raw() == key.private_bytes_raw()
    assert signing_key(Config()).private_bytes_raw() != signing_key(Config()).private_bytes_raw()


def test_servers_that_start_at_once_have_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that finds none is late by what it takes to make one."""
    first = signing_key(Config(state=tmp_path))
    late = [None, configured_key(Config(state=tmp_path))]
    monkeypatch.setattr(keys, "configured_key", lambda config: late.pop(0))
    assert signing_key(Config(state=tmp_path)).private_bytes_raw() == first.private_bytes_raw()
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_a_full_disk_leaves_no_key_that_keeps_the_server_from_starting(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(ConfigError):
        signing_key(Config(state=tmp_path))
    assert signing_key(Config(state=tmp_path))


def test_the_key_can_be_configured(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem(KEY))
    for given in (pem(KEY).decode(), str(tmp_path / "key.pem")):
        assert signing_key(Config(receipt_key=given)).private_bytes_raw() == bytes(32)


UNKNOWN_KIND = "-----BEGIN PRIVATE KEY-----\nMBACAQAwBQYDKgMEBAQBAgME\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "given", ["nowhere.pem", "-----BEGIN PRIVATE KEY-----\nx", public_pem(KEY).decode(), UNKNOWN_KIND]
)
def test_keys_that_do_not_do(given: str) -> None:
    with pytest.raises(ConfigError, match="receipt_key") as error:
        signing_key(Config(receipt_key=given))
    assert "BEGIN" not in str(error.value)


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return int(exit_.value.code or 0)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a good receipt, and keys of all kinds."""
    (tmp_path / "receipt.json").write_text(json.dumps(receipt_of(KEY)))
    (tmp_path / "private.pem").write_bytes(pem(KEY))
    (tmp_path / "public.pem").write_bytes(public_pem(KEY))
    (tmp_path / "public.json").write_text(json.dumps(public_jwk(KEY.public_key())))
    (tmp_path / "other.pem").write_bytes(public_pem(Ed25519PrivateKey.from_private_bytes(b"x" * 32)))
    return tmp_path


@pytest.mark.parametrize("key", ["private.pem", "public.pem", "public.json"])
def test_verify_says_good(files: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", files / "receipt.json", "--key", files / key) == 0
    said = capsys.readouterr().out
    assert said.startswith("good: 100 frames of p1 came in, 89 pictures were sent, 0 of them raw; signed by ")


def test_verify_knows_the_servers_own_key(files: Path) -> None:
    assert run("verify", files / "receipt.json", "--set", f"receipt_key={files / 'private.pem'}") == 0


RECEIPT = json.dumps(receipt_of(KEY))


@pytest.mark.parametrize(
    ("content", "key", "said"),
    [
        (None, "other.pem", "names another key"),
        (None, "nowhere.pem", "No such file"),
        (None, "receipt.json", "no usable key"),
        (None, None, "--key"),
        ("{", "public.pem", "not JSON"),
        ("[" * 100_000, "public.pem", "not JSON"),
        ("\udcff", "public.pem", "not JSON"),
        ("{}", "public.pem", "not a receipt"),
        (json.dumps(receipt_of(KEY) | {"end": 1}), "public.pem", "forged or has been changed"),
        ('{"room": "forged", ' + RECEIPT[1:], "public.pem", "a name is there twice"),
        (RECEIPT.replace('"raw"', '"sent": 0, "raw"'), "public.pem", "a name is there twice"),
        (RECEIPT.replace('"end"', '"\\u0065nd": 1, "end"'), "public.pem", "a name is there twice"),
    ],
)
def test_verify_says_what_is_wrong(
    files: Path, content: str | None, key: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (files / "receipt.json").write_bytes(content.encode(errors="surrogateescape"))
    with_key: tuple[str | Path, ...] = ("--key", files / key) if key else ()
    assert run("verify", files / "receipt.json", *with_key) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("greenroom: ")
    assert error.count("\n") == 1


JWK = json.dumps(public_jwk(KEY.public_key()))


@pytest.mark.parametrize(
    "content", ['{"x": "forged", ' + JWK[1:], JWK.replace('", "kid', '!!!!", "kid'), '{"x": ' + "[" * 100_000]
)
def test_a_public_key_that_not_every_reader_reads_alike_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "key.json").write_text(content)
    with pytest.raises(ReceiptError, match=r"key\.json: no usable key"):
        read_public_key(tmp_path / "key.json")
