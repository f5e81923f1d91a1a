"""What each camera costs, from counters."""

from __future__ import annotations

from typing import Any

import pytest

from server.media.camera_costs import USUAL, USUAL_PICTURE, CameraCosts, Cost, Use, bits_factor, resized

LOOK = 0.5  # seconds


def use(look: int, *, size: int = 640 * 360, each: float = 1e-3, **changes: Any) -> Use:  # noqa: ANN401 - of its fields
    """Return the counters of a camera of 30 pictures a second after so many looks."""
    n = 15 * look
    seconds = n * each
    made = Use(n, 0, n, n, n // 2, seconds, seconds, seconds, seconds, seconds, size, network_interval=2)
    return made._replace(**changes)


def observed(*uses: Use) -> CameraCosts:
    costs = CameraCosts(uses[0], 0.0)
    for i, each in enumerate(uses[1:], 1):
        costs.observe(i * LOOK, each)
    return costs


def test_it_is_worked_out_of_what_was_counted() -> None:
    cost = observed(*(use(i) for i in range(4))).cost(USUAL)
    assert cost.rate == cost.arriving == pytest.approx(30.0)
    assert (cost.decode, cost.rest, cost.send) == pytest.approx((1e-3, 1e-3, 1e-3))
    assert cost.look == pytest.approx(2e-3, rel=0.1)
    assert cost.looks == pytest.approx(1.0, rel=0.1)
    assert cost.encode * bits_factor(600_000) == pytest.approx(1e-3)


def test_a_burst_is_forgotten() -> None:
    uses = [use(i) for i in range(8)]
    uses[3:] = [each._replace(rest=each.rest + 0.3) for each in uses[3:]]
    assert observed(*uses).cost(USUAL).rest == pytest.approx(1e-3)


def test_of_whom_nothing_is_known_costs_what_others_do() -> None:
    costs = observed(use(0))
    assert not costs.known
    assert costs.cost(USUAL) == pytest.approx(USUAL)
    large = observed(use(0, size=1280 * 720)).cost(USUAL)
    foretold = resized(USUAL, USUAL_PICTURE, 1280 * 720)
    assert (large.rest, large.encode, large.send) == (foretold.rest, foretold.encode, foretold.send)
    assert 3 * USUAL.decode < large.decode < 4 * USUAL.decode
    assert large.look == USUAL.look


def test_another_size_is_another_camera() -> None:
    before = [use(i) for i in range(5)]
    after = [use(i, size=1920 * 1080, rest=75e-3 + 15 * (i - 5) * 8e-3) for i in range(5, 9)]
    assert observed(*before, *after[:2]).cost(USUAL).rest < 3 * USUAL.rest
    assert observed(*before, *after).cost(USUAL).rest == pytest.approx(8e-3)


def test_what_is_not_shown_costs_decoding_only() -> None:
    uses = [use(i, pictures=5 * i, rest=5 * i * 3e-3) for i in range(4)]
    cost = observed(*uses).cost(USUAL)
    assert cost.arriving == pytest.approx(30.0)
    assert cost.rest == pytest.approx(3e-3)


def test_frames_to_which_no_other_refers_are_decoded_if_they_are_shown() -> None:
    cost = observed(*(use(i, droppable=15 * i // 2) for i in range(4))).cost(USUAL)
    assert cost.needed == pytest.approx(15.0, abs=2.0)


def test_a_camera_that_was_asked_for_less_could_do_more() -> None:
    costs = observed(*(use(i) for i in range(4)))
    for i in range(4, 10):
        costs.observe(i * LOOK, use(3, received=45 + 5 * (i - 3)), told=True)
    cost: Cost = costs.cost(USUAL)
    assert cost.arriving == pytest.approx(10.0)
    assert cost.rate == pytest.approx(30.0)


def test_a_camera_that_is_off_costs_nothing() -> None:
    costs = observed(*(use(i) for i in range(4)))
    for i in range(4, 10):
        costs.observe(i * LOOK, use(3), told=True)
    assert costs.cost(USUAL).rate == 0


def test_a_full_blur_is_measured_apart() -> None:
    uses = [use(i) for i in range(4)]
    uses += [use(i, full_blur=True, rest=45e-3 + 15 * (i - 3) * 2e-4) for i in range(4, 8)]
    cost = observed(*uses).cost(USUAL)
    assert cost.rest == pytest.approx(1e-3)
    assert cost.full_blur == pytest.approx(2e-4)


def test_what_another_size_costs_is_foretold_and_learned() -> None:
    large = 1280 * 720

    def spends(seconds: float, made: Use) -> Use:
        return made._replace(decode=seconds, rest=seconds, encode=seconds, send=seconds)

    costs = CameraCosts(use(0), 0.0)
    for i in range(1, 5):
        costs.observe(i * LOOK, use(i))
    foretold, known = costs.cost_at(large, USUAL), costs.cost(USUAL)
    assert foretold[:11] == pytest.approx(resized(known, USUAL_PICTURE, large)[:11])
    assert costs.cost_at(640 * 368, USUAL) == known
    for i in range(5, 10):
        spent = 15 * (i - 4) * 6e-3  # a picture takes 6 ms in each stage
        costs.observe(i * LOOK, spends(60e-3 + spent, use(i, size=large)))
    assert costs.cost(USUAL).rest == pytest.approx(6e-3)
    for i in range(10, 15):
        spent = 60e-3 + 15 * 5 * 6e-3 + 15 * (i - 9) * 1e-3
        costs.observe(i * LOOK, spends(spent, use(i)))
    again = costs.cost_at(large, USUAL)
    assert again.rest > 1.5 * foretold.rest
    assert again.look == pytest.approx(foretold.look, rel=0.1)
