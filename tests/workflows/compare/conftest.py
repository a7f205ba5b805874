"""Two drawn segmentations that agree on one nucleus and differ in four ways."""

import numpy as np
import pytest

from napari_pathprune.workflows.compare.segmentation import Segmentation

SHAPE = (200, 300)
NAMES = ("background", "tumour", "stroma")


def draw(discs):
    """Return labels with discs (id, y, x, radius)."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels = np.zeros(SHAPE, np.int32)
    for number, row, column, radius in discs:
        labels[np.hypot(y - row, x - column) <= radius] = number
    return labels


def segment(name, discs, types, names=NAMES, region=(0, 0, *SHAPE), **options):
    """Return a segmentation of discs."""
    ids = np.array([disc[0] for disc in discs], np.int64)
    probabilities = np.linspace(0.5, 0.9, len(ids))
    return Segmentation(
        name,
        draw(discs),
        region,
        SHAPE,
        ids=ids,
        types=np.array(types, np.int64),
        probabilities=probabilities,
        type_names=names,
        mpp=(0.5, 0.5),
        slide="slide.svs",
        **options,
    )


@pytest.fixture
def dense():
    """Nuclei 1 to 4; nucleus 3 is missing in the other."""
    return segment("dense", [(1, 30, 30, 8), (2, 30, 90, 8), (3, 100, 100, 8), (4, 150, 250, 8)], [1, 1, 2, 2])


@pytest.fixture
def compact():
    """Nuclei with other ids and types in another order; 30 is new, and 20 has another type."""
    names = ("background", "stroma", "tumour")
    discs = [(10, 30, 30, 8), (20, 31, 90, 8), (30, 60, 200, 6), (40, 150, 251, 8)]
    return segment("compact", discs, [2, 1, 1, 1], names)
