"""Temporal smoothers against their definitions."""

from itertools import pairwise, zip_longest

import numpy as np
import pytest

from filters.base import Alpha
from filters.matting.smoother import (
    SMOOTHERS,
    Exponential,
    MatteSample,
    MotionAdaptive,
    OneFrameDelay,
    TemporalSmoother,
)


def run(smoother: TemporalSmoother, mattes: list[Alpha]) -> list[Alpha]:
    samples = [MatteSample(matte, np.zeros(matte.shape, np.uint8)) for matte in mattes]
    out = [smoother.smooth(*pair) for pair in zip_longest(samples, samples[1:])]
    smoother.reset()
    return out


def constant(value: float) -> Alpha:
    return np.full((4, 5), value, np.float32)


@pytest.mark.parametrize("name", SMOOTHERS)
def test_a_reset_forgets_the_stream(name: str) -> None:
    smoother = SMOOTHERS[name]()
    mattes = [constant(value) for value in (0.3, 0.9, 0.32)]
    first, again = run(smoother, mattes), run(smoother, mattes)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


def test_ofd_leaves_the_first_and_the_last_frame_as_they_are() -> None:
    mattes = [constant(0.1), constant(0.2)]
    assert all(out is matte for out, matte in zip(run(OneFrameDelay(), mattes), mattes, strict=True))


def test_ofd_follows_the_rule_pixel_by_pixel() -> None:
    rng = np.random.default_rng(7)
    frames = [rng.random((31, 17), dtype=np.float32) for _ in range(9)]
    xi = 0.1
    got = run(OneFrameDelay(xi), frames)
    for t, alpha in enumerate(frames):
        want = alpha.copy()
        if 0 < t < len(frames) - 1:
            for i in np.ndindex(alpha.shape):
                before, after = frames[t - 1][i], frames[t + 1][i]
                if abs(before - after) <= xi < min(abs(alpha[i] - before), abs(alpha[i] - after)):
                    want[i] = (before + after) / 2
        np.testing.assert_allclose(got[t], want, atol=1e-6)


def test_ofd_removes_a_flicker_and_keeps_motion() -> None:
    flicker = run(OneFrameDelay(), [constant(0), constant(1), constant(0.05), constant(0)])
    assert max(float(a.max()) for a in flicker) <= 0.051
    step = run(OneFrameDelay(), [constant(0), constant(0), constant(1), constant(1)])
    assert [float(a[0, 0]) for a in step] == [0, 0, 1, 1]


def test_ofd_does_not_change_what_it_was_given() -> None:
    frames = [constant(0), constant(1), constant(0)]
    run(OneFrameDelay(), frames)
    assert [float(a[0, 0]) for a in frames] == [0, 1, 0]


def test_exponential_mean() -> None:
    got = run(Exponential(0.6), [constant(0), constant(1), constant(1)])
    assert [round(float(a[0, 0]), 4) for a in got] == [0, 0.6, 0.84]


def moving_edge(frame: int) -> Alpha:
    alpha = np.zeros((24, 64), np.float32)
    alpha[:, : 20 + 4 * frame] = 1
    return alpha


def test_adaptive_mean_steadies_what_stands() -> None:
    rng = np.random.default_rng(1)
    truth = constant(0.5)
    noisy = [truth + rng.normal(0, 0.1, truth.shape).astype(np.float32) for _ in range(40)]
    got = run(MotionAdaptive(), noisy)
    assert np.std(np.stack(got[10:-1]) - truth) < 0.6 * np.std(np.stack(noisy[10:-1]) - truth)


def test_adaptive_mean_does_not_trail() -> None:
    mattes = [moving_edge(t) for t in range(8)]
    smoother = MotionAdaptive()
    samples = [MatteSample(m, (200 * m).astype(np.uint8)) for m in mattes]
    for matte, pair in zip(mattes, pairwise(samples), strict=False):
        out = smoother.smooth(*pair)
        np.testing.assert_allclose(out, matte, atol=0.02)


def test_adaptive_mean_is_symmetric_for_one_step_in_time() -> None:
    mattes = [constant(0), constant(0.3), constant(0.6)]
    got = run(MotionAdaptive(past=1.0, future=1.0), mattes)
    assert float(got[1][0, 0]) == pytest.approx((float(got[0][0, 0]) + 0.3 + 0.6) / 3, abs=1e-6)
