"""Edits of plans, and differences between plans."""

import pytest
import torch
from pruning_nets import Concat, Grouped

from napari_pathprune.pruning import Change, changes, choose, compact, importance, keep_whole, prune_more, trace

IMAGE = torch.zeros(1, 3, 16, 16)


@pytest.fixture(scope="module")
def scores(narrow_hovernet, narrow_graph):
    return importance(narrow_hovernet, narrow_graph)


@pytest.fixture(scope="module")
def plan(narrow_graph, scores):
    return choose(narrow_graph, scores, 0.5)


def test_groups_can_be_kept_whole_and_the_others_do_not_change(narrow_hovernet, narrow_graph, plan):
    edited = keep_whole(narrow_graph, plan, "d0.shortcut", "decoder.tp.*")
    changed = {change.group for change in changes(narrow_graph, plan, edited)}
    assert changed == {g.name for g in narrow_graph.prunable if g.name.startswith(("d0.shortcut", "decoder.tp."))}
    assert all(len(edited.keep[name]) == narrow_graph.group(name).width for name in changed)
    assert all(edited.keep[name] == stay for name, stay in plan.keep.items() if name not in changed)
    small = compact(narrow_hovernet, narrow_graph, edited)
    assert small.d0.shortcut.out_channels == narrow_hovernet.d0.shortcut.out_channels


def test_groups_can_be_pruned_more_and_no_channel_comes_back(narrow_graph, plan, scores):
    others = {name: torch.rand(len(own)) for name, own in scores.items()}
    edited = prune_more(narrow_graph, plan, others, 0.75, "d1.*")
    edited.check(narrow_graph)
    found = changes(narrow_graph, plan, edited)
    assert {change.group for change in found} == {g.name for g in narrow_graph.prunable if g.name.startswith("d1.")}
    for change in found:
        assert not change.restored
        assert len(change.removed) == change.before - change.after == narrow_graph.group(change.group).width // 4
    assert prune_more(narrow_graph, plan, others, 0.25, "d1.*") == plan


def test_splits_stay_even():
    model = Grouped()
    graph = trace(model, IMAGE)
    plan = choose(graph, importance(model, graph), 0.3)
    edited = prune_more(graph, plan, importance(model, graph, "random"), 0.6, "middle.0")
    edited.check(graph)
    assert len(edited.keep["middle.0"]) == 4
    assert set(edited.keep["middle.0"]) < set(plan.keep["middle.0"])


def test_a_change_prints_as_one_line():
    assert str(Change("conv", 3, 2, (1, 2), (3,))) == "conv: 3 -> 2 channels, without 1 2, with 3"


def test_equal_plans_have_no_changes(narrow_graph, plan):
    assert changes(narrow_graph, plan, plan) == ()


def test_names_and_plans_that_do_not_fit_are_refused(narrow_graph, plan, scores):
    with pytest.raises(ValueError, match="matches the name of no channel group"):
        keep_whole(narrow_graph, plan, "nobody")
    with pytest.raises(ValueError, match=r"'decoder\.np\.u0\.conv' to prune, which cannot be cut: output of the model"):
        prune_more(narrow_graph, plan, scores, 0.5, "decoder.np.u0.conv")
    with pytest.raises(ValueError, match="pruning ratio of 2"):
        prune_more(narrow_graph, plan, scores, 2.0, "d1.*")
    other = trace(Concat(), IMAGE)
    for edit in (lambda: keep_whole(other, plan, "*"), lambda: changes(other, plan, plan)):
        with pytest.raises(ValueError, match="choose a plan for this model"):
            edit()
