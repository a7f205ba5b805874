"""The loss term that makes norms sparse."""

import pytest
import torch
from pruning_nets import Concat, Grouped
from torch import nn

from napari_pathprune.pruning import choose, importance, slimming_penalty, trace

IMAGE = torch.zeros(1, 3, 16, 16)


def test_every_norm_counts_once_and_has_the_gradient_of_a_sum_of_absolute_values():
    model = Concat()  # one of its norms acts on three groups
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1, 1)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    penalty = slimming_penalty(model, trace(model, IMAGE))
    penalty.backward()
    assert penalty.item() == pytest.approx(sum(norm.weight.abs().sum().item() for norm in norms))
    assert all(torch.equal(norm.weight.grad, norm.weight.detach().sign()) for norm in norms)
    assert model.out.weight.grad is None


def test_norms_on_what_cannot_be_cut_are_spared():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2))
    assert slimming_penalty(model, trace(model, IMAGE)).item() == 4.0


def test_training_with_it_finds_the_channels_without_effect():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1))
    with torch.no_grad():
        model[3].weight[:, ::2] = 0.0
        model[3].weight[:, 1::2] = 0.5
    graph = trace(model, IMAGE)
    optimiser = torch.optim.SGD(model[1].parameters(), lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        loss = (model(torch.rand(4, 3, 8, 8)) - 1).square().mean() + 0.05 * slimming_penalty(model, graph)
        loss.backward()
        optimiser.step()
    scores = importance(model, graph, "bn_scale")
    assert choose(graph, scores, 0.5).keep["0"] == (1, 3, 5, 7)


def test_a_model_without_norms_is_refused():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    with pytest.raises(ValueError, match="without norms"):
        slimming_penalty(model, trace(model, IMAGE))
    with pytest.raises(ValueError, match="trace this model again"):
        slimming_penalty(model, trace(Grouped(), IMAGE))
