"""Outlines of a table as the rings that other programs read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from napari_pathprune.instances.table import InstanceTable


def make_rings(table: InstanceTable) -> Iterator[list[list[float]]]:
    """Yield the outlines as closed, valid rings of (x, y) from the corner of the slide, so that centres are at .5.

    Parameters
    ----------
    table
        Nuclei in level-0 pixels.

    Yields
    ------
    list
        The points of a nucleus, (x, y) in level-0 pixels to two decimals; the first is repeated at the end.

    Examples
    --------
    >>> from napari_pathprune.instances.table import InstanceTable
    >>> labels = np.zeros((4, 4), np.int32)
    >>> labels[1:3, 1:4] = 1
    >>> next(make_rings(InstanceTable.from_instance_map(labels)))
    [[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0], [1.0, 1.0]]
    """
    if not len(table):
        return
    corners = np.repeat(np.arange(len(table)), np.diff(table.offsets))
    xy = table.points[:, ::-1].astype(np.float64) + 0.5
    polygons = shapely.polygons(shapely.linearrings(xy, indices=corners))
    for row in np.flatnonzero(~shapely.is_valid(polygons)):  # outlines with spurs one pixel wide touch themselves
        parts = shapely.get_parts(shapely.buffer(polygons[row], 0))
        largest = parts[shapely.area(parts).argmax()] if len(parts) else shapely.Polygon()
        polygons[row] = largest if largest.area > 0 else shapely.box(*polygons[row].bounds)
    for polygon in polygons:
        yield shapely.get_coordinates(polygon.exterior).round(2).tolist()
