"""Predictions of speed between measurements."""

import pytest

from napari_pathprune.plugin.jobs.compress.speed_curve import SpeedCurve

CURVE = SpeedCurve(((0.1, 0.3), (0.4, 0.5), (1.0, 1.0)), "CPU, 1 thread")


@pytest.mark.parametrize(("macs", "time"), [(1.0, 1.0), (0.4, 0.5), (0.7, 0.75), (0.1, 0.3), (0.0, 0.7 / 3)])
def test_the_time_between_measurements_is_on_a_straight_line(macs, time):
    assert CURVE.predict(macs) == pytest.approx(time)
    if time >= 0.3:
        assert CURVE.find_macs(time) == pytest.approx(macs)


def test_a_speed_beyond_all_measurements_is_refused():
    with pytest.raises(ValueError, match=r"on CPU, 1 thread a small part of the model is only 3\.3 times faster"):
        CURVE.find_macs(0.2)


def test_a_measurement_that_contradicts_another_does_not_stop_the_search():
    noisy = SpeedCurve(((0.1, 0.3), (0.4, 0.25), (0.6, 0.6), (1.0, 1.0)), "CPU")
    assert noisy.find_macs(0.25) == pytest.approx(0.4)
    assert 0.4 < noisy.find_macs(0.5) < 0.6


def test_a_new_measurement_replaces_its_neighbour():
    assert CURVE.add(0.401, 0.45).points == ((0.1, 0.3), (0.401, 0.45), (1.0, 1.0))
    assert CURVE.add(0.2, 0.35).points[1] == (0.2, 0.35)
    assert CURVE.add(1.0, 0.9) == CURVE
