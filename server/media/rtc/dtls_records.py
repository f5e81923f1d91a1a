"""DTLS records (RFC 6347 section 4.1, RFC 9147 section 4) that may reach OpenSSL.

Before keys are agreed on, anybody can write a record. An alert or a message of the wrong side would end the handshake,
so they are dropped; the peer that really has nothing in common with us is given up when the handshake takes too long.
"""

from __future__ import annotations

import struct
from typing import Final

HEADER: Final = struct.Struct("!BHHHIH")
"""Content type, version, epoch, sequence number (48 bits), length."""
HANDSHAKE_HEADER: Final = 12  # bytes; RFC 6347, 4.2.2
ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23  # content types, RFC 5246, 6.2.1
FROM_CLIENT: Final = frozenset({1, 11, 15, 16})
"""What a client sends in plaintext: ClientHello, Certificate, CertificateVerify, ClientKeyExchange."""
FROM_SERVER: Final = frozenset({0, 2, 3, 4, 11, 12, 13, 14, 22})
"""What a server does: HelloRequest, ServerHello, HelloVerifyRequest, NewSessionTicket, Certificate, ServerKeyExchange,
CertificateRequest, ServerHelloDone, CertificateStatus."""


def acceptable(datagram: bytes, *, server: bool) -> bool:
    """Tell whether all records of a datagram are complete, and none in plaintext is out of place.

    `server` is whether this side is the DTLS server.
    """
    rest = datagram
    while rest:
        if rest[0] & 0xE0 == 0x20:  # encrypted, DTLS 1.3: OpenSSL authenticates it
            return True
        if len(rest) < HEADER.size:
            return False
        kind, version, epoch, _, _, length = HEADER.unpack_from(rest)
        body, rest = rest[HEADER.size : HEADER.size + length], rest[HEADER.size + length :]
        if version >> 8 != 0xFE or len(body) < length:
            return False
        if epoch == 0 and not _plain(kind, body, server=server):
            return False
    return True


def _plain(kind: int, body: bytes, *, server: bool) -> bool:
    if kind in (ALERT, APPLICATION_DATA):
        return False
    if kind != HANDSHAKE:
        return True
    return len(body) >= HANDSHAKE_HEADER and body[0] in (FROM_CLIENT if server else FROM_SERVER)
