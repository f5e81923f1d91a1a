"""Ed25519 keys in PEM files, as operators configure them."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)


def read_ed25519(pem: bytes) -> Ed25519PrivateKey | Ed25519PublicKey:
    """Return the key of a PEM file. Raises ValueError, which says what it is not."""
    try:
        key = load_pem_private_key(pem, None) if b"PRIVATE" in pem else load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("no usable PEM file") from error
    if not isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        raise ValueError("must be an Ed25519 key")
    return key


def private_pem(key: Ed25519PrivateKey | None = None) -> bytes:
    """Return a key as an unencrypted PEM file, a new one if none is given."""
    key = key or Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
