"""Rules for norms."""

import pytest
import torch
from rule_law import check_rule
from torch import nn

from napari_pathprune.pruning import trace


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(8),
        nn.InstanceNorm2d(8, affine=True),
        nn.GroupNorm(4, 8),
        nn.GroupNorm(8, 8),
        nn.GroupNorm(1, 8),
        nn.PReLU(8),
        nn.PReLU(),
    ],
    ids=str,
)
def test_norms_keep_the_law(layer):
    check_rule(layer)


class ChannelsLast(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def test_a_layer_norm_over_channels_runs_over_those_that_stay():
    check_rule(ChannelsLast(8))


def test_norms_over_channels_are_named_and_those_without_weights_freeze():
    def find_norms(norm):
        graph = trace(nn.Sequential(nn.Linear(6, 8), norm, nn.Linear(8, 2)), torch.zeros(2, 6))
        return graph.norms, graph.frozen.get("0")

    assert find_norms(nn.LayerNorm(8)) == (("1.weight",), None)
    assert find_norms(nn.RMSNorm(8)) == (("1.weight",), None)
    names, why = find_norms(nn.LayerNorm(8, elementwise_affine=False))
    assert names == ()
    assert "no weights to mask it by" in why


def test_a_norm_over_channels_and_pixels_freezes():
    check_rule(nn.LayerNorm((8, 8, 8)), why="layer_norm mixes channels with another axis")
