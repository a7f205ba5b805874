"""The layers that decide in each channel group."""

import pytest
import torch
from pruning_nets import Attention, Grouped

from napari_pathprune.pruning import trace
from napari_pathprune.pruning.scoring.deciders import merge_scores, norms_of, select_filters

IMAGE = torch.zeros(1, 3, 16, 16)


@pytest.mark.parametrize(
    ("decider", "modules"),
    [
        ("producers", {"first.0", "last"}),
        ("mean", {"first.0", "middle.0", "last", "out"}),
        ("convolved", {"last"}),
        ("shortcut", {"first.0"}),
    ],
)
def test_filters_of_a_skip_group(decider, modules):
    filters = select_filters(trace(Grouped(), IMAGE), decider)
    assert {member.module for member in filters["first.0"]} == modules


def test_sides_matter_in_skip_groups_only():
    filters = select_filters(trace(Grouped(), IMAGE), "convolved")
    assert {member.parameter for member in filters["middle.0"]} == {"weight"}
    assert {member.module for member in filters["middle.0"]} == {"middle.0"}


def test_unknown_deciders_are_refused():
    with pytest.raises(ValueError, match="got decider 'nobody'; the deciders are producers"):
        select_filters(trace(Grouped(), IMAGE), "nobody")


def test_norms_are_modules_with_eps():
    model = Attention()
    graph = trace(model, IMAGE)
    assert [member.module for member in norms_of(model, graph.group("stem"))] == ["norm"]
    assert norms_of(model, graph.group("qk")) == ()


def test_scores_are_merged_as_the_decider_is_named():
    scores = torch.tensor([[1.0, 4.0], [3.0, 2.0]])
    assert merge_scores(scores, "sum").tolist() == [4, 6]
    assert merge_scores(scores, "max").tolist() == [3, 4]
    for decider in ("producers", "mean", "convolved"):
        assert merge_scores(scores, decider).tolist() == [2, 3]
