"""The difference of two segmentations as labels: agreed, only in A, only in B, type changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_pathprune.base.box import Box
from napari_pathprune.workflows.compare.compare import list_blocks
from napari_pathprune.workflows.compare.comparison import Comparison
from napari_pathprune.workflows.compare.disagreements import Status
from napari_pathprune.workflows.compare.segmentation import Segmentation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.instances.palette import Colour

STATUS_COLOURS: Final[dict[Status, Colour]] = {
    Status.AGREED: (190, 190, 190),
    Status.ONLY_A: (230, 159, 0),
    Status.ONLY_B: (0, 114, 178),
    Status.TYPE_CHANGED: (0, 0, 0),
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
    for block in list_blocks(comparison.region, a, b):
        yield block, paint_block(comparison, a, b, block)


def paint_block(comparison: Comparison, a: Segmentation, b: Segmentation, box: Box) -> NDArray[np.int32]:
    """Return the difference in a box of level-0 pixels, as values of `Status`."""
    pairs, rows = comparison.matching.pairs, comparison.disagreements
    changed = rows.status == Status.TYPE_CHANGED
    in_a = _to_status(a.read(box), pairs[:, 0], comparison.matching.only_a, rows.id_a[changed], Status.ONLY_A)
    in_b = _to_status(b.read(box), pairs[:, 1], comparison.matching.only_b, rows.id_b[changed], Status.ONLY_B)
    is_pair_a = (in_a == Status.AGREED) | (in_a == Status.TYPE_CHANGED)
    is_pair_b = (in_b == Status.AGREED) | (in_b == Status.TYPE_CHANGED)
    return np.select([is_pair_a, is_pair_b, in_a > 0], [in_a, in_b, in_a], in_b).astype(np.int32)


def _to_status(
    labels: NDArray[np.integer],
    paired: NDArray[np.int64],
    alone: NDArray[np.int64],
    changed: NDArray[np.int64],
    alone_status: Status,
) -> NDArray[np.int8]:
    """Replace each label by the status of its nucleus; nuclei that were not compared become background."""
    status = np.zeros(labels.shape, np.int8)
    is_nucleus = labels > 0
    found, place = np.unique(labels[is_nucleus], return_inverse=True)
    of_found = np.zeros(len(found), np.int8)
    of_found[np.isin(found, paired)] = Status.AGREED
    of_found[np.isin(found, changed)] = Status.TYPE_CHANGED
    of_found[np.isin(found, alone)] = alone_status
    status[is_nucleus] = of_found[place]
    return status
