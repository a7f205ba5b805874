"""Norms of masked models run over the channels that stay."""

import copy

import pytest
import torch
from torch import nn

from napari_pathprune.pruning import PrunePlan, mask, trace
from napari_pathprune.pruning.cutting.masked_norm import make_kept_weight

STAY, GONE = [1, 2, 6], [0, 3, 4, 5, 7]


def test_a_masked_norm_takes_its_mean_over_what_stays():
    model = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 2))
    graph = trace(model, torch.zeros(2, 6))
    masked = mask(model, graph, PrunePlan({"0": tuple(STAY)}, graph.fingerprint()))
    x = torch.randn(4, 8)
    for norm in (masked[1], copy.deepcopy(masked)[1]):
        assert torch.allclose(norm(x)[:, STAY], nn.functional.layer_norm(x[:, STAY], (3,)))
        assert not norm(x)[:, GONE].any()
        norm(x).square().sum().backward()
        assert norm.weight.grad[STAY].all()
    assert type(model[1].weight) is nn.Parameter


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "group_norm"])
def test_every_norm_over_channels_equals_the_narrow_one(name):
    x, weight = torch.randn(4, 8), torch.rand(8) + 0.5
    kept = make_kept_weight(weight, torch.tensor(GONE).numpy(), requires_grad=True)
    function = getattr(nn.functional, name)
    shape = ((1,), (1,)) if name == "group_norm" else (((8,),), ((3,),))
    wide = function(x, *shape[0], weight=kept)
    narrow = function(x[:, STAY], *shape[1], weight=weight[STAY])
    assert torch.allclose(wide[:, STAY], narrow, atol=1e-6)
    assert not wide[:, GONE].any()


def test_other_functions_see_a_plain_parameter():
    kept = make_kept_weight(torch.ones(8), torch.tensor(GONE).numpy(), requires_grad=True)
    assert type(kept * 2) is torch.Tensor
