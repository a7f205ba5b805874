"""Learning rates of each schedule."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pathprune.training.fit_settings import SCHEDULES, FitSettings
from napari_pathprune.training.learning_rate import learning_rate_at


def compute_rates(**changes):
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
def test_a_rate_is_positive_and_never_above_the_maximum(steps, warmup, step):
    settings = FitSettings(steps=steps, learning_rate=2.0, warmup=warmup)
    assert 0 < learning_rate_at(min(step, steps - 1), settings) <= 2.0


def test_one_cycle_starts_and_ends_low():
    rates = compute_rates(schedule="one-cycle", warmup=0.3)
    assert rates[0] < 0.06
    assert rates[29] == pytest.approx(1.0)
    assert all(np.diff(rates[:30]) > 0)
    assert all(np.diff(rates[30:]) < 0)
    assert rates[-1] == pytest.approx(1e-4)


def test_a_step_is_a_tenth_from_the_middle_on():
    rates = compute_rates(schedule="step")
    assert set(rates[10:50]) == {1.0}
    assert rates[50:] == pytest.approx(0.1)


def test_a_constant_is_constant_after_the_warmup():
    rates = compute_rates(schedule="constant")
    assert rates[0] == pytest.approx(0.1)
    assert set(rates[10:]) == {1.0}


def test_a_short_phase_warms_up_over_eight_steps_or_a_third():
    assert np.argmax(compute_rates(steps=40, warmup=0.05)) == 8 - 1
    assert np.argmax(compute_rates(steps=18, warmup=0.05)) == 6 - 1
    assert compute_rates(steps=40, warmup=0.0)[0] == 1.0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_phase_may_have_a_single_step(schedule):
    assert 0 < compute_rates(steps=1, schedule=schedule)[0] <= 1.0


def test_all_schedules_differ():
    settings = FitSettings(steps=50)
    curves = {
        tuple(learning_rate_at(step, dataclasses.replace(settings, schedule=name)) for step in range(50))
        for name in SCHEDULES
    }
    assert len(curves) == len(SCHEDULES)
