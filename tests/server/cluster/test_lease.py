from server.cluster.directory import LEASE
from server.cluster.lease import Lease, clock


def test_a_placement_is_good_for_a_lease_from_when_its_renewal_was_sent() -> None:
    lease = Lease()
    assert not lease.admits("x", 5, 1, now=0)
    number = lease.send(10)
    assert lease.admits("x", 5, number, now=10 + LEASE - 0.01)
    assert not lease.admits("x", 5, number, now=10 + LEASE)


def test_who_was_sent_before_a_move_is_refused() -> None:
    lease = Lease()
    number = lease.send(10)
    assert lease.admits("x", 5, number, now=10)
    assert lease.answered(number, {"x": -7}, now=11) == ["x"]
    assert not lease.admits("x", 6, number, now=11)
    assert lease.admits("x", 8, number, now=11)


def test_answers_that_come_late_change_nothing() -> None:
    lease = Lease()
    first, second = lease.send(10), lease.send(11)
    assert lease.admits("x", 9, second, now=11)
    assert lease.answered(second, {}, now=11) == []
    assert lease.answered(first, {"x": -17}, now=11) == []
    assert lease.admits("x", 9, second, now=11)


def test_an_answer_about_less_than_what_came_since_changes_nothing() -> None:
    lease = Lease()
    number = lease.send(10)
    assert lease.admits("x", 9, number, now=10)
    assert lease.answered(number, {"x": -7}, now=11) == []
    assert lease.epochs == {"x": 9}


def test_a_room_gets_the_epoch_of_a_new_directory() -> None:
    lease = Lease()
    number = lease.send(10)
    lease.admits("x", 9, number, now=10)
    lease.answered(number, {"x": 12, "y": 13}, now=11)
    assert lease.epochs == {"x": 12}
    assert not lease.admits("x", 9, number, now=11)


def test_nobody_comes_into_a_room_that_was_closed_since() -> None:
    lease = Lease()
    number = lease.send(10)
    lease.admits("x", 5, number, now=10)
    lease.close("x", now=11)
    assert not lease.admits("x", 5, number, now=11)
    assert lease.admits("x", 6, number, now=11)


def test_closing_is_said_until_it_was_heard() -> None:
    lease = Lease()
    first = lease.send(10)
    lease.admits("x", 5, first, now=10)
    lease.close("x", now=10)
    second, third = lease.send(11), lease.send(12)
    lease.answered(first, {}, now=12)
    assert lease.closed == {"x": 5}
    lease.answered(third, {}, now=12)
    assert lease.closed == {}
    assert second < third


def test_what_is_left_counts_from_the_last_answer() -> None:
    lease = Lease()
    assert lease.left(0) == 0
    number = lease.send(10)
    assert lease.left(10) == 0
    lease.answered(number, {}, now=11)
    assert lease.left(11) == LEASE - 1
    assert lease.left(20) == 0


def test_the_clock_goes_on() -> None:
    assert clock() <= clock()


def test_a_draining_server_takes_in_nobody() -> None:
    lease = Lease()
    number = lease.send(10)
    lease.draining = True
    assert not lease.admits("x", 5, number, now=10)
