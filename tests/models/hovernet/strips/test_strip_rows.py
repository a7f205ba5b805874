"""Strips cover all rows once, and upsampling repeats pixels."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from napari_pathprune.models.hovernet.strips.strip_rows import (
    FEWEST_ROWS,
    STRIP_BYTES,
    add_upsampled,
    allocate,
    count_row_bytes,
    crop_centre,
    cut_rows,
)


@given(st.integers(1, 3000), st.integers(1, 2 * STRIP_BYTES))
def test_strips_cover_all_rows_once_and_stay_small(rows, bytes_per_row):
    strips = cut_rows(rows, bytes_per_row)
    assert [row for top, bottom in strips for row in range(top, bottom)] == list(range(rows))
    tallest = max(bottom - top for top, bottom in strips)
    assert tallest <= FEWEST_ROWS or tallest * bytes_per_row <= STRIP_BYTES


def test_tensors_are_channels_last():
    assert allocate(3, 4, 5).stride() == (60, 1, 15, 3)
    assert count_row_bytes(allocate(3, 4, 5)) == 60


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("top", "bottom"), [(0, 8), (2, 6)])
def test_upsampling_repeats_pixels(channels, top, bottom):
    torch.manual_seed(0)
    low, skip = torch.randn(1, channels, 4, 5), torch.randn(1, channels, 10, 13)
    expected = F.interpolate(low, scale_factor=2.0) + skip[:, :, 1:9, 1:11]
    result = add_upsampled(low, crop_centre(skip, 8, 10), top, bottom)
    assert torch.equal(result, expected[:, :, top:bottom])


def test_columns_of_zeros_surround_an_upsampled_map():
    low, skip = torch.ones(1, 2, 2, 3), torch.zeros(1, 2, 4, 6)
    assert torch.equal(add_upsampled(low, skip, 0, 4, side_px=2), F.pad(torch.ones(1, 2, 4, 6), (2, 2)))


def test_strips_grow_with_the_threads_that_share_them(monkeypatch):
    heights = []
    for threads in (1, 2, 64):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        heights.append(cut_rows(6400, STRIP_BYTES // 10)[0][1])
    assert heights == [10, 20, 40]
