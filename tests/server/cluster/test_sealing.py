import pytest

from server.cluster.sealing import Seal, Ticket, TicketError

SEAL, TICKET = Seal(b"k" * 32), Ticket("a", "studio", 7, 3, {"role": "host"})


def test_a_ticket_comes_back_whole() -> None:
    assert SEAL.read_ticket(SEAL.ticket(TICKET), server="a", room="studio") == TICKET


@pytest.mark.parametrize(
    ("text", "server", "room"),
    [
        (Seal(b"x" * 32).ticket(TICKET), "a", "studio"),
        (SEAL.ticket(TICKET), "b", "studio"),
        (SEAL.ticket(TICKET), "a", "other"),
        (SEAL.ticket(TICKET)[:-4] + "AAAA", "a", "studio"),
        ("", "a", "studio"),
        ("\ud800", "a", "studio"),
        ("x" * 10_000, "a", "studio"),
        (SEAL.ticket(TICKET._replace(epoch="7")), "a", "studio"),  # type: ignore[arg-type]
    ],
)
def test_a_ticket_is_for_one_room_at_one_server(text: str, server: str, room: str) -> None:
    with pytest.raises(TicketError):
        SEAL.read_ticket(text, server=server, room=room)


def test_a_state_comes_back_whole_and_hides_what_it_says() -> None:
    sealed = SEAL.close({"token": "swordfish"})
    assert "swordfish" not in sealed
    assert SEAL.open(sealed) == {"token": "swordfish"}


@pytest.mark.parametrize(
    "text", ["", "nonsense", "\u00fc", pytest.param(Seal(b"x" * 32).close({}), id="another key")]
)
def test_a_state_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not sealed here"):
        SEAL.open(text)


def test_room_ids_are_stable_and_of_this_cluster_only() -> None:
    assert SEAL.room_id("studio") == SEAL.room_id("studio") != SEAL.room_id("studio2")
    assert Seal(b"x" * 32).room_id("studio") != SEAL.room_id("studio")
