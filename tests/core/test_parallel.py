"""Work in threads: in order, bounded, and the first error ends it."""

from __future__ import annotations

import threading
import time

import pytest

from fieldglass.parallel import ahead, each


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_answers_come_in_the_order_of_the_things(threads):
    def slow_first(number):
        time.sleep(0.01 if number == 0 else 0)
        return number * number

    assert list(ahead(slow_first, iter(range(20)), threads)) == [number * number for number in range(20)]
    assert each(slow_first, list(range(20)), threads) == [number * number for number in range(20)]


def test_no_more_things_are_taken_than_are_worked_on():
    taken, given = [], []

    def things():
        for number in range(10):
            taken.append(number)
            yield number

    for number in ahead(lambda number: number, things(), 2):
        given.append(number)
        assert len(taken) <= len(given) + 1


def test_the_next_is_worked_on_while_the_caller_is_busy():
    begun = [threading.Event() for _ in range(3)]

    def start(number):
        begun[number].set()
        return number

    answers = ahead(start, range(3), 1)
    assert next(answers) == 0
    assert begun[1].wait(5)
    assert list(answers) == [1, 2]


def test_it_works_without_threadpoolctl(monkeypatch):
    monkeypatch.setattr("fieldglass.parallel.find_spec", lambda name: None)
    assert list(ahead(abs, [-1, -2, -3], 2)) == [1, 2, 3]


def test_an_error_is_the_callers():
    def broken(number):
        if number == 2:
            raise ValueError("two")
        return number

    found = ahead(broken, range(5), 2)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(found)
