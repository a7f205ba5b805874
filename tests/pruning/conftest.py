"""Fixtures: a narrow HoVer-Net, traced once."""

import pytest
import torch
from pruning_nets import randomize
from torch import Tensor, nn

from napari_pathprune.models import build
from napari_pathprune.pruning import ChannelGraph, trace


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def patch() -> Tensor:
    return 255 * torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def narrow_hovernet() -> nn.Module:
    torch.manual_seed(0)
    return randomize(build("hovernet", mode="fast", num_types=3, width=0.25))


@pytest.fixture(scope="session")
def narrow_graph(narrow_hovernet: nn.Module, patch: Tensor) -> ChannelGraph:
    return trace(narrow_hovernet, patch)
