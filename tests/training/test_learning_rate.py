"""The learning rate of each schedule."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pathprune.training.fit_settings import SCHEDULES, FitSettings
from napari_pathprune.training.learning_rate import learning_rate_at


def rates_of(**changes):
    settings = FitSettings(**{"steps": 100, "learning_rate": 1.0, "warmup": 0.1, **changes})
    return np.array([learning_rate_at(step, settings) for step in range(settings.steps)])


def test_a_cosine_rises_and_falls():
    settings = FitSettings(steps=100, learning_rate=1.0, warmup=0.1)
    rates = [learning_rate_at(step, settings) for step in range(100)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10] == pytest.approx(1.0)
    assert all(np.diff(rates[10:]) < 0)
    assert rates[-1] == pytest.approx(0.01)


@given(steps=st.integers(1, 99), warmup=st.floats(0, 1), step=st.integers(0, 98))
def test_a_rate_is_always_positive_and_at_most_the_highest(steps, warmup, step):
    settings = FitSettings(steps=steps, learning_rate=2.0, warmup=warmup)
    assert 0 < learning_rate_at(min(step, steps - 1), settings) <= 2.0


def test_one_cycle_goes_far_down_at_both_ends():
    rates = rates_of(schedule="one-cycle", warmup=0.3)
    assert rates[0] < 0.06
    assert rates[29] == pytest.approx(1.0)
    assert all(np.diff(rates[:30]) > 0)
    assert all(np.diff(rates[30:]) < 0)
    assert rates[-1] == pytest.approx(1e-4)


def test_a_step_is_a_tenth_from_the_middle_on():
    rates = rates_of(schedule="step")
    assert set(rates[10:50]) == {1.0}
    assert rates[50:] == pytest.approx(0.1)


def test_a_constant_is_constant_after_the_warmup():
    rates = rates_of(schedule="constant")
    assert rates[0] == pytest.approx(0.1)
    assert set(rates[10:]) == {1.0}


def test_a_short_phase_rises_over_eight_steps_or_a_third_of_it():
    assert np.argmax(rates_of(steps=40, warmup=0.05)) == 8 - 1
    assert np.argmax(rates_of(steps=18, warmup=0.05)) == 6 - 1
    assert rates_of(steps=40, warmup=0.0)[0] == 1.0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_one_step_is_enough(schedule):
    assert 0 < rates_of(steps=1, schedule=schedule)[0] <= 1.0


def test_every_schedule_is_another():
    settings = FitSettings(steps=50)
    curves = {
        tuple(learning_rate_at(step, dataclasses.replace(settings, schedule=name)) for step in range(50))
        for name in SCHEDULES
    }
    assert len(curves) == len(SCHEDULES)
