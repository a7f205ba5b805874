"""Criteria, against sums by hand."""

import pytest
import torch
from pruning_nets import Grouped, UNet
from torch import nn

from napari_pathprune.pruning import importance, trace

IMAGE = torch.zeros(1, 3, 16, 16)


def test_l1_and_l2_are_norms_of_filters():
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1))
    model[0].weight.data = torch.tensor([[3.0, -4, 0], [0, 0, 2]]).reshape(2, 3, 1, 1)
    graph = trace(model, IMAGE)
    assert importance(model, graph, "l1")["0"].tolist() == [7, 2]
    assert importance(model, graph, "l2")["0"].tolist() == [5, 2]


def test_a_skip_group_has_the_mean_of_its_producers():
    model = Grouped()
    scores = importance(model, trace(model, IMAGE))["first.0"]
    first = model.first[0].weight.flatten(1).norm(dim=1)
    assert torch.allclose(scores, (first + model.last.weight.flatten(1).norm(dim=1)) / 2)


def test_transposed_and_normed_filters_count_all_their_weights():
    model = UNet()
    scores = importance(model, trace(model, IMAGE))
    assert torch.allclose(scores["up"], model.up.weight.transpose(0, 1).flatten(1).norm(dim=1))
    assert torch.allclose(scores["down1.0"], model.down1[0].weight.reshape(4, -1).norm(dim=1))
    parts = model.grouped_up.weight.reshape(2, 8, 6, 2, 2)
    assert torch.allclose(scores["grouped_up"], parts.transpose(1, 2).reshape(12, -1).norm(dim=1))


def test_random_is_the_same_for_the_same_seed_only(narrow_hovernet, narrow_graph):
    first, again, other = (importance(narrow_hovernet, narrow_graph, "random", seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_an_unknown_criterion_is_refused_with_those_that_exist(narrow_hovernet, narrow_graph):
    with pytest.raises(ValueError, match=r"got criterion 'size'; the criteria are l1, l2, random"):
        importance(narrow_hovernet, narrow_graph, "size")
