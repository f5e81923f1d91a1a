"""The list of a room's invitations: kept over a restart, bounded, and closed when it can't be read."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from server.access.invitations import MAX_INVITATIONS, Invitation, Invitations
from server.core.errors import SignalingError
from tests.server.access.test_pins import Clock


def invitation(name: str, expires: float = 100.0) -> Invitation:
    return Invitation(name, "guest", expires, pin=False, by="Ada")


def code(kept: Invitations, room: str, *, add: Invitation | None = None, revoke: str = "") -> str | None:
    try:
        if add is not None:
            kept.add(room, add, "token")
        else:
            kept.revoke(room, revoke)
    except SignalingError as error:
        return error.code
    return None


@pytest.mark.parametrize("on_disk", [False, True])
def test_they_are_of_their_room_until_revoked_or_expired(tmp_path: Path, on_disk: bool) -> None:
    clock = Clock()
    kept = Invitations(tmp_path / "i" if on_disk else None, clock)
    kept.add("studio", invitation("a"), "token-a")
    kept.add("studio", invitation("b", 50.0), "token-b")
    kept.add("other", invitation("c"), "token-c")
    assert [(each["id"], each["token"]) for each in kept.describe("studio")] == [
        ("a", "token-a"),
        ("b", "token-b"),
    ]
    assert kept.describe("studio")[0]["expires"] == 100_000
    assert code(kept, "other", revoke="a") == "unknown-invitation"
    kept.revoke("studio", "a")
    assert kept.is_revoked("studio", "a")
    assert not kept.is_revoked("studio", "b")
    assert [each.id for each in kept.of("studio")] == ["b"]
    clock.now = 60.0
    assert kept.of("studio") == []


def test_a_revoked_one_stays_revoked_after_a_restart_and_no_token_is_written(tmp_path: Path) -> None:
    clock = Clock()
    before = Invitations(tmp_path / "i", clock)
    before.add("studio", invitation("a"), "secret-token")
    before.add("studio", invitation("b"), "secret-token")
    before.revoke("studio", "a")
    after = Invitations(tmp_path / "i", clock)
    assert after.is_revoked("studio", "a")
    assert [(each["id"], each["token"]) for each in after.describe("studio")] == [("b", None)]
    (file,) = (tmp_path / "i").iterdir()
    assert "secret-token" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before.revoke("studio", "b")
    assert after.is_revoked("studio", "b")  # another process on the machine


def test_what_can_t_be_read_lets_nobody_in(tmp_path: Path) -> None:
    kept = Invitations(tmp_path, Clock())
    (tmp_path / "studio.json").write_text("{")
    assert kept.is_revoked("studio", "a")
    assert not kept.made_here("studio", "a")
    assert code(kept, "studio", add=invitation("a")) == "unknown-invitation"
    assert not kept.is_revoked("other", "a")


def test_what_can_t_be_stored_is_not_made_and_the_log_names_no_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    kept = Invitations(tmp_path / "file" / "folder", Clock())
    assert code(kept, "studio", add=invitation("a")) == "unknown-invitation"
    assert caplog.records
    assert "studio" not in caplog.text


def test_a_room_has_not_too_many() -> None:
    clock = Clock()
    kept = Invitations(None, clock)
    for n in range(MAX_INVITATIONS):
        kept.add("studio", invitation(str(n)), "token")
    kept.revoke("studio", "0")
    assert code(kept, "studio", add=invitation("more")) == "too-many-invitations"
    clock.now = 100.0
    assert code(kept, "studio", add=invitation("more", 200.0)) is None
    assert len(kept._tokens) == 1


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_is_revoked_stays_so_where_the_room_moves(tmp_path: Path, on_disk: bool) -> None:
    folders = [tmp_path / "a", tmp_path / "b"] if on_disk else [None, None]
    before, after = (Invitations(folder, lambda: 100.0) for folder in folders)
    for name in ("good", "bad", "over"):
        expires = 100.0 if name == "over" else 200.0
        before.add("studio", Invitation(name, "guest", expires, pin=False, by="Ada"), "token")
    before.revoke("studio", "bad")
    state = before.state("studio")
    assert "token" not in str(state)
    after.take_over("studio", state)
    assert [each.id for each in after.of("studio")] == ["good"]
    assert after.is_revoked("studio", "bad")
    after.revoke("studio", "good")
    after.take_over("studio", state)
    assert after.of("studio") == []
    with pytest.raises(ValueError, match="no invitations"):
        after.take_over("studio", [{"id": "x"}])
