"""Targets for parameters and MACs."""

import pytest
import torch

from napari_pathprune.models import build
from napari_pathprune.pruning import (
    ChannelGraph,
    Limits,
    Target,
    choose,
    compact,
    cost_after,
    cost_of,
    importance,
    trace,
)


@pytest.fixture(scope="module")
def full() -> ChannelGraph:
    with torch.device("meta"):
        model = build("hovernet", mode="fast", num_types=6, width=1.0)
    return trace(model, torch.zeros(1, 3, 128, 128))


@pytest.mark.parametrize(
    ("scope", "limits"),
    [
        ("local", Limits()),
        ("global", Limits()),
        ("local", Limits(max_skip_ratio=0.5)),
        ("local", Limits(round_to=8)),
        ("local", Limits(round_to=32)),
        ("global", Limits(round_to=16)),
        ("local", Limits(first="internal")),
        ("local", Limits(caps={"d0.*": 0.5}, keep=["d3.shortcut"])),
    ],
)
def test_a_tenth_of_the_full_hovernet(full, scope, limits):
    graph = full
    scores = {
        group.name: torch.rand(group.width, generator=torch.Generator().manual_seed(0)) for group in graph.prunable
    }
    plan = choose(graph, scores, scope=scope, limits=limits, target=Target("params", keep=0.1))
    plan.check(graph)
    assert cost_after(graph, plan).params / 37_639_626 == pytest.approx(0.1, rel=0.01)
    macs = choose(graph, scores, scope=scope, limits=limits, target=Target("macs", keep=0.1))
    macs.check(graph)
    unit = limits.round_to
    for group in graph.prunable:
        assert all(
            len(p.keep[group.name]) in {len(p.keep[group.name]) // unit * unit, group.width} for p in (plan, macs)
        )
    assert cost_after(graph, macs).macs / cost_after(graph).macs == pytest.approx(0.1, rel=0.01)


def test_the_predicted_cost_is_that_of_the_compact_model(narrow_hovernet, narrow_graph, patch):
    scores = importance(narrow_hovernet, narrow_graph)
    plan = choose(narrow_graph, scores, target=Target("macs", keep=0.3), criterion="l2")
    small = compact(narrow_hovernet, narrow_graph, plan)
    assert cost_of(small, patch) == cost_after(narrow_graph, plan)
    assert plan.criterion == "l2"


def test_a_target_of_one_keeps_everything(narrow_graph):
    scores = {group.name: torch.rand(group.width) for group in narrow_graph.prunable}
    assert cost_after(narrow_graph, choose(narrow_graph, scores, target=Target("params", keep=1.0))) == cost_after(
        narrow_graph
    )


def test_targets_out_of_reach_are_refused(narrow_graph):
    scores = {group.name: torch.rand(group.width) for group in narrow_graph.prunable}
    with pytest.raises(ValueError, match="these limits leave at least 0"):
        choose(narrow_graph, scores, limits=Limits(max_skip_ratio=0.0), target=Target("params", keep=0.05))


def test_shares_can_count_from_the_dense_model(narrow_hovernet, narrow_graph):
    first = choose(narrow_graph, importance(narrow_hovernet, narrow_graph), target=Target("params", keep=0.5))
    small = compact(narrow_hovernet, narrow_graph, first, verify=False)
    after = narrow_graph.after(first.keep)
    plan = choose(after, importance(small, after), target=Target("params", keep=0.25), dense=narrow_graph)
    assert cost_after(after, plan).params / cost_after(narrow_graph).params == pytest.approx(0.25, rel=0.01)
