"""A DTLS handshake that nobody but the peer can end."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from OpenSSL import SSL

HANDSHAKE_LIMIT: Final = 30.0
"""Seconds; a STUN transaction is given up after 39.5 (RFC 8489 section 6.2.1)."""
MAX_HANDSHAKES: Final = 8
"""Handshakes that may fail before the connection does: what comes before the peer's first message is anybody's."""


class PatientHandshake(RTCDtlsTransport):
    """An RTCDtlsTransport whose handshake begins anew when what came in has broken it."""

    _RTCDtlsTransport__local_certificate: Any

    async def _do_handshake(self) -> None:
        """As rtcdtlstransport.py:393, but what is wrong with one handshake does not end the connection."""
        assert self._ssl is not None
        failures = 0
        try:
            async with asyncio.timeout(HANDSHAKE_LIMIT):
                while not self.encrypted and failures < MAX_HANDSHAKES:
                    try:
                        self._ssl.do_handshake()
                    except SSL.WantReadError:
                        await self._write_ssl()
                        await self._recv_next()
                    except SSL.Error:
                        failures += 1
                        self._begin_handshake()
                    else:
                        self.encrypted = True
                        await self._write_ssl()
        except (ConnectionError, TimeoutError):
            self.encrypted = False
        if not self.encrypted:
            self._set_state(State.FAILED)

    def _begin_handshake(self) -> None:
        """Forget a handshake, with the alert that OpenSSL has for the peer, who may have nothing to do with it."""
        certificate = self._RTCDtlsTransport__local_certificate
        self._ssl = SSL.Connection(certificate._create_ssl_context(srtp_profiles=self._srtp_profiles))
        if self._role == "server":
            self._ssl.set_accept_state()
        else:
            self._ssl.set_connect_state()

    async def _recv_next(self) -> None:
        """As rtcdtlstransport.py:634, but a handshake's errors are left to _do_handshake, unanswered."""
        if self.encrypted:
            await super()._recv_next()
            return
        handshake = self._ssl
        assert handshake is not None
        try:
            data = await asyncio.wait_for(self.transport._recv(), handshake.DTLSv1_get_timeout())
        except TimeoutError:
            handshake.DTLSv1_handle_timeout()
            await self._write_ssl()
            return
        if 19 < data[0] < 64:
            handshake.bio_write(data)
