"""A branch in strips gives the results of the branch."""

import pytest
import torch

from napari_pathprune.models.hovernet.hovernet import HoVerNet
from napari_pathprune.models.hovernet.hovernet_blocks import Upsample2x, crop_to
from napari_pathprune.models.hovernet.strips import strip_rows
from napari_pathprune.models.hovernet.strips.decoder_strips import fold_branch, run_branch


@pytest.mark.parametrize("mode", ["fast", "original"])
@torch.no_grad()
def test_branch_is_the_decoder_of_a_map(monkeypatch, randomise_norms, mode):
    monkeypatch.setattr(strip_rows, "STRIP_BYTES", 1)
    model = randomise_norms(HoVerNet(mode=mode, num_types=3, width=0.0625))
    branch = model.decoder["tp"]
    low = torch.randn(1, 64, 26, 27)
    skips = [torch.randn(1, 64, 52, 54), torch.randn(1, 32, 105, 108), torch.randn(1, 16, 210, 216)]
    expected = low
    for name, skip in zip(("u3", "u2", "u1"), skips, strict=True):
        expected = Upsample2x()(expected)
        expected = branch.get_submodule(name)(expected + crop_to(skip, expected))
    expected = branch.get_submodule("u0")(expected)
    skips = [skip.contiguous(memory_format=torch.channels_last) for skip in skips]
    result = run_branch(fold_branch(branch), low.contiguous(memory_format=torch.channels_last), skips)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)
