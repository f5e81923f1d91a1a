"""Posts events to the operator's URLs, signed as in Standard Webhooks 1.0.0 (standardwebhooks.com).

Never waited for by anything that carries media: an event goes into a bounded queue per URL, and one task per URL
delivers them one after another, so that they arrive in the order in which they happened.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, web
from prometheus_client import Counter

from server.config.options import Config
from server.config.values import redacted
from server.core.backoff import Backoff
from server.core.errors import ConfigError
from server.http.app_keys import ROOMS
from server.http.health import METRICS
from server.rooms.events import Event

logger = logging.getLogger(__name__)

TIMEOUT = ClientTimeout(total=10)  # seconds for one attempt; chosen
QUEUE_LIMIT = 1000  # events that wait for one URL; chosen
ATTEMPTS = 8  # for one event; with the pauses below one to two minutes; chosen
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between attempts
DRAIN_TIME = 3.0  # seconds that the end is held up for
SECRET_PREFIX, MIN_SECRET = "whsec_", 24  # the second in bytes; Standard Webhooks
TRY_AGAIN = (408, 425, 429)  # status codes: RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4

Outcome = Literal["delivered", "failed", "refused"]


class Delivery(NamedTuple):
    """One event as it is posted."""

    id: str
    body: bytes


def signing_keys(config: Config) -> list[bytes]:
    """Return the keys that sign; raise ConfigError when there is none, or one that is no good."""
    text, file = config.webhook_secret, config.webhook_secret_file
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"webhook_secret_file: {error}") from error
    if not text.split():
        raise ConfigError("webhook_urls: webhooks are signed; set webhook_secret or webhook_secret_file")
    return [_key(secret) for secret in text.split()]


def _key(secret: str) -> bytes:
    try:
        encoded = secret.removeprefix(SECRET_PREFIX)
        key = base64.b64decode(encoded, validate=True) if encoded != secret else secret.encode()
    except binascii.Error:
        raise ConfigError(f"webhook_secret: what follows {SECRET_PREFIX} is not base64") from None
    if len(key) < MIN_SECRET:
        raise ConfigError(f"webhook_secret: it has {len(key)} bytes, and needs {MIN_SECRET}")
    return key


def sign(keys: Sequence[bytes], delivery: Delivery, timestamp: int) -> dict[str, str]:
    """Return the headers that say who sent it; `timestamp` in seconds since 1970."""
    signed = f"{delivery.id}.{timestamp}.".encode() + delivery.body
    digests = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": delivery.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{digest}" for digest in digests),
    }


def describe(event: Event, *, names: bool) -> dict[str, Any]:
    """Return an event as JSON has it, without anything that names a person unless `names`."""
    moment = datetime.fromtimestamp(event.time, UTC).isoformat(timespec="milliseconds")
    told: dict[str, Any] = {"id": event.id, "event": event.kind, "time": moment, "room": event.room}
    if event.person is not None:
        told["participant"] = event.person._asdict() if names else {"id": event.person.id}
    return told | dict(event.details)


class Endpoint:
    """One URL and what waits to be posted there. Made inside a running event loop."""

    def __init__(self, url: str, keys: Sequence[bytes], session: ClientSession, outcomes: Counter) -> None:
        self._url = url
        self._keys = keys
        self._session = session
        self._outcomes = outcomes
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue(QUEUE_LIMIT)
        self._task = asyncio.get_running_loop().create_task(self._run())

    def put(self, delivery: Delivery) -> None:
        """Post it when all before it are through; when too many wait it is dropped."""
        try:
            self._queue.put_nowait(delivery)
        except asyncio.QueueFull:
            self._outcomes.labels("dropped").inc()

    async def close(self) -> None:
        """Wait a moment for what is left, and end."""
        try:
            async with asyncio.timeout(DRAIN_TIME):
                await self._queue.join()
        except TimeoutError:
            logger.warning("webhooks were not delivered before the end")
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            delivery = await self._queue.get()
            try:
                await self._deliver(delivery)
            finally:
                self._queue.task_done()

    async def _deliver(self, delivery: Delivery) -> None:
        """Try until it is taken, refused for good, or has been tried often enough."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        for attempt in range(ATTEMPTS):
            if attempt:
                self._outcomes.labels("retried").inc()
                await asyncio.sleep(backoff.pause())
            outcome = await self._post(delivery)
            if outcome == "delivered":
                self._outcomes.labels("delivered").inc()
                return
            if outcome == "refused":
                break
        self._outcomes.labels("dropped").inc()
        logger.warning("webhook %s is dropped: it could not be delivered", delivery.id)

    async def _post(self, delivery: Delivery) -> Outcome:
        headers = {"Content-Type": "application/json"} | sign(self._keys, delivery, int(time.time()))
        try:
            # A redirect is not followed: who is told is what the operator has written down.
            async with self._session.post(
                self._url, data=delivery.body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            logger.info("webhook %s failed: %s", delivery.id, type(error).__name__)
            return "failed"
        if status < 300:
            return "delivered"
        logger.info("webhook %s was answered %d", delivery.id, status)
        return "failed" if status >= 500 or status in TRY_AGAIN else "refused"


class Webhooks:
    """Posts every event to every URL. Made inside a running event loop."""

    def __init__(self, config: Config, keys: Sequence[bytes]) -> None:
        self.outcomes = Counter(
            "greenroom_webhooks", "Events to be posted, by what became of them.", ["outcome"], registry=None
        )
        for outcome in ("delivered", "retried", "dropped"):
            self.outcomes.labels(outcome)
        self._names = config.webhook_names
        self._session = ClientSession(timeout=TIMEOUT, cookie_jar=DummyCookieJar())
        self._endpoints = [Endpoint(u, keys, self._session, self.outcomes) for u in config.webhook_urls]

    def take(self, event: Event) -> None:
        """Post an event; does not wait."""
        body = json.dumps(describe(event, names=self._names), ensure_ascii=False).encode()
        for endpoint in self._endpoints:
            endpoint.put(Delivery(event.id, body))

    async def close(self) -> None:
        """Wait a moment for what is left, and end."""
        await asyncio.gather(*(endpoint.close() for endpoint in self._endpoints))
        await self._session.close()


def add_webhooks(app: web.Application, config: Config) -> None:
    """Add webhooks, if any are configured, to an application that has ROOMS. Raises ConfigError."""
    if not config.webhook_urls:
        return
    for url in config.webhook_urls:
        if not url.startswith(("https://", "http://")):
            raise ConfigError(f"webhook_urls: must be http:// or https:// URLs, not {redacted(url)!r}")
    keys = signing_keys(config)

    async def run(app: web.Application) -> AsyncIterator[None]:
        webhooks = Webhooks(config, keys)
        if METRICS in app:
            app[METRICS].registry.register(webhooks.outcomes)
        app[ROOMS].events.listen(webhooks.take)
        yield
        await webhooks.close()

    app.cleanup_ctx.append(run)
