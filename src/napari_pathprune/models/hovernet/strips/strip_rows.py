"""Strips of rows, and tensors that are filled strip by strip."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

STRIP_BYTES: Final = 4 * 2**20
"""Memory of the widest tensor in a strip, for each thread, so that all tensors of a strip stay in the cache."""
MOST_THREADS: Final = 4
"""Strips do not grow with further threads, since the cache does not either."""
FEWEST_ROWS: Final = 4


def cut_rows(rows: int, bytes_per_row: int) -> list[tuple[int, int]]:
    """Cut rows into strips of similar heights; several threads share a strip.

    Parameters
    ----------
    rows
        Number of rows.
    bytes_per_row
        Memory of one row of the widest tensor that a strip needs.

    Returns
    -------
    list
        First row of each strip, and the row after its last one.

    Examples
    --------
    >>> cut_rows(10, 2**24)
    [(0, 4), (4, 8), (8, 10)]
    """
    strip_bytes = STRIP_BYTES * min(torch.get_num_threads(), MOST_THREADS)
    step = max(FEWEST_ROWS, strip_bytes // bytes_per_row)
    count = -(-rows // step)
    step = -(-rows // count)
    return [(start, min(start + step, rows)) for start in range(0, rows, step)]


def allocate(channels: int, height: int, width: int) -> Tensor:
    """Return a tensor (1, C, H, W) with any values, in channels-last memory."""
    return torch.empty((1, channels, height, width), memory_format=torch.channels_last)


def count_row_bytes(x: Tensor) -> int:
    """Return the memory of one row of a tensor (1, C, H, W)."""
    return x.element_size() * x.shape[1] * x.shape[3]


def crop_centre(x: Tensor, height: int, width: int) -> Tensor:
    """Return the centre of a tensor (1, C, H, W) as a view."""
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x[:, :, top : top + height, left : left + width]


def add_upsampled(low: Tensor, skip: Tensor, top: int, bottom: int, side_px: int = 0) -> Tensor:
    """Repeat each pixel of a map twice along both axes and add a map of that size.

    Parameters
    ----------
    low
        (1, C, H, W).
    skip
        (1, C, 2 H, 2 W).
    top, bottom
        Even numbers: the rows of the result.
    side_px
        Columns of zeros on the left and on the right of the result.

    Examples
    --------
    >>> low, skip = torch.tensor([[[[1.0, 2.0]]]]), torch.zeros(1, 1, 2, 4)
    >>> add_upsampled(low, skip, 0, 2).tolist()
    [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    """
    width = 2 * low.shape[3]
    out = allocate(low.shape[1], bottom - top, width + 2 * side_px)
    out[..., :side_px] = 0.0
    out[..., side_px + width :] = 0.0
    inner = out[..., side_px : side_px + width]
    # whole pixels are repeated to the right, whole rows by the addition: loops over a few channels would take longer
    across = torch.arange(low.shape[3]).repeat_interleave(2)
    wide = _list_rows(low[:, :, top // 2 : bottom // 2]).index_select(1, across)
    pairs = (len(wide), 2, *wide.shape[1:])
    torch.add(_list_rows(skip[:, :, top:bottom]).view(pairs), wide[:, None], out=_list_rows(inner).view(pairs))
    return out


def _list_rows(x: Tensor) -> Tensor:
    """Return (1, C, H, W) as (H, W, C)."""
    return x[0].permute(1, 2, 0)
