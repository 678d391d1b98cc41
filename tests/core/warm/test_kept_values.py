"""What is kept is made once, closed at the end, and made anew when it is no longer good."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from unmask.core.process_pool import Failure, run_isolated
from unmask.core.warm.kept_values import is_keeping, keep, keep_values


@pytest.fixture
def made() -> Iterator[list[int]]:
    yield []
    assert not is_keeping()


def test_nothing_is_kept_unless_asked(made: list[int]):
    for number in range(2):
        keep("a", lambda number=number: made.append(number))
    assert made == [0, 1]


def test_a_value_is_made_once_and_closed_at_the_end():
    made: list[list[str]] = []

    def make() -> list[str]:
        made.append([])
        return made[-1]

    with keep_values():
        assert keep("a", make, close=lambda value: value.append("closed")) is keep("a", make)
        with keep_values():  # adds nothing
            assert keep("a", make) is made[0]
        assert keep("b", make) is made[1]
        assert made == [[], []]
    assert made == [["closed"], []]
    assert keep("a", make) is made[2]


def test_a_value_that_is_no_longer_good_is_made_anew():
    closed: list[int] = []
    numbers = iter(range(10))
    with keep_values():

        def get(least: int) -> int:
            return keep("a", lambda: next(numbers), is_good=lambda value: value >= least, close=closed.append)

        assert [get(0), get(0), get(1), get(1)] == [0, 0, 1, 1]
        assert closed == [0]
    assert closed == [0, 1]


def end_or_tell(number: int) -> int:
    if number < 0:
        os._exit(3)
    return os.getpid()


def test_kept_workers_go_on_after_one_that_died():
    def run(*numbers: int) -> list[int | Failure]:
        return [found for _, found in run_isolated(end_or_tell, numbers, workers=1, timeout_s=60)]

    with keep_values():
        first, second = run(1), run(2)
        assert first == second  # the same process
        (died,) = run(-1)
        assert isinstance(died, Failure)
        assert died.reason == "crashed"
        (third,) = run(3)
        assert isinstance(third, int)
        assert third not in first
    assert run(4) != [third]


def test_an_item_that_is_not_waited_for_stops_the_kept_workers():
    with keep_values():
        outcomes = run_isolated(end_or_tell, [1, 2, 3], workers=1, timeout_s=60)
        next(outcomes)
        outcomes.close()
        assert [found for _, found in run_isolated(end_or_tell, [4], workers=1, timeout_s=60)]
