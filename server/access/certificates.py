"""The cluster's one secret: a certificate by which its fronts, servers and workers know each other, and its key.

It is a file on every machine, as Ray's token is. Both ends of a link prove in TLS 1.3 that they have it before a byte
of what they send is parsed; tickets are signed with a key that is derived from it.
"""

from __future__ import annotations

import datetime
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from server.core.errors import ConfigError

NAME: Final = "greenroom"
"""What every end of a link is called; addresses come and go."""
VALIDITY: Final = datetime.timedelta(days=3650)  # chosen: at its end every link of the cluster ends


def make_secret(file: Path) -> None:
    """Write a new certificate and its key, as PEM, into a file that only its owner may read; raise ConfigError.

    A file that is there already stays: another secret would cut its machine off from the cluster.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:  # noqa: PTH123
            stream.write(_pem())
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error


def _pem() -> bytes:
    return self_signed(
        NAME, [x509.DNSName(NAME)], VALIDITY, (x509.BasicConstraints(ca=True, path_length=0), True)
    )


def self_signed(
    name: str,
    alternatives: Iterable[x509.GeneralName],
    validity: datetime.timedelta,
    *extensions: tuple[x509.ExtensionType, bool],
) -> bytes:
    """Return a new P-256 key and a certificate that it signs itself, as PEM; extensions with whether they are critical.

    It is good from an hour ago, because clocks differ.
    """
    key, subject = (
        generate_private_key(SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
    )
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + validity)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem + builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def tls_context(file: Path, *, server: bool) -> ssl.SSLContext:
    """Return what one end of a link is opened with: TLS 1.3, and the other end has the same secret.

    Raises ConfigError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(file)
        context.load_verify_locations(file)
    except OSError as error:  # ssl.SSLError is one
        reason = (error.reason or "not usable") if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"the cluster's secret {file}: {reason}") from error
    return context


def ticket_key(file: Path) -> bytes:
    """Return the 32 bytes that tickets are signed with; raise ConfigError."""
    return _derive(file, b"greenroom ticket")


def ray_token(file: Path) -> str:
    """Return the token that Ray's own parts show each other; raise ConfigError."""
    return _derive(file, b"greenroom ray token").hex()


def _derive(file: Path, purpose: bytes) -> bytes:
    """Return 32 bytes of the cluster's secret for one purpose."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"the cluster's secret {file} can't be read") from error
    return derive(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), purpose)


def derive(secret: bytes, purpose: bytes) -> bytes:
    """Return 32 bytes that only who has a secret can know, and that tell nothing of it (HKDF, RFC 5869)."""
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret)
