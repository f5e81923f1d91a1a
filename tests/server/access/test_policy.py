"""Names, texts, and what a room's policy allows."""

import unicodedata
from collections.abc import Callable

import pytest

from server.access.policy import (
    MAX_CAPTION,
    MAX_CHAT,
    OPAQUE,
    Role,
    RoomPolicy,
    ScreenShare,
    caption_text,
    chat_text,
    file_name,
    participant_name,
    reaction,
    room_name,
)
from server.core.errors import SignalingError
from server.core.messages import background_id


@pytest.mark.parametrize("name", ["", "a b", "../x", "ä", "a" * 65, "..", "a/b", "a\n"])
def test_bad_room_names(name: str) -> None:
    with pytest.raises(SignalingError) as error:
        room_name(name)
    assert error.value.code == "bad-room"


def test_room_names_ignore_case() -> None:
    assert room_name("Studio-1.x_y") == "studio-1.x_y"


@pytest.mark.parametrize("name", ["", "  ", "\x00\n", "x" * 65])
def test_bad_names(name: str) -> None:
    with pytest.raises(SignalingError) as error:
        participant_name(name)
    assert error.value.code == "bad-name"


@pytest.mark.parametrize("name", ["Ada", "עדה", "👩‍👩‍👧", "O'Neil <b>", "x" * 64])
def test_names_of_all_kinds(name: str) -> None:
    assert participant_name(f" {name}\n") == name


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\u202eadA\u202c", "adA"),
        ("Ada\u2066\u2069\u200e\u200f\u061c", "Ada"),
        ("A\u200bd\u200ca\u200d\ufeff\u00ad\u2060\u180e", "Ada"),
        ("Ada\U000e0041\U000e007f", "Ada"),
        ("Ａｄａ", "Ada"),
        ("𝐀𝐝𝐚", "Ada"),
        ("Ada\u3000\u00a0 \u2003B", "Ada B"),
        ("\u3164Ada\u2800\u115f", "Ada"),
        ("A" + "\u0300\u0301" * 20, "\u00c0" + "\u0301\u0300\u0301\u0300"),
        ("نمی\u200cخواهم", "نمی\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("שָׁלוֹם", "שָׁלוֹם"),
        ("Nguyễn", "Nguyễn"),
        ("Иван Ivanov", "Иван Ivanov"),
        ("Σωκράτης", "Σωκράτης"),
    ],
)
def test_what_is_not_seen_is_not_in_a_name(given: str, shown: str) -> None:
    assert participant_name(given) == unicodedata.normalize("NFKC", shown)
    assert participant_name(participant_name(given)) == participant_name(given)


@pytest.mark.parametrize(
    "name", ["\u0410da", "Ad\u0430", "\u0391da", "p\u0430yp\u0430l", "\u13aada", "\u200b\u202e\u3164"]
)
def test_lookalikes_of_other_alphabets_are_refused(name: str) -> None:
    with pytest.raises(SignalingError) as error:
        participant_name(name)
    assert error.value.code == "bad-name"


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00\x07", "x" * (MAX_CHAT + 1)])
def test_bad_chat(text: str) -> None:
    with pytest.raises(SignalingError) as error:
        chat_text(text)
    assert (error.value.code, error.value.fatal) == ("bad-message", False)


def test_chat_keeps_lines_and_loses_control_characters() -> None:
    assert chat_text(" one\n\ttwo\x1b[31m 👩‍👩‍👧 <b> \n") == "one\n\ttwo[31m 👩‍👩‍👧 <b>"


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00\x07", "x" * (MAX_CAPTION + 1)])
def test_bad_captions(text: str) -> None:
    with pytest.raises(SignalingError) as error:
        caption_text(text)
    assert (error.value.code, error.value.fatal) == ("bad-message", False)


def test_a_caption_is_one_line_without_control_characters() -> None:
    assert caption_text(" one\n\ttwo\x1b[31m  👩‍👩‍👧 <b> \n") == "one two[31m 👩‍👩‍👧 <b>"


@pytest.mark.parametrize("shown", [chat_text, caption_text])
def test_no_text_is_turned_round(shown: Callable[[str], str]) -> None:
    """Marks of direction stay, as Arabic and Hebrew need them among numbers and foreign words."""
    assert shown("https://a.example/\u202emoc.knab \u202dx \u200fمرحبا\u2067 1") == (
        "https://a.example/moc.knab x \u200fمرحبا\u2067 1"
    )


def test_reactions_are_those_on_the_list() -> None:
    assert reaction("👍") == "👍"
    with pytest.raises(SignalingError):
        reaction("🍕")


@pytest.mark.parametrize(
    ("given", "canonical"), [("Blur", "blur"), ("#AABBCC", "#aabbcc"), ("upload:Aa", "upload:Aa")]
)
def test_background_ids(given: str, canonical: str) -> None:
    assert background_id(given) == canonical


@pytest.mark.parametrize(
    ("backgrounds", "allowed", "forbidden", "default"),
    [
        ("any", {"blur", "fjord", "#102030", "upload:x"}, set[str](), "blur"),
        ("blur", {"blur", "blur-strong"}, {"fjord", "#102030", "upload:x"}, "blur"),
        (["Fjord", "#102030"], {"fjord", "#102030"}, {"blur", "upload:x"}, "fjord"),
        (["fjord", "blur"], {"fjord", "blur"}, {"blur-strong"}, "blur"),
    ],
)
def test_backgrounds(backgrounds: object, allowed: set[str], forbidden: set[str], default: str) -> None:
    policy = RoomPolicy().changed({"backgrounds": backgrounds})
    assert all(policy.allows_background(b) for b in allowed)
    assert not any(policy.allows_background(b) for b in forbidden)
    assert policy.default_background("blur") == default


@pytest.mark.parametrize(
    ("usual", "default"), [("fjord", "blur"), ("blur-strong", "blur-strong"), ("blur", "blur")]
)
def test_the_default_where_only_blur_is_allowed(usual: str, default: str) -> None:
    assert RoomPolicy(backgrounds="blur").default_background(usual) == default


@pytest.mark.parametrize(
    ("share", "role", "allowed"),
    [
        ("allowed", "guest", True),
        ("hosts", "guest", False),
        ("hosts", "host", True),
        ("off", "guest", False),
        ("off", "host", False),
    ],
)
def test_screens(share: ScreenShare, role: Role, allowed: bool) -> None:
    assert RoomPolicy(screen_share=share).allows_screen(role) is allowed


def test_hosts_may_upload_what_they_want_to_list() -> None:
    assert RoomPolicy().allows_upload("guest")
    assert not RoomPolicy(backgrounds="blur").allows_upload("guest")
    assert RoomPolicy(backgrounds="blur").allows_upload("host")


def test_a_change_keeps_the_rest() -> None:
    policy = RoomPolicy(locked=True).changed({"waitingRoom": True, "screenShare": "off", "unknown": 1})
    assert policy.describe() == {
        "locked": True,
        "waitingRoom": True,
        "backgrounds": "any",
        "screenShare": "off",
        "recording": False,
        "deviceFilter": "optional",
        "unmute": "allowed",
        "captions": True,
        "files": False,
    }


@pytest.mark.parametrize(
    "wish",
    [
        {"locked": 1},
        {"waitingRoom": "yes"},
        {"backgrounds": []},
        {"backgrounds": ["fjord", 1]},
        {"backgrounds": "pictures"},
        {"backgrounds": [str(i) for i in range(65)]},
        {"screenShare": True},
        {"deviceFilter": True},
        {"captions": "yes"},
        {"files": "allowed"},
        {"locked": True, "screenShare": "never"},
    ],
)
def test_nonsense_changes_nothing(wish: dict[str, object]) -> None:
    with pytest.raises(SignalingError) as error:
        RoomPolicy().changed(wish)
    assert error.value.code == "bad-message"


@pytest.mark.parametrize(
    ("backgrounds", "instead_of", "default"),
    [
        (["blur", "blur-strong", "fjord"], "loft", "fjord"),
        (["blur", "blur-strong", "fjord"], "#102030", "fjord"),
        (["blur", "blur-strong"], "upload:x", "blur-strong"),
        (["blur", "fjord"], "blur-strong", "fjord"),
        ("blur", "fjord", "blur-strong"),
        ("blur", "blur", "blur"),
        ("any", "upload:gone", OPAQUE),
    ],
)
def test_nobody_is_moved_to_less_privacy_where_there_is_as_much(
    backgrounds: object, instead_of: str, default: str
) -> None:
    policy = RoomPolicy().changed({"backgrounds": backgrounds})
    assert policy.default_background("blur", instead_of) == default


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("notes of today.pdf", "notes of today.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\notes.txt", "notes.txt"),
        ("/", "file"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ("a\0b\r\nc\td.txt", "abcd.txt"),
        ("picture\u202egpj.exe", "picturegpj.exe"),
        ('a<b>"c|d?e*f:g', "a_b__c_d_e_f_g"),
        ("  two   blanks .txt. ", "two blanks .txt"),
        ("Cafe\u0301.png", "Café.png"),
        ("a" + "\u0301" * 50 + ".txt", "á" + "\u0301" * 4 + ".txt"),
        ("\udcff\ud800x", "x"),
        ("会議.docx", "会議.docx"),
        ("x" * 5000 + ".tar.gz", "x" * 117 + ".gz"),
        ("x" * 200, "x" * 120),
        ("x." + "y" * 200, "x." + "y" * 118),
    ],
)
def test_names_of_files_lead_nowhere_and_hide_nothing(given: str, shown: str) -> None:
    assert file_name(given) == shown
