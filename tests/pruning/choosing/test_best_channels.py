"""The channels with the highest scores."""

import pytest
import torch
from pruning_nets import Grouped

from napari_pathprune.pruning import trace
from napari_pathprune.pruning.choosing.best_channels import best_channels, check_scores, keep_best

IMAGE = torch.zeros(1, 3, 16, 16)


def test_the_highest_scores_in_rising_order_and_ties_to_the_lower_index():
    assert best_channels(torch.tensor([5.0, 1.0, 5.0, 9.0, 5.0]), 3) == (0, 2, 3)


def test_each_split_chooses_its_own():
    assert best_channels(torch.tensor([1.0, 2, 4, 3, 5, 6]), 4, splits=2) == (1, 2, 4, 5)


def test_a_plan_keeps_the_given_numbers():
    graph = trace(Grouped(), IMAGE)
    scores = {"first.0": torch.arange(8.0), "middle.0": torch.arange(12.0)}
    plan = keep_best(graph, scores, {"first.0": 4, "middle.0": 8}, criterion="l2", ratio=0.5)
    assert plan.keep["first.0"] == (1, 3, 5, 7)
    assert plan.keep["middle.0"] == (1, 2, 4, 5, 7, 8, 10, 11)
    assert (plan.criterion, plan.ratio, plan.graph) == ("l2", 0.5, graph.fingerprint())


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({}, "got no scores for channel group 'first.0'"),
        ({"first.0": torch.ones(3)}, r"shape \(3,\) for channel group 'first\.0'; expected \(8,\)"),
        ({"first.0": torch.ones(8, device="meta")}, "load its weights before scoring"),
        ({"first.0": torch.full((8,), torch.inf)}, "not finite"),
    ],
)
def test_wrong_scores_are_refused(scores, words):
    with pytest.raises(ValueError, match=words):
        check_scores(trace(Grouped(), IMAGE), scores)
