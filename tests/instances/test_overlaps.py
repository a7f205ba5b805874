"""The contingency table of two maps."""

import numpy as np
import pytest
from drawn_maps import small_maps
from hypothesis import given, settings

from napari_pathprune.instances.overlaps import count_overlaps


@settings(max_examples=60, deadline=None)
@given(small_maps, small_maps)
def test_entries_are_shared_pixels(a, b):
    overlaps = count_overlaps(a, b)
    expected = {
        (i, j): int(((a == i) & (b == j)).sum())
        for i in np.unique(a[a > 0]).tolist()
        for j in np.unique(b[b > 0]).tolist()
        if ((a == i) & (b == j)).any()
    }
    keys = zip(overlaps.ids_a[overlaps.row_a].tolist(), overlaps.ids_b[overlaps.row_b].tolist(), strict=True)
    assert dict(zip(keys, overlaps.shared.tolist(), strict=True)) == expected
    assert overlaps.area_a.tolist() == [int((a == i).sum()) for i in overlaps.ids_a]
    for centre, id_ in zip(overlaps.centre_b, overlaps.ids_b, strict=True):
        assert centre == pytest.approx(np.argwhere(b == id_).mean(axis=0))
    for (i, j), iou in zip(expected, overlaps.iou, strict=True):
        assert iou == pytest.approx(expected[i, j] / ((a == i) | (b == j)).sum())


def test_maps_of_different_shapes_are_rejected():
    with pytest.raises(ValueError, match=r"got instance maps of shapes \(2, 3\) and \(3, 2\)"):
        count_overlaps(np.zeros((2, 3), int), np.zeros((3, 2), int))
