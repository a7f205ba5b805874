"""Whether removed channels stay silent, seen in sums over channels."""

import pytest
import torch
import torch.nn.functional as F
from pruning_nets import random_plan, randomize
from torch import nn

from napari_pathprune.pruning import compact, mask, trace

IMAGE = torch.zeros(2, 3, 16, 16)


class Summed(nn.Module):
    """A sum over channels that an operation may have woken."""

    def __init__(self, between):
        super().__init__()
        self.first, self.last, self.between = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 2, 1), between

    def forward(self, x):
        y = self.between(self.first(x))
        return self.last(y) * y.sum(dim=1, keepdim=True)


@pytest.mark.parametrize(
    "between",
    [torch.relu, lambda y: 2 * y.tanh() - 0, lambda y: y.clamp(-1, 1), lambda y: y * y.sigmoid(), lambda y: y / 3],
)
def test_a_sum_over_silent_channels_leaves_them_free(between):
    assert trace(Summed(between), IMAGE).group("first").frozen is None


@pytest.mark.parametrize(
    "between",
    [
        torch.sigmoid,
        lambda y: y + 1,
        lambda y: y.clamp(min=0.1),
        lambda y: 1 / (2 + y),
        lambda y: y.relu().exp_(),
        lambda y: y + y.mean(dim=(1, 2, 3), keepdim=True),
    ],
)
def test_a_sum_over_channels_that_are_not_silent_freezes_them(between):
    assert "first" in trace(Summed(between), IMAGE).frozen


def test_a_norm_silences_channels_again():
    between = nn.Sequential(nn.Sigmoid(), nn.BatchNorm2d(8))
    assert trace(Summed(between), IMAGE).group("first").frozen is None


def shift_view(y):
    y[:, :, 1:].add_(1)
    return y


def wake_view(y):
    y.view(len(y), -1).sigmoid_()
    return y


UNARY = """
    abs acos acosh angle asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac
    i0 isfinite isnan lgamma log log10 log1p log2 logit neg positive rad2deg reciprocal relu round rsqrt sigmoid sign
    signbit sin sinc sinh sqrt square tan tanh trunc nan_to_num logical_not
"""
OTHERS = {
    "clamp_max": lambda y: y.clamp_max(-0.2),
    "clamp_max_": lambda y: y.clone().clamp_(max=-0.2),
    "clamp_min": lambda y: y.clamp_min(-0.2),
    "maximum": lambda y: torch.maximum(y, torch.tensor(0.5)),
    "minimum": lambda y: torch.minimum(y, y.tanh()),
    "hypot": lambda y: torch.hypot(y, torch.tensor(1.0)),
    "where": lambda y: torch.where(y > 0, y, 0.3),
    "where with zero": lambda y: torch.where(y > 0, y, 0.0),
    "where the bias is": lambda y: torch.where(y > 0, y, torch.ones(8, 1, 1)),
    "masked_fill": lambda y: y.masked_fill(y == 0, 2.0),
    "masked_fill with zero": lambda y: y.masked_fill(y < 0.1, 0.0),
    "threshold": lambda y: F.threshold(y, 0.1, 20.0),
    "pow": lambda y: y**2,
    "pow of zero": lambda y: y**0,
    "power": lambda y: 2.0**y,
    "lerp": lambda y: torch.lerp(y, torch.ones(()), 0.5),
    "addcmul": lambda y: torch.addcmul(y, y, y),
    "rsub": lambda y: 1 - y,
    "remainder": lambda y: torch.remainder(y, 0.3),
    "ones_like": lambda y: y + torch.ones_like(y),
    "full_like": lambda y: y * torch.full_like(y, 2.0),
    "on a view": shift_view,
    "on a flat view": wake_view,
    "pad": lambda y: F.pad(y, (1, 1, 1, 1), value=0.5),
    "softsign": F.softsign,
    "log_sigmoid": F.logsigmoid,
    "hardsigmoid": F.hardsigmoid,
    "softplus": F.softplus,
    "copy_": lambda y: torch.empty_like(y).copy_(y),
    "fill_": lambda y: y.clone().fill_(1.0),
    "group norm without weights": lambda y: F.group_norm(y, 4),
    "instance norm": F.instance_norm,
    "batch norm without weights": lambda y: F.batch_norm(y, torch.full((8,), 0.2), torch.ones(8)),
}


class WithBuffers(nn.Module):
    def __init__(self, between):
        super().__init__()
        self.between = between
        self.register_buffer("own", torch.linspace(0.5, 1, 8).reshape(1, 8, 1, 1))

    def forward(self, y):
        return self.between(y, self.own)


class Divided(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.rand(8, 1, 1) + 0.5)

    def forward(self, y):
        return y / self.scale


def no_affine():
    norm = nn.BatchNorm2d(8, affine=False)
    norm.running_mean.normal_()
    return norm


OTHERS |= {
    "a buffer is added": WithBuffers(lambda y, own: y + own),
    "a buffer is a factor": WithBuffers(lambda y, own: y * own),
    "divided by a buffer": WithBuffers(lambda y, own: y / own),
    "batch norm of statistics alone": no_affine(),
    "group norm module without weights": nn.GroupNorm(4, 8, affine=False),
    "instance norm module": nn.InstanceNorm2d(8),
}
OTHERS |= {
    "max of two": lambda y: torch.max(y, torch.tensor(0.5)),
    "places of the largest": lambda y: y.topk(2, 2).indices,
    "places of a sort": lambda y: y.sort(2).indices,
    "draws": lambda y: y.clone().bernoulli_(0.5) * 0 + y,
    "divided by a parameter": Divided(),
    "divided by its deviation": lambda y: y / y.std((2, 3), keepdim=True),
    "log of the size": lambda y: y.abs().log(),
    "a negative power": lambda y: (y**-1).clamp(-5, 5),
}
OTHERS |= {name: getattr(torch, name) for name in UNARY.split()}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_frozen_keeps_the_law(name):
    torch.manual_seed(0)
    between = OTHERS[name]
    model = randomize(Summed(between if isinstance(between, nn.Module) else lambda y: between(y).float()))
    x = torch.rand(2, 3, 6, 6)
    graph = trace(model, x)
    for seed in range(2):
        plan = random_plan(graph, seed)
        with torch.no_grad():
            found, expected = compact(model, graph, plan, verify=False)(x), mask(model, graph, plan)(x)
        assert torch.allclose(found, expected, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize(
    "name",
    ["sin", "tanh", "sqrt", "where with zero", "pow", "masked_fill with zero", "clamp_min", "a buffer is a factor"],
)
def test_operations_that_keep_zero_leave_channels_free(name):
    model = Summed(OTHERS[name])
    assert "first" not in trace(model, torch.rand(2, 3, 6, 6)).frozen


@pytest.mark.parametrize("name", ["divided by a parameter", "divided by its deviation", "a negative power"])
def test_channels_that_would_be_infinite_freeze(name):
    assert "makes infinite numbers" in trace(Summed(OTHERS[name]), torch.rand(2, 3, 6, 6)).frozen["first"]


class Kernels(nn.Module):
    """Linear attention, with features that are not zero where channels are removed."""

    def __init__(self, feature):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(a, b) for a, b in ((6, 16), (6, 16), (6, 16), (16, 3)))
        self.feature = feature

    def forward(self, x):
        q, k = self.feature(self.q(x)), self.feature(self.k(x))
        return self.out(q @ (k.mT @ self.v(x)))


@pytest.mark.parametrize(("feature", "is_open"), [(lambda t: F.elu(t) + 1, False), (F.relu, True)])
def test_products_of_products_stay_loud(feature, is_open):
    model, x = randomize(Kernels(feature)), torch.rand(2, 5, 6)
    graph = trace(model, x)
    assert ("q" in {group.name for group in graph.prunable}) is is_open
    compact(model, graph, random_plan(graph, 0))


class Mixed(nn.Module):
    """A linear layer over tokens, whose bias shifts all channels; then a sum over channels."""

    def __init__(self, *, bias):
        super().__init__()
        self.embed, self.mix, self.out = nn.Conv2d(3, 8, 2, 2), nn.Linear(9, 9, bias=bias), nn.Linear(8, 3)

    def forward(self, x):
        x = self.mix(self.embed(x).flatten(2))
        return self.out(x.mT) * x.sum(1)[..., None]


@pytest.mark.parametrize("bias", [True, False])
def test_a_bias_over_tokens_wakes_channels(bias):
    model, x = randomize(Mixed(bias=bias)), torch.rand(2, 3, 6, 6)
    graph = trace(model, x)
    assert ("embed" in graph.frozen) is bias
    compact(model, graph, random_plan(graph, 0))


class Positive(nn.Module):
    def forward(self, weight):
        return F.softplus(weight)


def test_weights_that_are_never_zero_keep_the_law():
    model = nn.Sequential(nn.Linear(6, 16), nn.Sigmoid(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 3))
    nn.utils.parametrize.register_parametrization(model[2], "weight", Positive())
    model, x = randomize(model), torch.rand(4, 6)
    graph = trace(model, x)
    assert "0" in graph.frozen
    compact(model, graph, random_plan(graph, 0))
