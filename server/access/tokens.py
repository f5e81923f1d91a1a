"""Who may come in: signed tokens (JWT, RFC 7519) that say which room, who, and what is allowed there.

The algorithm is the key's, never the token's: HS256 for a secret, EdDSA (RFC 8037) for an Ed25519 key. Several
keys may be valid at a time; a token names its own by `kid`, so that keys can be replaced one after another.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.access.ed25519 import read_ed25519
from server.access.policy import Role, RoomPolicy, participant_name, room_name
from server.config.options import Config
from server.core.errors import ConfigError, SignalingError, TokenError
from server.core.messages import background_id

MIN_SECRET = 32  # characters; RFC 7518, section 3.2
MAX_TOKEN = 4096  # characters; chosen, so that no more is decoded
MAX_IDENTITY = 128  # characters; chosen
LEEWAY = 10.0  # seconds that clocks may differ; chosen
ANY_ROOM = "*"
JTI = "jti:"  # before what a token is known by that has an id (RFC 7519, section 4.1.7)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows; without arguments it is what anybody may do on an open server."""

    room: str = ANY_ROOM
    identity: str = ""
    name: str = ""
    role: Role | None = None
    """None: whoever comes first is host."""
    backgrounds: tuple[str, ...] | None = None
    background: str | None = None
    """The only one, if there is one."""
    screen: bool = True
    recording: bool | None = None
    """Whether the holder, as a host, may have the room recorded; None: as the room's policy says."""
    files: bool | None = None
    """Whether the holder may put files into the chat; None: as the room's policy says."""
    device_filter: bool = False
    """Whether the holder has to filter the camera on the device, whatever the room's policy."""
    pin: str = ""
    """What `pins.pin_digest` makes of the PIN that is asked for besides the token, if there is one."""
    token: str = field(default="", compare=False)
    """What this token is known by, where it names nobody: its `jti`, or else its own checksum."""
    expires: float | None = field(default=None, compare=False)
    """Until when, in seconds since 1970."""

    @property
    def holder(self) -> str:
        """Who it is, as far as can be told: the same for every token of one identity; empty without tokens."""
        return f"sub:{self.identity}" if self.identity else self.token

    @property
    def invitation(self) -> str:
        """The token's `jti`, or nothing."""
        return self.token.removeprefix(JTI) if self.token.startswith(JTI) else ""

    def invite(self, room: str, role: Role, *, pin: str, jti: str) -> Grant:
        """Return what whoever is invited by the holder may do: no more than the holder by right."""
        recording, files = (False if each is False else None for each in (self.recording, self.files))
        return replace(
            self,
            room=room,
            role=role if self.role == "host" else "guest",
            recording=recording,
            files=files,
            identity="",
            name="",
            pin=pin,
            token=JTI + jti,
        )

    def restrict(self, policy: RoomPolicy) -> RoomPolicy:
        """Return what the room's policy means for the holder; what the token forces or lists, wins."""
        if not self.screen:
            policy = replace(policy, screen_share="off")
        if self.device_filter:
            policy = replace(policy, device_filter="required")
        if self.recording is not None:
            policy = replace(policy, recording=self.recording)
        if self.files is not None:
            policy = replace(policy, files=self.files)
        if self.background is not None:
            return replace(policy, backgrounds=(self.background,))
        if self.backgrounds is None:
            return policy
        both = tuple(name for name in self.backgrounds if policy.allows_background(name))
        return replace(policy, backgrounds=both or self.backgrounds)

    def claims(self) -> dict[str, Any]:
        """Return the claims of a token for this."""
        claims = {
            "room": self.room,
            "sub": self.identity,
            "name": self.name,
            "role": self.role,
            "backgrounds": None if self.backgrounds is None else list(self.backgrounds),
            "background": self.background,
            "screen": self.screen,
            "recording": self.recording,
            "files": self.files,
            "deviceFilter": self.device_filter or None,
            "pin": self.pin,
            "jti": self.invitation,
        }
        return {key: value for key, value in claims.items() if value not in (None, "")}

    def state(self) -> dict[str, Any]:
        """Return what `grant_of_state` reads: the claims, until when, and what a token without names is known by."""
        return self.claims() | {"exp": self.expires, "known": self.token}


OPEN = Grant()

_Key: TypeAlias = str | Ed25519PrivateKey | Ed25519PublicKey


class Key(NamedTuple):
    """A key and the one algorithm that it is good for."""

    kid: str
    algorithm: Literal["HS256", "EdDSA"]
    key: _Key

    @property
    def verifier(self) -> str | Ed25519PublicKey:
        """What signatures are checked with."""
        return self.key.public_key() if isinstance(self.key, Ed25519PrivateKey) else self.key

    @property
    def secret(self) -> bytes | None:
        """What only those have who sign with this key; None for a public key."""
        if isinstance(self.key, Ed25519PublicKey):
            return None
        return self.key.encode() if isinstance(self.key, str) else self.key.private_bytes_raw()


def read_keys(keys: Mapping[str, str]) -> dict[str, Key]:
    """Return the configured keys by kid. Raises ConfigError, which never shows a key."""
    return {kid: _read_key(kid, value) for kid, value in keys.items()}


def _read_key(kid: str, value: str) -> Key:
    where = f"token_keys.{kid}"
    if value.startswith("-----BEGIN"):
        return Key(kid, "EdDSA", _ed25519(value.encode(), where))
    if value.endswith(".pem"):
        try:
            return Key(kid, "EdDSA", _ed25519(Path(value).expanduser().read_bytes(), where))
        except OSError as error:
            raise ConfigError(f"{where}: {value}: {error.strerror}") from error
    if len(value) < MIN_SECRET:
        raise ConfigError(f"{where}: a secret has {MIN_SECRET} characters or more")
    return Key(kid, "HS256", value)


def _ed25519(pem: bytes, where: str) -> Ed25519PrivateKey | Ed25519PublicKey:
    try:
        return read_ed25519(pem)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def grant_of(claims: Mapping[str, Any]) -> Grant:
    """Read the claims of a token that is ours; what is malformed is refused as a whole, not ignored."""
    try:
        room, name = _text(claims, "room", required=True), _text(claims, "name")
        background = _text(claims, "background")
        return Grant(
            room if room == ANY_ROOM else room_name(room),
            _text(claims, "sub"),
            participant_name(name) if name else "",
            _role(claims.get("role")),
            _backgrounds(claims.get("backgrounds")),
            background_id(background) if background else None,
            _flag(claims, "screen", default=True),
            _choice(claims, "recording"),
            files=_choice(claims, "files"),
            device_filter=_flag(claims, "deviceFilter", default=False),
            pin=_pin(claims),
            token=JTI + jti if (jti := _text(claims, "jti")) else "",
            expires=_number(claims, "exp"),
        )
    except (ValueError, SignalingError) as error:
        raise TokenError("token-invalid", f"A claim of this token can't be used: {error}.") from None


def grant_of_state(state: Mapping[str, Any]) -> Grant:
    """Read what a server of ours has made of a grant for another; raise TokenError for what is malformed."""
    grant, known = grant_of(state), state.get("known")
    return replace(grant, token=known) if isinstance(known, str) else grant


def _text(claims: Mapping[str, Any], claim: str, *, required: bool = False) -> str:
    value = claims.get(claim, "")
    if not isinstance(value, str) or len(value) > MAX_IDENTITY or (required and not value):
        raise ValueError(claim)
    value.encode()  # an escape like "\ud800" makes a text that is no Unicode
    return value


def _pin(claims: Mapping[str, Any]) -> str:
    pin = _text(claims, "pin")
    if pin and not _text(claims, "jti"):
        raise ValueError("pin without jti")
    return pin


def _number(claims: Mapping[str, Any], claim: str) -> float | None:
    value = claims.get(claim)
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise ValueError(claim)
    return float(value)


def _role(value: object) -> Role:
    if value == "host":
        return "host"
    if value in (None, "guest"):
        return "guest"
    raise ValueError("role")


def _backgrounds(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError("backgrounds")
    return tuple(dict.fromkeys(background_id(name) for name in value))


def _flag(claims: Mapping[str, Any], claim: str, *, default: bool) -> bool:
    value = claims.get(claim, default)
    if not isinstance(value, bool):
        raise ValueError(claim)
    return value


def _choice(claims: Mapping[str, Any], claim: str) -> bool | None:
    return None if claims.get(claim) is None else _flag(claims, claim, default=False)


def make_token(key: Key, grant: Grant, lifetime: float, now: float | None = None) -> str:
    """Return a token for a grant, valid for `lifetime` seconds. Raises ConfigError for a public key."""
    if isinstance(key.key, Ed25519PublicKey):
        raise ConfigError(f"token_keys.{key.kid}: a public key can't sign")
    start = int(time.time() if now is None else now)
    claims = grant.claims() | {"iat": start, "exp": start + int(lifetime)}
    return jwt.encode(claims, key.key, algorithm=key.algorithm, headers={"kid": key.kid})


def check_exposure(config: Config) -> None:
    """Raise ConfigError when anybody from elsewhere could come in and nobody said that this is meant."""
    if config.token_keys or config.open or is_private(config):
        return
    raise ConfigError(
        f"host {config.host}: without token_keys anybody who reaches the server could join any room; "
        "configure keys, or say --open"
    )


def is_private(config: Config) -> bool:
    """Tell whether nothing but the loopback interface keeps strangers out."""
    return not config.token_keys and not config.open and _is_loopback(config.host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
