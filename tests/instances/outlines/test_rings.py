"""Outlines become closed, valid rings of (x, y)."""

import numpy as np
import pytest
import shapely

from napari_pathprune.instances.outlines.rings import make_rings
from napari_pathprune.instances.table import InstanceTable


def make_table(*rows):
    return InstanceTable.from_instance_map(np.array([list(row) for row in rows], np.int32))


def test_rings_are_x_y_from_the_corner_and_closed():
    (ring,) = make_rings(make_table("0000", "0110", "0110", "0110"))
    assert ring[0] == ring[-1]
    assert {tuple(point) for point in ring} == {(1.0, 1.0), (3.0, 1.0), (3.0, 4.0), (1.0, 4.0)}


def test_no_nuclei_have_no_rings():
    assert list(make_rings(make_table("00", "00"))) == []


@pytest.mark.parametrize("rows", [("10101", "11111", "10101"), ("1000", "1111", "0001"), ("11", "10", "11")])
def test_nuclei_with_spurs_have_valid_rings(rows):
    (ring,) = make_rings(make_table(*rows))
    polygon = shapely.Polygon(ring)
    assert polygon.is_valid
    assert polygon.area > 0
