"""Targets for parameters and MACs."""

import pytest
import torch

from napari_pathprune.models import build
from napari_pathprune.pruning import (
    ChannelGraph,
    choose_for_macs,
    choose_for_params,
    choose_for_speed,
    compact,
    cost_after,
    cost_of,
    importance,
    trace,
)
from napari_pathprune.pruning.choosing import search


@pytest.fixture(scope="module")
def full() -> ChannelGraph:
    with torch.device("meta"):
        model = build("hovernet", mode="fast", num_types=6, width=1.0)
    return trace(model, torch.zeros(1, 3, 128, 128))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scope": "global"},
        {"max_skip_ratio": 0.5},
        {"round_to": 8},
        {"round_to": 32},
        {"scope": "global", "round_to": 16},
        {"first": "internal"},
        {"caps": {"d0.*": 0.5}, "keep": ["d3.shortcut"]},
    ],
    ids=lambda o: "-".join(o) or "plain",
)
def test_a_tenth_of_the_full_hovernet(full, options):
    graph = full
    scores = {
        group.name: torch.rand(group.width, generator=torch.Generator().manual_seed(0)) for group in graph.prunable
    }
    plan = choose_for_params(graph, scores, 0.1, **options)
    plan.check(graph)
    assert cost_after(graph, plan).params / 37_639_626 == pytest.approx(0.1, rel=0.01)
    macs = choose_for_macs(graph, scores, 0.1, **options)
    macs.check(graph)
    unit = options.get("round_to", 1)
    for group in graph.prunable:
        assert all(
            len(p.keep[group.name]) in {len(p.keep[group.name]) // unit * unit, group.width} for p in (plan, macs)
        )
    assert cost_after(graph, macs).macs / cost_after(graph).macs == pytest.approx(0.1, rel=0.01)


def test_what_is_foretold_is_what_is_cut(narrow_hovernet, narrow_graph, patch):
    plan = choose_for_macs(narrow_graph, importance(narrow_hovernet, narrow_graph), 0.3, criterion="l2")
    small = compact(narrow_hovernet, narrow_graph, plan)
    assert cost_of(small, patch) == cost_after(narrow_graph, plan)
    assert plan.criterion == "l2"


def test_everything_may_stay(narrow_graph):
    scores = {group.name: torch.rand(group.width) for group in narrow_graph.prunable}
    assert cost_after(narrow_graph, choose_for_params(narrow_graph, scores, 1.0)) == cost_after(narrow_graph)


def test_targets_out_of_reach_are_refused(narrow_graph):
    scores = {group.name: torch.rand(group.width) for group in narrow_graph.prunable}
    with pytest.raises(ValueError, match="is the least that these limits leave"):
        choose_for_params(narrow_graph, scores, 0.05, max_skip_ratio=0.0)
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="give a share above 0"):
            choose_for_params(narrow_graph, scores, share)


def test_shares_can_count_from_the_dense_model(narrow_hovernet, narrow_graph):
    first = choose_for_params(narrow_graph, importance(narrow_hovernet, narrow_graph), 0.5)
    small = compact(narrow_hovernet, narrow_graph, first, verify=False)
    after = narrow_graph.after(first.keep)
    plan = choose_for_params(after, importance(small, after), 0.25, dense=narrow_graph)
    assert cost_after(after, plan).params / cost_after(narrow_graph).params == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("faster", [1.5, 3.0, 8.0])
def test_a_speed_is_searched_for_by_measuring(narrow_hovernet, narrow_graph, monkeypatch, faster):
    measured = []

    def seconds(models, given, **_):
        assert given[0][0].shape == (1, 3, 96, 96)
        measured.append([sum(p.numel() for p in model.parameters()) for model in models])
        return [0.01 + params * 1e-7 for params in measured[-1]]  # what does not shrink, and what does

    monkeypatch.setattr(search, "seconds_of", seconds)
    plan = choose_for_speed(narrow_hovernet, narrow_graph, importance(narrow_hovernet, narrow_graph), faster)
    found = (0.01 + measured[0][0] * 1e-7) / (0.01 + cost_after(narrow_graph, plan).params * 1e-7)
    assert faster <= found < 1.1 * faster
    assert len(measured) < 12


def test_a_real_clock_will_do(narrow_hovernet, narrow_graph):
    plan = choose_for_speed(
        narrow_hovernet, narrow_graph, importance(narrow_hovernet, narrow_graph), 1.05, repeats=1, scope="global"
    )
    plan.check(narrow_graph)
    assert cost_after(narrow_graph, plan).macs < cost_after(narrow_graph).macs


def test_speeds_out_of_reach_are_refused(narrow_hovernet, narrow_graph, monkeypatch):
    scores = importance(narrow_hovernet, narrow_graph)
    monkeypatch.setattr(search, "seconds_of", lambda models, *_, **__: [1.0 for _ in models])
    with pytest.raises(ValueError, match="times is the most that these limits allow on this device"):
        choose_for_speed(narrow_hovernet, narrow_graph, scores, 100.0)
    for faster in (1.0, float("nan")):
        with pytest.raises(ValueError, match="give a number above 1"):
            choose_for_speed(narrow_hovernet, narrow_graph, scores, faster)
