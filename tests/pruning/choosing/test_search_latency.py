"""Targets for the latency."""

import pytest

from napari_pathprune.pruning import Target, choose_for_latency, cost_after, importance
from napari_pathprune.pruning.choosing import search_latency


@pytest.mark.parametrize("faster", [1.5, 3.0, 8.0])
def test_the_smallest_ratio_that_is_fast_enough_is_found(narrow_hovernet, narrow_graph, monkeypatch, faster):
    measured = []

    def seconds(models, given, **_):
        assert given[0][0].shape == (1, 3, 96, 96)
        measured.append([sum(p.numel() for p in model.parameters()) for model in models])
        return [0.01 + params * 1e-7 for params in measured[-1]]  # a constant part, and one that shrinks

    monkeypatch.setattr(search_latency, "seconds_of", seconds)
    plan = choose_for_latency(
        narrow_hovernet, narrow_graph, importance(narrow_hovernet, narrow_graph), Target.from_speedup(faster)
    )
    found = (0.01 + measured[0][0] * 1e-7) / (0.01 + cost_after(narrow_graph, plan).params * 1e-7)
    assert faster <= found < 1.1 * faster
    assert len(measured) < 12


def test_it_works_with_a_real_clock(narrow_hovernet, narrow_graph):
    scores, target = importance(narrow_hovernet, narrow_graph), Target.from_speedup(1.05)
    plan = choose_for_latency(narrow_hovernet, narrow_graph, scores, target, "global", repeats=1)
    plan.check(narrow_graph)
    assert cost_after(narrow_graph, plan).macs < cost_after(narrow_graph).macs


def test_targets_out_of_reach_are_refused_with_the_best_speed(narrow_hovernet, narrow_graph, monkeypatch):
    scores = importance(narrow_hovernet, narrow_graph)
    monkeypatch.setattr(search_latency, "seconds_of", lambda models, *_, **__: [1.0 for _ in models])
    with pytest.raises(ValueError, match="allow at most 1 times on this device"):
        choose_for_latency(narrow_hovernet, narrow_graph, scores, Target.from_speedup(100.0))
    for target in (Target("latency", keep=1.0), Target("macs", keep=0.5)):
        with pytest.raises(ValueError, match="give a target for the latency, below 1"):
            choose_for_latency(narrow_hovernet, narrow_graph, scores, target)
