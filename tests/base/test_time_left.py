"""The remaining time follows from the pace after the first unit."""

from __future__ import annotations

import pytest

from napari_pathprune.base.time_left import TimeLeft, format_duration


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def update_at(clock: Clock, left: TimeLeft, now: float, done: int, total: int | None) -> float | None:
    clock.now = now
    return left.update(done, total)


def test_the_first_unit_does_not_count() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    assert update_at(clock, left, 100.0, 0, 4) is None
    assert update_at(clock, left, 190.0, 1, 4) is None
    assert update_at(clock, left, 192.0, 2, 4) == pytest.approx(4.0)
    assert update_at(clock, left, 196.0, 4, 4) == 0.0


def test_a_resumed_run_counts_from_where_it_starts() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    assert update_at(clock, left, 101.0, 50, 100) is None
    assert update_at(clock, left, 103.0, 51, 100) == pytest.approx(2.0 * 49)


def test_the_estimate_starts_anew_when_the_count_goes_back() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    for step in range(1, 5):
        update_at(clock, left, 100.0 + step, step, 4)
    assert update_at(clock, left, 200.0, 1, 4) is None
    assert update_at(clock, left, 201.0, 2, 4) == pytest.approx(2.0)


def test_the_estimate_starts_anew_when_the_units_change() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    update_at(clock, left, 101.0, 1, 10)  # stages
    assert update_at(clock, left, 500.0, 2, 100) is None  # steps
    assert update_at(clock, left, 501.0, 3, 100) == pytest.approx(97.0)


def test_nothing_is_estimated_without_a_total() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    assert [update_at(clock, left, 100.0 + step, step, None) for step in range(4)] == [None] * 4


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "1 s"), (59.4, "59 s"), (60.0, "1 min"), (119.6, "2 min"), (3599.0, "59 min 59 s"), (7200.0, "2 h 0 min")],
)
def test_durations_are_in_words(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
