"""What a token bucket lets through."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.core.token_bucket import TokenBucket, TokenBuckets


def test_a_burst_and_then_the_rate() -> None:
    bucket = TokenBucket(10, rate=2)
    assert sum(bucket.take(1, 0.0) for _ in range(20)) == 10
    assert [bucket.take(1, 0.5), bucket.take(1, 0.5)] == [True, False]
    assert sum(bucket.take(1, 100.0) for _ in range(20)) == 10


def test_without_a_rate_only_what_is_added_comes_in() -> None:
    bucket = TokenBucket(10)
    assert bucket.take(10)
    assert not bucket.take(1, 1000.0)
    bucket.add(3)
    assert [bucket.take(2), bucket.take(2)] == [True, False]


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 20)), max_size=50))
def test_never_more_than_burst_and_rate_allow(steps: list[tuple[float, float]]) -> None:
    bucket, now, taken = TokenBucket(10, rate=3), 0.0, 0.0
    for wait, tokens in steps:
        now += wait
        taken += tokens if bucket.take(tokens, now) else 0
    assert taken <= 10 + 3 * now + 1e-6


def test_buckets_by_key_are_bounded_and_those_in_use_are_kept() -> None:
    buckets = TokenBuckets(2)
    assert buckets.get("a", 1, 0).take(1)
    for key in ("b", "a", "c", "a", "d"):
        buckets.get(key, 1, 0)
    assert len(buckets) == 2
    assert not buckets.get("a", 1, 0).take(1)
    assert buckets.get("b", 1, 0).take(1)
