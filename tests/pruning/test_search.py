"""Targets for parameters and MACs."""

import pytest
import torch

from napari_pathprune.models import build
from napari_pathprune.pruning import (
    choose_for_macs,
    choose_for_params,
    compact,
    cost_after,
    cost_of,
    importance,
    trace,
)


@pytest.mark.parametrize(
    "options", [{}, {"scope": "global"}, {"max_skip_ratio": 0.5}, {"round_to": 8}], ids=lambda o: "-".join(o) or "plain"
)
def test_a_tenth_of_the_full_hovernet(options):
    with torch.device("meta"):
        model = build("hovernet", mode="fast", num_types=6, width=1.0)
    graph = trace(model, torch.zeros(1, 3, 128, 128))
    scores = {
        group.name: torch.rand(group.width, generator=torch.Generator().manual_seed(0)) for group in graph.prunable
    }
    plan = choose_for_params(graph, scores, 0.1, **options)
    plan.check(graph)
    assert cost_after(graph, plan).params / 37_639_626 == pytest.approx(0.1, rel=0.01)
    macs = choose_for_macs(graph, scores, 0.1, **options)
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
