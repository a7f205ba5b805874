"""Fixtures that several rooms share: two tiny networks and one instance map."""

from __future__ import annotations

import os

import hypothesis
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from two_convolutions import NAME, TwoConvolutions

from napari_pathprune.models import registry
from napari_pathprune.models.hovernet.hovernet import HoVerNet

if "PYTEST_XDIST_WORKER" in os.environ:  # one process a core: more threads would only wait for each other
    os.environ["OMP_NUM_THREADS"] = "1"  # of child processes
    torch.set_num_threads(1)

# The same examples at every run, without a deadline, since the machine may be busy;
# `pytest --hypothesis-profile=explore` looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", print_blob=True, deadline=None)
hypothesis.settings.load_profile("same")


@pytest.fixture
def tiny_hovernet() -> HoVerNet:
    """Return a fresh typed HoVer-Net of 1/16 width whose batch norms do something."""
    with torch.random.fork_rng():
        torch.manual_seed(11)
        model = HoVerNet(mode="fast", num_types=4, width=0.0625)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.normal_(module.bias, std=0.2)
                torch.nn.init.normal_(module.running_mean, std=0.2)
                torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model.eval()


@pytest.fixture
def two_convolutions(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register `TwoConvolutions` with `models.build` and return the name of the architecture."""
    known = {**registry._ARCHITECTURES, NAME: TwoConvolutions}
    monkeypatch.setattr(registry, "_ARCHITECTURES", known)
    return NAME


@pytest.fixture
def two_convolutions_as_hovernet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build `TwoConvolutions` wherever "hovernet" is asked for, as where a bare folder is trained on."""
    monkeypatch.setattr(registry, "_ARCHITECTURES", {"hovernet": TwoConvolutions})


@pytest.fixture
def two_discs() -> NDArray[np.int32]:
    """Return an instance map of 64 x 80 px: disc 3 of radius 9 around (20, 22), disc 7 of radius 12 around (40, 55)."""
    y, x = np.mgrid[:64, :80]
    instances = np.zeros((64, 80), np.int32)
    instances[np.hypot(y - 20, x - 22) <= 9] = 3
    instances[np.hypot(y - 40, x - 55) <= 12] = 7
    return instances
