"""Who is one person in a matte of several."""

import numpy as np
import pytest

from filters.base import Plane
from filters.matting.outline import everybody, island_near, island_over, person_at

HEIGHT, WIDTH = 90, 160


def figures(*centres: int) -> Plane:
    """Return heads on shoulders, 255 where they are."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x in centres:
        head = ((columns - x) / 10) ** 2 + ((rows - 30) / 14) ** 2 < 1
        mask[head | ((np.abs(columns - x) < 24) & (rows > 42))] = 255
    return mask


@pytest.mark.parametrize("column", [40, 50, 60])
def test_one_head_is_one_person(column: int) -> None:
    island = figures(50)
    assert np.array_equal(person_at(island, island, column), island)


@pytest.mark.parametrize(("column", "centre"), [(60, 60), (95, 95)])
def test_two_heads_are_two_people(column: int, centre: int) -> None:
    island = figures(60, 95)
    person = person_at(island, island, column)
    assert person[30, centre] == 255
    assert person[30, 60 + 95 - centre] == 0
    assert not (person & ~island).any()


def test_everybody_is_found_once() -> None:
    island = figures(25, 60, 130)
    people = list(everybody(island, island, 100))
    assert [int(p[30].nonzero()[0].mean()) for p in people] == [25, 60, 130]
    assert np.array_equal(np.bitwise_or.reduce(people), island)
    assert list(everybody(island, island, WIDTH * HEIGHT)) == []
    assert list(everybody(np.zeros_like(island), island, 100)) == []


def test_the_island_of_a_place() -> None:
    island = figures(25, 130)
    assert np.array_equal(island_over(island, figures(120)), figures(130))
    assert not island_over(island, np.zeros_like(island)).any()


def test_the_island_near_a_point() -> None:
    island = figures(25, 130)
    found, column = island_near(island, 112, 30, 9)
    assert np.array_equal(found, figures(130))
    assert abs(column - 120) < 2
    assert not island_near(island, 80, 10, 9)[0].any()
    assert not island_near(np.zeros_like(island), 80, 10, 9)[0].any()
