"""Colours, features and outlines of a Labels layer of nuclei."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.utils import DirectLabelColormap

from napari_pathprune.instances.palette import names_by_number, type_colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.instances.table import InstanceTable
    from napari_pathprune.slides.reader import Mpp

OUTLINED_PX: Final = 2048 * 2048
"""Largest region whose nuclei are outlined; in larger ones outlines are too thin to see, and slow to draw."""
OUTLINE_UM: Final = 0.5
OUTLINED, FILLED = 1.0, 0.6  # opacity
_CLEAR: Final = (0.0, 0.0, 0.0, 0.0)


def make_attributes(table: InstanceTable, mpp: Mpp, type_names: Sequence[str]) -> dict[str, Any]:
    """Return colormap, features and opacity of a Labels layer; `copy_placement` returns its placement.

    Parameters
    ----------
    table
        The nuclei of the layer.
    mpp
        Size of a level-0 pixel in um (y, x).
    type_names
        Names of the types, background first; empty if the model has no types.
    """
    return {
        "colormap": make_colormap(table.id, table.type, type_names),
        "features": make_features(table, mpp, type_names),
        "opacity": FILLED,
    }


def make_colormap(
    ids: NDArray[np.integer], types: NDArray[np.integer], type_names: Sequence[str]
) -> DirectLabelColormap:
    """Return a colormap that colours nuclei by type; all other labels are transparent.

    Parameters
    ----------
    ids, types
        (N,) the label of each nucleus, and its index in `type_names`.
    type_names
        Names of the types, background first; empty if the model has no types.
    """
    colours = [(red / 255, green / 255, blue / 255, 1.0) for red, green, blue in type_colours(type_names)]
    known = [kind if 0 <= kind < len(colours) else 0 for kind in types.tolist()]
    nuclei = {number: colours[kind] for number, kind in zip(ids.tolist(), known, strict=True)}
    return DirectLabelColormap(color_dict={None: _CLEAR, 0: _CLEAR, **nuclei})


def make_features(table: InstanceTable, mpp: Mpp, type_names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the features of a Labels layer, one row for each nucleus.

    napari matches rows to labels by the column ``index``.
    """
    names = np.array(names_by_number(type_names))
    known = np.where(table.type < len(names), table.type, 0)
    return {
        "index": table.id,
        "type": names[known],
        "area_um2": np.round(table.area * mpp[0] * mpp[1], 2),
        "probability": np.round(table.type_probability.astype(float), 3),
        "y_px": np.round(table.y, 1),
        "x_px": np.round(table.x, 1),
    }


def outline_width(region: Box, mpp: Mpp) -> int:
    """Return the width of outlines in pixels, or 0 if the nuclei of the region are filled instead.

    Parameters
    ----------
    region
        (y0, x0, y1, x1) in level-0 pixels.
    mpp
        Size of a level-0 pixel in um (y, x).

    Examples
    --------
    >>> outline_width((0, 0, 900, 900), (0.25, 0.25)), outline_width((0, 0, 9000, 9000), (0.25, 0.25))
    (2, 0)
    """
    y0, x0, y1, x1 = region
    return max(round(OUTLINE_UM / mpp[0]), 1) if (y1 - y0) * (x1 - x0) <= OUTLINED_PX else 0


def count_types(table: InstanceTable, type_names: Sequence[str]) -> tuple[int, ...]:
    """Return the number of nuclei of each type, nuclei without a type first."""
    length = max(len(type_names), 1)
    counts = np.bincount(np.where(table.type < length, table.type, 0), minlength=length)
    return tuple(int(count) for count in counts)
