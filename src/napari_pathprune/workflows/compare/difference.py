"""The difference of two segmentations as labels: agreed, only in A, only in B, type changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from napari_pathprune.base.box import Box
from napari_pathprune.workflows.compare.disagreements import Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.instances.palette import Colour
    from napari_pathprune.workflows.compare.comparison import Comparison
    from napari_pathprune.workflows.compare.segmentation import Segmentation

STATUS_COLOURS: Final[Mapping[int, Colour]] = {
    Status.AGREED: (235, 235, 235),
    Status.ONLY_A: (230, 159, 0),
    Status.ONLY_B: (86, 180, 233),
    Status.TYPE_CHANGED: (0, 158, 115),
}
"""Colours that the colour-blind can tell (Okabe and Ito 2008), and that stand out from haematoxylin and eosin."""


def paint_difference(
    comparison: Comparison, a: Segmentation, b: Segmentation
) -> Iterator[tuple[Box, NDArray[np.int32]]]:
    """Yield the difference, block by block.

    Where a nucleus of A and one of B overlap without being the same, the one in A only is shown.

    Parameters
    ----------
    comparison
        Of these segmentations.
    a, b
        What was compared.

    Yields
    ------
    tuple
        The box of a block in level-0 pixels, and its labels: values of `Status`, 0 for the background.
    """
    from napari_pathprune.workflows.compare.compare import list_blocks  # noqa: PLC0415 - scipy, which docks open without

    for block in list_blocks(comparison.region, a, b):
        yield block, paint_block(comparison, a, b, block)


def paint_block(comparison: Comparison, a: Segmentation, b: Segmentation, box: Box) -> NDArray[np.int32]:
    """Return the difference in a box of level-0 pixels, as values of `Status`."""
    in_a, in_b = find_status(comparison, a.read(box), "a"), find_status(comparison, b.read(box), "b")
    is_pair_a = (in_a == Status.AGREED) | (in_a == Status.TYPE_CHANGED)
    is_pair_b = (in_b == Status.AGREED) | (in_b == Status.TYPE_CHANGED)
    return np.select([is_pair_a, is_pair_b, in_a > 0], [in_a, in_b, in_a], in_b).astype(np.int32)


def find_status(comparison: Comparison, labels: NDArray[Any], side: Literal["a", "b"]) -> NDArray[np.int8]:
    """Replace each label of one side by the `Status` of its nucleus; nuclei that do not count become background.

    Parameters
    ----------
    comparison
        Of the segmentation that the labels are from.
    labels
        (H, W) integers, 0 background.
    side
        "a" or "b".
    """
    matching, rows = comparison.matching, comparison.disagreements
    changed = rows.status == Status.TYPE_CHANGED
    is_a = side == "a"
    status = np.zeros(labels.shape, np.int8)
    is_nucleus = labels > 0
    found, place = np.unique(labels[is_nucleus], return_inverse=True)
    of_found = np.zeros(len(found), np.int8)
    of_found[np.isin(found, matching.pairs[:, 0 if is_a else 1])] = Status.AGREED
    of_found[np.isin(found, (rows.id_a if is_a else rows.id_b)[changed])] = Status.TYPE_CHANGED
    of_found[np.isin(found, matching.only_a if is_a else matching.only_b)] = Status.ONLY_A if is_a else Status.ONLY_B
    status[is_nucleus] = of_found[place]
    return status
