"""Padding, upsampling and cropping, where an off-by-one would shift every nucleus."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from napari_pathprune.models.hovernet.hovernet_blocks import DenseBlock, ResidualBlock, SamePad, Upsample2x, crop_to


@pytest.mark.parametrize(
    ("kernel_px", "stride_px", "before", "after"),
    [(3, 1, 1, 1), (7, 1, 3, 3), (5, 1, 2, 2), (3, 2, 0, 1), (1, 2, 0, 0)],
)
def test_same_padding_adds_an_odd_pixel_below_and_on_the_right(kernel_px, stride_px, before, after):
    padded = SamePad(kernel_px, stride_px)(torch.ones(1, 1, 4, 6))
    assert padded.shape == (1, 1, 4 + before + after, 6 + before + after)
    inside = padded[:, :, before : before + 4, before : before + 6]
    assert inside.eq(1).all()
    assert padded.sum() == 24  # zeros elsewhere


@given(
    kernel_px=st.sampled_from([1, 3, 5, 7]),
    stride_px=st.sampled_from([1, 2]),
    height=st.integers(2, 12).map(lambda half: 2 * half),
)
def test_same_padding_gives_the_size_divided_by_the_stride(kernel_px, stride_px, height):
    layer = nn.Sequential(SamePad(kernel_px, stride_px), nn.Conv2d(1, 1, kernel_px, stride=stride_px))
    assert layer(torch.zeros(1, 1, height, 8)).shape[2:] == (height // stride_px, 8 // stride_px)


def test_upsample_repeats_pixels():
    image = torch.arange(6.0).reshape(1, 1, 2, 3)
    expected = image.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(Upsample2x()(image), expected)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 4), st.integers(0, 4))
def test_crop_to_takes_the_centre(height, width, border_y, border_x):
    image = torch.arange(float((height + 2 * border_y) * (width + 2 * border_x)))
    image = image.reshape(1, 1, height + 2 * border_y, width + 2 * border_x)
    cut = crop_to(image, torch.empty(1, 5, height, width))
    assert torch.equal(cut, image[:, :, border_y : border_y + height, border_x : border_x + width])


def test_residual_block_adds_each_unit_to_the_stream():
    torch.manual_seed(0)
    block = ResidualBlock(4, (8, 8, 16), units=3, stride_px=2).eval()
    for unit in block.units:
        nn.init.zeros_(unit.get_submodule("conv3").weight)
    x = torch.randn(1, 4, 8, 12)
    shortcut = nn.functional.conv2d(x, block.shortcut.weight, stride=2)
    assert shortcut.shape == (1, 16, 4, 6)
    torch.testing.assert_close(block(x), block.blk_bna(shortcut))  # with silenced units only the shortcut is left


def test_dense_block_keeps_its_input_and_adds_growth():
    torch.manual_seed(0)
    block = DenseBlock(8, kernel_px=3, narrow=8, growth=4, units=2, splits=4).eval()
    block.blk_bna = nn.Identity()
    x = torch.randn(1, 8, 10, 11)
    out = block(x)
    assert block.outputs == 16
    assert out.shape == (1, 16, 6, 7)
    assert torch.equal(out[:, :8], x[:, :, 2:-2, 2:-2])
    assert torch.equal(out[:, 8:12], block.units[0](x)[:, :, 1:-1, 1:-1])
