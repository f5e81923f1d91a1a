import pytest

from server.cluster.tickets import Ticket, TicketError, sign, verify

KEY, TICKET = b"k" * 32, Ticket("a", "studio", 7, 3, {"role": "host"})


def test_a_ticket_comes_back_whole() -> None:
    assert verify(sign(TICKET, KEY), KEY, server="a", room="studio") == TICKET


@pytest.mark.parametrize(
    ("text", "key", "server", "room"),
    [
        (sign(TICKET, KEY), b"x" * 32, "a", "studio"),
        (sign(TICKET, KEY), KEY, "b", "studio"),
        (sign(TICKET, KEY), KEY, "a", "other"),
        (sign(TICKET, KEY)[:-2] + "AA", KEY, "a", "studio"),
        ("", KEY, "a", "studio"),
        ("\ud800", KEY, "a", "studio"),
        ("x" * 10_000, KEY, "a", "studio"),
        (sign(TICKET._replace(epoch="7"), KEY), KEY, "a", "studio"),  # type: ignore[arg-type]
    ],
)
def test_a_ticket_is_for_one_room_at_one_server(text: str, key: bytes, server: str, room: str) -> None:
    with pytest.raises(TicketError):
        verify(text, key, server=server, room=room)
