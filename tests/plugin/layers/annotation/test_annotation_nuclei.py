"""Measurements after any edit are those of a fresh count."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from napari_pathprune.plugin.layers.annotation.annotation_nuclei import EditedNuclei

IMAGES = arrays(np.int32, (6, 7), elements=st.integers(0, 4))


@given(before=IMAGES, after=IMAGES)
def test_an_update_equals_a_fresh_measurement(before, after):
    labels = before.copy()
    nuclei = EditedNuclei(labels)
    labels[:] = after
    changed = nuclei.update()
    fresh = EditedNuclei(after)
    assert nuclei.areas == fresh.areas
    assert nuclei.boxes == fresh.boxes
    assert nuclei.centres == {number: pytest.approx(centre) for number, centre in fresh.centres.items()}
    assert changed == (set(before[before != after].tolist()) | set(after[before != after].tolist())) - {0}
    assert nuclei.update() == set()


def test_the_mask_of_a_nucleus_is_cropped_to_its_box():
    labels = np.zeros((9, 9), np.int32)
    labels[2:4, 3:7] = 5
    labels[3, 6] = 1
    mask, corner = EditedNuclei(labels).mask(5)
    assert corner == (2, 3)
    assert mask.tolist() == [[True] * 4, [True, True, True, False]]
