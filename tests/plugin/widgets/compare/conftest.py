"""A comparison to show."""

import numpy as np
import pytest

from napari_pathprune.workflows.compare.compare import compare
from napari_pathprune.workflows.compare.segmentation import Segmentation


@pytest.fixture
def comparison(two_discs):
    """Two nuclei in A, one of them in B as well."""
    a = Segmentation("dense", two_discs, (0, 0, 64, 80), (64, 80), mpp=(0.5, 0.5))
    b = Segmentation("compact", np.where(two_discs == 7, 7, 0), (0, 0, 64, 80), (64, 80), mpp=(0.5, 0.5))
    *_, end = compare(a, b)
    return end.comparison
