"""Folded norms give the results of the layers."""

import pytest
import torch
from torch import nn

from napari_pathprune.models.hovernet.strips.fold_layers import (
    UnfoldableError,
    find_layer,
    fold_convolution,
    fold_preactivation,
    read_norm,
)
from napari_pathprune.models.hovernet.strips.fused_convolution import convolve


def make_norm(channels, scales=None):
    norm = nn.BatchNorm2d(channels).eval()
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)
    nn.init.normal_(norm.bias)
    norm.weight.data = torch.tensor(scales) if scales else torch.rand(channels) + 0.5
    return norm


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(3)


@pytest.fixture
def x():
    return torch.randn(1, 8, 7, 6).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("splits", [1, 2, 4])
@torch.no_grad()
def test_a_convolution_takes_the_norm_after_it(x, splits):
    conv, norm = nn.Conv2d(8, 12, 3, groups=splits, bias=splits == 2), make_norm(12)
    torch.testing.assert_close(convolve(x, fold_convolution(conv, norm)), norm(conv(x)), rtol=1e-5, atol=1e-5)
    scaled = convolve(x, fold_convolution(conv, divisor=255.0))
    torch.testing.assert_close(scaled, conv(x / 255.0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "scales",
    [None, [1.0, -1.0, 0.5, -2.0, 0.0, 1e-12, -1e-39, 1e-39], [0.0] * 8, [-1.0] * 8],
    ids=["positive", "mixed", "zero", "negative"],
)
@torch.no_grad()
def test_a_convolution_takes_the_norm_and_the_relu_before_it(x, scales):
    before, conv, after = make_norm(8, scales), nn.Conv2d(8, 5, 1, bias=False), make_norm(5)
    clamp, kernel = fold_preactivation(before, conv, after)
    torch.testing.assert_close(convolve(clamp.apply(x), kernel), after(conv(before(x).relu())), rtol=1e-5, atol=1e-5)
    assert (clamp.upper is None) == (scales is None), "an upper bound costs time, so only negative scales have one"
    clamp, kernel = fold_preactivation(before, conv, None)
    torch.testing.assert_close(convolve(clamp.apply(x), kernel), conv(before(x).relu()), rtol=1e-5, atol=1e-5)


def test_other_layers_are_refused():
    parent = nn.Sequential(nn.Identity())
    with pytest.raises(UnfoldableError, match="got a Identity as 0; expected BatchNorm2d"):
        find_layer(parent, "0", nn.BatchNorm2d)
    with pytest.raises(UnfoldableError, match="without 1"):
        find_layer(parent, "1", nn.BatchNorm2d)
    with pytest.raises(UnfoldableError, match="padding"):
        fold_convolution(nn.Conv2d(3, 3, 3, padding=1))
    with pytest.raises(UnfoldableError, match="without weights"):
        read_norm(nn.BatchNorm2d(3, affine=False))
    with pytest.raises(UnfoldableError, match="statistics"):
        read_norm(nn.BatchNorm2d(3, track_running_stats=False))
