"""Networks with a layer that is not safe in channels-last are trained in the contiguous layout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_pathprune.models import build
from napari_pathprune.training.memory_layout import layout_for


@pytest.mark.parametrize(
    ("layer", "layout"),
    [
        (nn.Conv2d(15, 32, 1, stride=2), torch.contiguous_format),
        (nn.Conv2d(15, 32, 1, stride=(1, 2)), torch.contiguous_format),
        (nn.Conv2d(16, 32, 1, stride=2), torch.channels_last),
        (nn.Conv2d(15, 32, 1), torch.channels_last),
        (nn.Conv2d(15, 32, 3, stride=2), torch.channels_last),
    ],
)
def test_an_unsafe_layer_is_found_at_any_depth(layer: nn.Module, layout: torch.memory_format) -> None:
    assert layout_for(nn.Sequential(nn.Conv2d(3, 15, 3), nn.Sequential(layer))) == layout


def test_the_narrowest_hovernet_is_safe() -> None:
    assert layout_for(build("hovernet", num_types=2, width=0.01)) == torch.channels_last
