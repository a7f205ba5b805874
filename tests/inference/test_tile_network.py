"""HoVer-Net offers what the protocols of a tile network and of its form for CPUs ask for."""

import pytest
import torch

from napari_pathprune.models import build


@pytest.mark.parametrize("mode", ["fast", "original"])
def test_hovernet_states_its_sizes(mode):
    network = build("hovernet", mode=mode, num_types=None, width=0.0625).eval()
    below, above = network.nearest_sizes(2 * network.margin_px + 21)
    assert below <= 2 * network.margin_px + 21 <= above
    with torch.inference_mode():
        outputs = network(torch.zeros(1, 3, above, above))
    assert outputs["np"].shape == outputs["hv"].shape == (1, 2, *[above - 2 * network.margin_px] * 2)
    assert "tp" not in outputs


@pytest.mark.parametrize("mode", ["fast", "original"])
def test_hovernet_has_a_form_for_cpus(mode):
    network = build("hovernet", mode=mode, num_types=2, width=0.0625).eval()
    form = network.prepare_for_cpu()
    above = network.nearest_sizes(2 * network.margin_px + 8)[1]
    outputs = form(torch.zeros(1, 3, above, above))
    assert {name: tuple(maps.shape[:2]) for name, maps in outputs.items()} == {"tp": (1, 2), "np": (1, 2), "hv": (1, 2)}
    assert form.bytes_per_px > 4 * 3 * 2
