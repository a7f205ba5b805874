"""Targets: shares to keep, and their conversion from ratios and speedups."""

import pytest

from napari_pathprune.pruning import Target


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.5, float("nan")])
def test_shares_out_of_range_are_refused(keep):
    with pytest.raises(ValueError, match="give the share to keep, above 0"):
        Target("params", keep)


def test_measures_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="the measures are params, macs, channels, latency"):
        Target("size", 0.5)


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.3, 0.7, 0.95])
def test_a_ratio_comes_back(ratio):
    target = Target.from_ratio(ratio)
    assert target.measure == "channels"
    assert target.keep == pytest.approx(1 - ratio)
    assert target.ratio == ratio


@pytest.mark.parametrize("ratio", [1.0, -0.1, float("nan")])
def test_ratios_out_of_range_are_refused(ratio):
    with pytest.raises(ValueError, match="give the share of channels to remove"):
        Target.from_ratio(ratio)


def test_a_speedup_is_a_share_of_the_latency():
    target = Target.from_speedup(3.0)
    assert (target.measure, target.keep, target.speedup) == ("latency", pytest.approx(1 / 3), 3.0)
    for faster in (1.0, 0.5, float("nan")):
        with pytest.raises(ValueError, match="give a number above 1"):
            Target.from_speedup(faster)
