"""TLS: with the operator's certificate, or with one made here, so that phones on a LAN get a secure context."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import tempfile
from pathlib import Path

from aioice.ice import get_host_addresses
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from server.access import certificates
from server.config.options import Config
from server.core.errors import ConfigError

NAME = "Greenroom"
VALIDITY = datetime.timedelta(days=397)  # longer ones are refused by Safari
RENEWAL = datetime.timedelta(days=30)  # before its end a certificate is made anew; chosen
FILE = "self-signed.pem"


def ssl_context(config: Config) -> ssl.SSLContext | None:
    """Return what to serve HTTPS with, None for HTTP. Raises ConfigError."""
    if config.tls == "off" and config.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, config)
    return context


def load_certificate(context: ssl.SSLContext, config: Config) -> None:
    """Use the configured certificate from now on; raise ConfigError, and the one before stays."""
    if config.tls_certificate is not None:
        _load(context, config.tls_certificate, config.tls_key)
    elif config.state is not None:
        _load(context, _kept(config.state, config.public_address))
    else:
        with tempfile.TemporaryDirectory() as folder:
            _load(context, _write(Path(folder) / FILE, self_signed(_names(config.public_address))))


def _load(context: ssl.SSLContext, certificate: Path, key: Path | None = None) -> None:
    try:
        # OpenSSL drops the key that is in use before it sees that the new one does not fit.
        for each in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
            each.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror if not isinstance(error, ssl.SSLError) else error.reason or "not usable"
        raise ConfigError(f"tls_certificate {certificate}, tls_key {key}: {reason}") from error


def _kept(folder: Path, public_address: str) -> Path:
    """Return the certificate that is kept in a folder, made anew when it is missing or runs out soon."""
    file = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists() or _runs_out(file):
            _write(file, self_signed(_names(public_address)))
    except (OSError, ValueError) as error:
        raise ConfigError(f"state {folder}: {error}") from error
    return file


def _runs_out(file: Path) -> bool:
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < RENEWAL


def _write(file: Path, pem: bytes) -> Path:
    """Write a file, whole or not at all."""
    part = file.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:  # noqa: PTH123
        stream.write(pem)
    return part.replace(file)


def _names(public_address: str) -> list[str]:
    """Return what browsers of this machine and of its network may call the server."""
    addresses = get_host_addresses(use_ipv4=True, use_ipv6=True)
    names = ["localhost", "127.0.0.1", "::1", socket.gethostname(), *addresses, public_address]
    return list(dict.fromkeys(name for name in names if name))


def self_signed(names: list[str]) -> bytes:
    """Return a new P-256 key and its certificate for these DNS names and addresses, as PEM."""
    server_only = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    no_authority = x509.BasicConstraints(ca=False, path_length=None)
    alternatives = [_general_name(name) for name in names]
    return certificates.self_signed(NAME, alternatives, VALIDITY, (no_authority, True), (server_only, False))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
