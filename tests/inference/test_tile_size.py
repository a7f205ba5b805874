"""The tile size follows from the memory."""

import pytest
import torch
from torch import nn

from napari_pathprune.inference.tile_size import (
    LARGEST_PX,
    MAPS_ALIVE,
    OTHER_BYTES_PER_PX,
    SMALLEST_PX,
    choose_tile_px,
    measure_largest_map,
)


def test_largest_map_is_measured(colour_network):
    colour_network.first = nn.Conv2d(3, 10, 1)  # float32 at full size
    assert measure_largest_map(colour_network, "cpu") == pytest.approx(40)
    assert not colour_network._forward_hooks


@pytest.mark.parametrize("expected_px", [300, 1000, 1500])
def test_tile_uses_the_budget_and_fits_the_network(colour_network, expected_px):
    budget = expected_px**2 * (MAPS_ALIVE * measure_largest_map(colour_network, "cpu") + OTHER_BYTES_PER_PX)
    side = choose_tile_px(colour_network, torch.device("cpu"), int(budget))
    assert expected_px - 8 < side <= expected_px
    assert colour_network.nearest_sizes(side)[0] == side


def test_tile_size_has_limits(colour_network):
    assert choose_tile_px(colour_network, "cpu", 1) == SMALLEST_PX
    assert choose_tile_px(colour_network, "cpu", 2**50) == LARGEST_PX


def test_default_budget_keeps_a_cpu_process_within_two_and_a_half_gib(colour_network):
    colour_network.first = nn.Conv2d(3, 64, 1)  # like a HoVer-Net of width 0.25, where 856 px take 1.6 GB
    assert 800 <= choose_tile_px(colour_network, "cpu") <= 900


@pytest.mark.parametrize("expected_px", [300, 1000, 1500])
def test_tile_of_a_form_uses_the_memory_that_it_states(colour_network, inverted_form, expected_px):
    form = inverted_form(colour_network)
    budget = int(expected_px**2 * (form.bytes_per_px + OTHER_BYTES_PER_PX))
    assert expected_px - 8 < choose_tile_px(colour_network, "cpu", budget, form) <= expected_px
    assert not colour_network.shapes, "the network need not run"
