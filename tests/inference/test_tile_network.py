"""HoVer-Net offers what the protocol of a tile network asks for."""

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
