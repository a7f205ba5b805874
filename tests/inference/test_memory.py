"""Tile sizes by memory."""

import pytest
import torch
from torch import nn

from napari_pathprune.inference.memory import (
    BESIDE_BYTES_PX,
    LARGEST_PX,
    MAPS_ALIVE,
    SMALLEST_PX,
    largest_map_bytes_px,
    tile_px_for,
)


def test_the_largest_map_of_a_network_is_found(colours):
    colours.first = nn.Conv2d(3, 10, 1)  # float32 at full size
    assert largest_map_bytes_px(colours, "cpu") == pytest.approx(40)
    assert not colours._forward_hooks


@pytest.mark.parametrize("wanted_px", [300, 1000, 1500])
def test_a_tile_uses_the_budget_and_fits_the_network(colours, wanted_px):
    budget = wanted_px**2 * (MAPS_ALIVE * largest_map_bytes_px(colours, "cpu") + BESIDE_BYTES_PX)
    side = tile_px_for(colours, torch.device("cpu"), int(budget))
    assert wanted_px - 8 < side <= wanted_px
    assert colours.nearest_sizes(side)[0] == side


def test_tiles_are_neither_tiny_nor_endless(colours):
    assert tile_px_for(colours, "cpu", 1) == SMALLEST_PX
    assert tile_px_for(colours, "cpu", 2**50) == LARGEST_PX


def test_without_a_budget_a_process_on_a_cpu_stays_below_two_and_a_half_gib(colours):
    colours.first = nn.Conv2d(3, 64, 1)  # the largest map of a HoVer-Net of width 0.25: 856 px took 1.6 GB
    assert 800 <= tile_px_for(colours, "cpu") <= 900
