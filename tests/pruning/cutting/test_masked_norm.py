"""Norms of masked models run over the channels that stay."""

import copy

import pytest
import torch
import torch.nn.functional as F
from pruning_nets import random_plan, randomize
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from napari_pathprune.pruning import PrunePlan, compact, mask, trace
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


class Standardised(nn.Conv2d):
    """A convolution that standardises its weight, by means in the code."""

    def forward(self, x):
        w = self.weight
        w = (w - w.mean(dim=(1, 2, 3), keepdim=True)) / (w.std(dim=(1, 2, 3), keepdim=True) + 1e-5)
        return F.conv2d(x, w, self.bias, self.stride, self.padding)


class Scaled(nn.Conv2d):
    """A convolution that standardises its weight by a batch norm over its filters, with a gain, as timm does."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.gain = nn.Parameter(torch.rand(self.out_channels, 1, 1, 1))

    def forward(self, x):
        flat = self.weight.reshape(1, self.out_channels, -1)
        w = F.batch_norm(flat, None, None, weight=(0.3 * self.gain).view(-1), training=True, momentum=0.0, eps=1e-6)
        return F.conv2d(x, w.reshape_as(self.weight), self.bias, self.stride, self.padding)


def weight_normed(*sizes):
    return weight_norm(nn.Conv2d(*sizes))


@pytest.mark.parametrize("layer", [Standardised, Scaled, weight_normed])
def test_standardised_and_normed_weights_are_cut(layer):
    torch.manual_seed(0)
    model = randomize(nn.Sequential(layer(3, 8, 3), nn.ReLU(), layer(8, 12, 3), nn.ReLU(), layer(12, 2, 3)))
    x = torch.rand(2, 3, 9, 9)
    graph = trace(model, x)
    assert [group.width for group in graph.prunable] == [8, 12]
    for seed in range(3):
        plan = random_plan(graph, seed)
        masked, small = mask(model, graph, plan), compact(model, graph, plan)
        with torch.no_grad():
            assert torch.allclose(copy.deepcopy(masked)(x), small(x), atol=1e-5)
            assert torch.isfinite(masked(x)).all()


class Functional(nn.Module):
    """A norm that a function applies."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(16)), nn.Parameter(torch.rand(16))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias)


class Subclass(nn.LayerNorm):
    """A norm of torch whose forward is another, as timm's norms over the channels of images."""

    def forward(self, x):
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


@pytest.mark.parametrize(
    "norm", [nn.LayerNorm, nn.RMSNorm, lambda width: nn.GroupNorm(1, width), lambda _: Functional(), Subclass]
)
def test_masked_models_keep_their_rule_when_they_are_saved_and_exported(norm, tmp_path):
    torch.manual_seed(0)
    model, x = randomize(nn.Sequential(nn.Linear(6, 16), norm(16), nn.ReLU(), nn.Linear(16, 3))), torch.rand(4, 6)
    graph = trace(model, x)
    masked = mask(model, graph, random_plan(graph, 1))
    torch.save(masked, tmp_path / "masked.pt")
    with torch.no_grad():
        expected = masked(x)
        assert torch.equal(torch.load(tmp_path / "masked.pt", weights_only=False)(x), expected)
        assert torch.equal(copy.deepcopy(masked)(x), expected)
        masked.load_state_dict(masked.state_dict())
        assert torch.equal(masked(x), expected)
        assert isinstance(masked[1], type(model[1]))
        assert torch.allclose(torch.export.export(masked, (x,)).module()(x), expected, atol=1e-6)
