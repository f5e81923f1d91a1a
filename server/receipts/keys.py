"""The key that receipts are signed with: configured, kept in the state folder, or made for this process."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.access.ed25519 import private_pem, read_ed25519
from server.config.options import Config
from server.core.errors import ConfigError, ReceiptError
from server.receipts.receipt import read_json, unbase64

FILE = "receipt-key.pem"


def signing_key(config: Config) -> Ed25519PrivateKey:
    """Return the configured key, or the one in the state folder, made if need be. Raises ConfigError.

    Without either it is a new one: its receipts can be checked as long as somebody has its public half.
    """
    key = configured_key(config)
    if key is not None:
        return key
    key = Ed25519PrivateKey.generate()
    if config.state is not None:
        try:
            config.state.mkdir(parents=True, exist_ok=True)
            _write(config.state / FILE, key)
        except OSError as error:
            raise ConfigError(f"state {config.state}: {error.strerror}") from error
        return configured_key(config) or key
    return key


def configured_key(config: Config) -> Ed25519PrivateKey | None:
    """Return the key that is there already. Raises ConfigError."""
    if config.receipt_key.startswith("-----BEGIN"):
        return _private(config.receipt_key.encode(), "receipt_key")
    if config.receipt_key:
        return _private(_read(Path(config.receipt_key).expanduser(), "receipt_key"), "receipt_key")
    if config.state is None or not (config.state / FILE).exists():
        return None
    return _private(_read(config.state / FILE, "state"), f"state {config.state / FILE}")


def _read(file: Path, where: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{where}: {file}: {error.strerror}") from error


def _private(pem: bytes, where: str) -> Ed25519PrivateKey:
    try:
        key = read_ed25519(pem)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{where}: must be a private key")
    return key


def _write(file: Path, key: Ed25519PrivateKey) -> None:
    """Write a key, unless another server has just written its own; leave none behind that is not whole."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(private_pem(key))
    except OSError:
        file.unlink()
        raise


def read_public_key(file: Path) -> Ed25519PublicKey:
    """Read a key to check with: PEM, or the JSON Web Key that a server shows. Raises ReceiptError."""
    try:
        data = file.read_bytes()
        if data.lstrip().startswith(b"{"):
            return Ed25519PublicKey.from_public_bytes(unbase64(read_json(data)["x"]))
        key = read_ed25519(data)
    except OSError as error:
        raise ReceiptError(f"{file}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ReceiptError(f"{file}: no usable key: {error}") from error
    return key.public_key() if isinstance(key, Ed25519PrivateKey) else key
