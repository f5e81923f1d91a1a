"""What a worker has been sent, and whether there is more."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from server.media.workers.inbox import Inbox
from server.media.workers.wire import LENGTH, MAX_MESSAGE


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(5)
        yield here, there


def framed(content: bytes) -> bytes:
    return LENGTH.pack(len(content)) + content


def test_messages_come_in_order_and_whole(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    inbox = Inbox(there)
    assert not inbox.waiting()
    here.sendall(framed(b"one") + framed(b"two")[:5])
    assert inbox.waiting()
    assert inbox.next() == b"one"
    assert not inbox.waiting()
    here.sendall(framed(b"two")[5:])
    assert inbox.next() == b"two"
    here.sendall(framed(b"three") + framed(b"four"))
    assert [inbox.next(), inbox.waiting(), inbox.next(), inbox.waiting()] == [b"three", True, b"four", False]


def test_the_end_is_one_however_often_it_is_asked_for(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    inbox = Inbox(there)
    here.sendall(framed(b"whole") + framed(b"cut short")[:-1])
    here.close()
    assert inbox.waiting()
    assert inbox.next() == b"whole"
    assert not inbox.waiting()
    assert inbox.next() is inbox.next() is None


def test_a_message_without_end_is_refused(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    here.sendall(LENGTH.pack(MAX_MESSAGE + 1))
    with pytest.raises(ValueError, match="too long"):
        Inbox(there).waiting()
    here.sendall(LENGTH.pack(MAX_MESSAGE + 1))
    with pytest.raises(ValueError, match="too long"):
        Inbox(there).next()
