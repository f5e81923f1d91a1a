"""What a room and a participant may be called and may do. Pure rules: no I/O, no media."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from server.core.errors import SignalingError
from server.core.messages import background_id, one_of

ROOM_NAME = re.compile(r"[a-z0-9._-]{1,64}", re.IGNORECASE)
MAX_NAME = 64  # characters; chosen
MAX_CHAT = 2000  # characters; chosen
MAX_CAPTION = 300  # characters; chosen: four lines on a phone
MAX_LISTED = 64  # backgrounds that a policy may name; chosen
NOT_IN_NAMES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
MAX_RAW_NAME = 1024  # characters of what is given that are looked at
MAX_RAW_CHAT = 4 * MAX_CHAT  # the same: longer texts would keep the event loop; chosen
JOINERS = ("\u200c", "\u200d")
FIRST_JOINED = 0x0600
"""The first code point of a script with shapes that joiners change: Arabic; Indic scripts and emoji come later."""
BLANK = ("\u115f", "\u1160", "\u2800", "\u3164", "\uffa0")
"""Letters and symbols of no shape: fillers of Hangul, and the empty pattern of Braille."""
MAX_ACCENTS = 4  # on one letter; Vietnamese has two, Hebrew three
LOOKALIKE = frozenset({"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC"})
MAX_FILE_NAME = 120  # characters; file systems take 255 bytes
MAX_ENDING = 16  # of these, for what follows the last dot; chosen
NOT_IN_FILE_NAMES = re.compile(r'[<>:"|?*]')
"""What some systems don't take in the name of a file, besides the separators of folders."""
NOT_IN_TEXT = ("Cs", "Cn")
OVERRIDES = ("\u202d", "\u202e")
"""They show text backwards, as no language needs it (UAX 9, section 2.2), and addresses as others."""
REACTIONS = ("👍", "❤️", "😂", "😮", "👏", "🎉")
BLURS = ("blur", "blur-strong")
"""From the less private to the more private one; colours, pictures and clips hide all of a room."""
OPAQUE = "#35506b"  # a calm blue of the page's palette, where nothing else hides as much as what somebody had

Role = Literal["host", "guest"]
ROLES: tuple[Role, ...] = ("guest", "host")
Backgrounds: TypeAlias = Literal["any", "blur"] | tuple[str, ...]
"""What may be behind people: anything, the two blurs, or just these, of which the first is the default."""
ScreenShare = Literal["allowed", "hosts", "off"]
Unmute = Literal["allowed", "hosts"]
"""Whether people unmute themselves, or hosts have to allow it."""
DeviceFilter = Literal["optional", "required"]
"""Whether cameras have to be filtered on the devices already, by the word of whoever sends."""
SCREEN_SHARE: tuple[ScreenShare, ...] = ("allowed", "hosts", "off")
UNMUTE: tuple[Unmute, ...] = ("allowed", "hosts")
DEVICE_FILTER: tuple[DeviceFilter, ...] = ("optional", "required")


def privacy_of(background: str) -> int:
    """Return the place of a background in the order of privacy: soft blur, strong blur, whatever hides everything."""
    return BLURS.index(background) if background in BLURS else len(BLURS)


@dataclass(frozen=True, slots=True)
class RoomPolicy:
    """What the hosts of a room have decided. Immutable: `changed` makes another one."""

    locked: bool = False
    waiting_room: bool = False
    backgrounds: Backgrounds = "any"
    screen_share: ScreenShare = "allowed"
    recording: bool = False
    device_filter: DeviceFilter = "optional"
    unmute: Unmute = "allowed"
    captions: bool = True
    files: bool = False
    """Whether files may be put into the chat."""

    def describe(self) -> dict[str, Any]:
        """Return the Policy of the signalling protocol."""
        listed = isinstance(self.backgrounds, tuple)
        return {
            "locked": self.locked,
            "waitingRoom": self.waiting_room,
            "backgrounds": list(self.backgrounds) if listed else self.backgrounds,
            "screenShare": self.screen_share,
            "recording": self.recording,
            "deviceFilter": self.device_filter,
            "unmute": self.unmute,
            "captions": self.captions,
            "files": self.files,
        }

    def changed(self, wish: Mapping[str, object]) -> RoomPolicy:
        """Return this policy with the parts of a protocol Policy replaced; raise SignalingError bad-message."""
        policy = self
        if "locked" in wish:
            policy = replace(policy, locked=_flag(wish["locked"], "locked"))
        if "waitingRoom" in wish:
            policy = replace(policy, waiting_room=_flag(wish["waitingRoom"], "waitingRoom"))
        if "backgrounds" in wish:
            policy = replace(policy, backgrounds=_backgrounds(wish["backgrounds"]))
        if "screenShare" in wish:
            policy = replace(policy, screen_share=one_of(wish, "screenShare", SCREEN_SHARE))
        if "recording" in wish:
            policy = replace(policy, recording=_flag(wish["recording"], "recording"))
        if "deviceFilter" in wish:
            policy = replace(policy, device_filter=one_of(wish, "deviceFilter", DEVICE_FILTER))
        if "unmute" in wish:
            policy = replace(policy, unmute=one_of(wish, "unmute", UNMUTE))
        if "captions" in wish:
            policy = replace(policy, captions=_flag(wish["captions"], "captions"))
        if "files" in wish:
            policy = replace(policy, files=_flag(wish["files"], "files"))
        return policy

    def allows_background(self, background: str) -> bool:
        """Tell whether a background may be used; it must be a canonical id."""
        if self.backgrounds == "any":
            return True
        return background in (BLURS if self.backgrounds == "blur" else self.backgrounds)

    def default_background(self, usual: str, instead_of: str = BLURS[0]) -> str:
        """Return what is behind people instead of something that is forbidden or gone: the usual one if possible.

        It is no less private than what it replaces, as long as anything allowed is; else the most private there is.
        """
        listed = self.backgrounds if isinstance(self.backgrounds, tuple) else BLURS
        allowed = [each for each in (usual, *listed) if self.allows_background(each)]
        if self.backgrounds == "any":
            allowed.append(OPAQUE)
        private = (each for each in allowed if privacy_of(each) >= privacy_of(instead_of))
        return next(private, max(allowed, key=privacy_of))

    def allows_upload(self, role: Role) -> bool:
        """Tell whether a picture may be uploaded: by hosts always, because they make the lists."""
        return role == "host" or self.backgrounds == "any"

    def allows_camera(self, *, device_filter: bool) -> bool:
        """Tell whether a camera's picture may be passed on, given whether its sender says to have filtered it."""
        return device_filter or self.device_filter == "optional"

    def allows_screen(self, role: Role) -> bool:
        """Tell whether a screen may be shared."""
        return self.screen_share == "allowed" or (self.screen_share == "hosts" and role == "host")


def room_name(value: str) -> str:
    """Return the canonical form of a room's name, or raise SignalingError bad-room."""
    if not ROOM_NAME.fullmatch(value) or value in (".", ".."):
        raise SignalingError(
            "bad-room", "A room name has 1 to 64 letters, digits, dots, dashes or underscores.", fatal=True
        )
    return value.lower()


def participant_name(value: str) -> str:
    """Return the name as it is shown, or raise SignalingError bad-name.

    Compatibility forms become plain (UAX 15), blanks one space, and what is not seen goes: control characters, those
    that turn the direction of text, joiners where nothing is joined, piles of accents. A word that mixes alphabets
    which look alike (UTS 39, section 5.1) is refused.
    """
    shown: list[str] = []
    for each in unicodedata.normalize("NFKC", value[:MAX_RAW_NAME]):
        if _is_shown(each, shown):
            shown.append(each)
    joined = (
        c for i, c in enumerate(shown) if c not in JOINERS or _joins(shown[i - 1 : i], shown[i + 1 : i + 2])
    )
    name = " ".join("".join(joined).split())
    if not 1 <= len(name) <= MAX_NAME:
        raise SignalingError("bad-name", f"A name has 1 to {MAX_NAME} characters.", fatal=True)
    for word in name.split():
        if len({alphabet for c in word if (alphabet := _alphabet(c)) in LOOKALIKE}) > 1:
            raise SignalingError("bad-name", "A word of a name is of one alphabet.", fatal=True)
    return name


def _is_shown(each: str, before: list[str]) -> bool:
    """Tell whether a character is seen in a name, after those before it."""
    category = unicodedata.category(each)
    if category in ("Mn", "Me"):
        return any(unicodedata.category(c) not in ("Mn", "Me") for c in before[-MAX_ACCENTS:])
    if each in JOINERS:
        return True
    return category not in NOT_IN_NAMES and each not in BLANK


def _joins(before: list[str], after: list[str]) -> bool:
    """Tell whether a joiner between them can matter: emoji, and scripts whose letters change shape."""
    return all(side and ord(side[0]) >= FIRST_JOINED for side in (before, after))


def _alphabet(each: str) -> str:
    return unicodedata.name(each, "").partition(" ")[0] if each.isalpha() else ""


def file_name(value: str) -> str:
    """Return the name of a file as it is shown and saved: without folders, and `file` where nothing is left.

    As with people's names, what is not seen goes, or turns the direction of text.
    """
    shown: list[str] = []
    for each in unicodedata.normalize("NFC", value[-MAX_RAW_NAME:]).replace("\\", "/").rpartition("/")[2]:
        if _is_shown(each, shown) and each not in JOINERS:
            shown.append(each)
    name = " ".join(NOT_IN_FILE_NAMES.sub("_", "".join(shown)).split()).strip(". ")
    if len(name) > MAX_FILE_NAME:
        stem, dot, ending = name.rpartition(".")
        ending = dot + ending if len(ending) <= MAX_ENDING else ""
        name = (stem if ending else name)[: MAX_FILE_NAME - len(ending)] + ending
    return name or "file"


def chat_text(value: str) -> str:
    """Return the text without surrounding space and without control characters but line breaks and tabs.

    Raises SignalingError bad-message when nothing is left, or too much.
    """
    if len(value) > MAX_RAW_CHAT:
        raise SignalingError("bad-message", f"A chat message has 1 to {MAX_CHAT} characters.")
    kept = (c for c in value if c in "\n\t" or _is_text(c))
    text = "".join(kept).strip()
    if not 1 <= len(text) <= MAX_CHAT:
        raise SignalingError("bad-message", f"A chat message has 1 to {MAX_CHAT} characters.")
    return text


def caption_text(value: str) -> str:
    """Return the text as one line, without control characters.

    Raises SignalingError bad-message when nothing is left, or too much.
    """
    text = ""
    if len(value) <= MAX_CAPTION:
        kept = (c for c in value if c.isspace() or _is_text(c))
        text = " ".join("".join(kept).split())
    if not text:
        raise SignalingError("bad-message", f"A caption has 1 to {MAX_CAPTION} characters.")
    return text


def _is_text(each: str) -> bool:
    return unicodedata.category(each) not in (*NOT_IN_TEXT, "Cc") and each not in OVERRIDES


def reaction(value: str) -> str:
    """Return a reaction that is on the list, or raise SignalingError bad-message."""
    if value not in REACTIONS:
        raise SignalingError("bad-message", f"A reaction is one of {' '.join(REACTIONS)}.")
    return value


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise SignalingError("bad-message", f"The field {name} must be true or false.")
    return value


def _backgrounds(value: object) -> Backgrounds:
    if value == "any":
        return "any"
    if value == "blur":
        return "blur"
    if isinstance(value, list) and 1 <= len(value) <= MAX_LISTED and all(isinstance(v, str) for v in value):
        return tuple(dict.fromkeys(background_id(v) for v in value))
    raise SignalingError(
        "bad-message", f"The field backgrounds must be 'any', 'blur' or a list of 1 to {MAX_LISTED} ids."
    )
