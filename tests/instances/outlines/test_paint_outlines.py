"""Painted outlines give the pixels back from which they were traced."""

import numpy as np
import pytest

from napari_pathprune.instances.outlines.paint_outlines import CELL_PX, bound_outlines, paint_outlines
from napari_pathprune.instances.table import InstanceTable


def test_the_outlines_of_discs_are_painted_as_they_were(two_discs):
    table = InstanceTable.from_instance_map(two_discs)
    rings = [table.contour(row).astype(float) for row in range(len(table))]
    [(box, labels, painted)] = paint_outlines(rings, np.array([1, 0], np.int16), table.id)
    whole = np.zeros_like(two_discs)
    whole[box[0] : box[2], box[1] : box[3]] = labels[: whole.shape[0] - box[0], : whole.shape[1] - box[1]]
    np.testing.assert_array_equal(whole, two_discs)
    assert painted.type.tolist() == [1, 0]
    np.testing.assert_allclose([painted.y, painted.x], [table.y, table.x])


def test_distant_nuclei_are_painted_in_parts_and_overlaps_belong_to_the_first():
    square = np.array([[0.5, 0.5], [0.5, 6.5], [6.5, 6.5], [6.5, 0.5]])
    rings = [square, square + 3, square + 5 * CELL_PX]
    parts = list(paint_outlines(rings, np.zeros(3, np.int16)))
    assert [table.id.tolist() for _, _, table in parts] == [[1, 2], [3]]
    assert parts[0][2].area.tolist() == [36, 27]
    assert max(labels.size for _, labels, _ in parts) < 200


def test_positions_off_any_slide_are_refused():
    assert bound_outlines([np.array([[-3.0, -2.0], [4.2, 9.0], [0.0, 0.0]])]) == (0, 0, 6, 10)
    for far in (1e9, np.nan):
        with pytest.raises(ValueError, match="expected pixels of level 0"):
            bound_outlines([np.array([[0.0, 0.0], [far, 0.0], [0.0, 1.0]])])
