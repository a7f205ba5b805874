"""Whether removed channels stay silent, seen in sums over channels."""

import pytest
import torch
from torch import nn

from napari_pathprune.pruning import trace

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
