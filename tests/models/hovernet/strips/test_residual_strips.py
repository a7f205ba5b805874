"""A stage in strips gives the results of the block."""

import pytest
import torch

from napari_pathprune.models.hovernet.hovernet_blocks import ResidualBlock
from napari_pathprune.models.hovernet.strips import strip_rows
from napari_pathprune.models.hovernet.strips.residual_strips import fold_residual, run_residual


@pytest.mark.parametrize("stride_px", [1, 2])
@pytest.mark.parametrize("widths", [(6, 5, 9), (1, 1, 1), (16, 16, 32)])
@pytest.mark.parametrize("height", [2, 6, 34])
@torch.no_grad()
def test_stage_is_the_block(monkeypatch, randomise_norms, stride_px, widths, height):
    monkeypatch.setattr(strip_rows, "STRIP_BYTES", 1)  # as many strips as possible
    block = randomise_norms(ResidualBlock(7, widths, 3, stride_px))
    x = torch.randn(1, 7, height, 10).contiguous(memory_format=torch.channels_last)
    stage = fold_residual(block)
    assert (stage.stride_px, stage.outputs) == (stride_px, widths[2])
    torch.testing.assert_close(run_residual(stage, x), block(x), rtol=1e-5, atol=1e-5)
