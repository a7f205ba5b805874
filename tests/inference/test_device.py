"""Devices by name."""

import pytest
import torch

from napari_pathprune.inference.device import find_device


def test_devices_are_found_by_name():
    assert find_device("auto").type in ("cpu", "cuda", "mps")
    assert find_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "cuda:x", ""])
def test_unknown_names_are_rejected(name):
    with pytest.raises(ValueError, match="choose one of auto, cpu, cuda, mps"):
        find_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_missing_device_is_named():
    with pytest.raises(ValueError, match=r"got device 'cuda', which this machine does not have; .*: .*cpu"):
        find_device("cuda")


def test_fastest_device_comes_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert find_device("auto") == torch.device("cuda")
    assert find_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match="got device 'cuda:2'"):
        find_device("cuda:2")
