"""Colours, features and outlines of a Labels layer of nuclei."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.utils import DirectLabelColormap

from napari_pathprune.instances.palette import names_by_number, type_colours

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.instances.table import InstanceTable
    from napari_pathprune.slides.reader import Mpp

OUTLINED_PX: Final = 2048 * 2048
"""Largest region whose nuclei are outlined; in larger ones outlines are too thin to see, and slow to draw."""
OUTLINE_UM: Final = 0.5
OUTLINED, FILLED = 1.0, 0.6  # opacity
ROWS_FOR_GAPS: Final = 1000
"""Features may have this many rows without a nucleus, beside as many as there are nuclei."""
_CLEAR: Final = (0.0, 0.0, 0.0, 0.0)


def make_attributes(
    table: InstanceTable, mpp: Mpp, type_names: Sequence[str], hidden: Collection[int] = ()
) -> dict[str, Any]:
    """Return colormap, features and opacity of a Labels layer; `copy_placement` returns its placement.

    Parameters
    ----------
    table
        The nuclei of the layer.
    mpp
        Size of a level-0 pixel in um (y, x).
    type_names
        Names of the types, background first; empty if the model has no types.
    hidden
        Types whose nuclei are transparent.
    """
    return {
        "colormap": make_colormap(table.id, table.type, type_names, hidden),
        "features": make_features(table, mpp, type_names),
        "opacity": FILLED,
    }


def make_type_attributes(labels: Sequence[int], types: Sequence[int], type_names: Sequence[str]) -> dict[str, Any]:
    """Return colormap and features of a layer whose labels are types, not nuclei.

    Parameters
    ----------
    labels, types
        The labels, from 1 on, and the index in `type_names` that each of them stands for.
    type_names
        Names of the types, background first; empty if the model has no types.
    """
    names = names_by_number(type_names)
    return {
        "colormap": make_colormap(np.array(labels), np.array(types), type_names),
        "features": {"index": [-1, *labels], "type": [names[0], *(names[kind] for kind in types)]},
    }


def make_colormap(
    ids: NDArray[np.integer], types: NDArray[np.integer], type_names: Sequence[str], hidden: Collection[int] = ()
) -> DirectLabelColormap:
    """Return a colormap that colours nuclei by type.

    Labels that are not among the nuclei, such as those that a person paints, have the colour of nuclei without a type.

    Parameters
    ----------
    ids, types
        (N,) the label of each nucleus, and its index in `type_names`.
    type_names
        Names of the types, background first; empty if the model has no types.
    hidden
        Types whose nuclei are transparent.
    """
    colours = [
        _CLEAR if kind in hidden else (red / 255, green / 255, blue / 255, 1.0)
        for kind, (red, green, blue) in enumerate(type_colours(type_names))
    ]
    known = [kind if 0 <= kind < len(colours) else 0 for kind in types.tolist()]
    nuclei = {number: colours[kind] for number, kind in zip(ids.tolist(), known, strict=True)}
    return DirectLabelColormap(color_dict={None: colours[0], 0: _CLEAR, **nuclei})


def make_features(table: InstanceTable, mpp: Mpp, type_names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the features of a Labels layer, one row for each label from 0 on.

    napari shows the row whose ``index`` is the label, and its table of features selects the label that is the number
    of the row. Both are right if each label has its own row; rows without a nucleus, such as that of the background,
    have the index -1. Labels with large gaps only have rows for the nuclei.
    """
    names = np.array(names_by_number(type_names))
    known = np.where(table.type < len(names), table.type, 0)
    columns = {
        "index": (table.id, -1),
        "type": (names[known], names[0]),
        "area_um2": (np.round(table.area * mpp[0] * mpp[1], 2), np.nan),
        "probability": (np.round(table.type_probability.astype(float), 3), np.nan),
        "y_px": (np.round(table.y, 1), np.nan),
        "x_px": (np.round(table.x, 1), np.nan),
    }
    length = int(table.id.max(initial=0)) + 1
    if length > 2 * len(table) + ROWS_FOR_GAPS:
        return {name: values for name, (values, _) in columns.items()}
    features = {}
    for name, (values, filler) in columns.items():
        features[name] = np.full(length, filler, np.asarray(values).dtype)
        features[name][table.id] = values
    return features


def read_type_counts(layer: Labels) -> tuple[int, ...]:
    """Return the number of nuclei of each type in a result, nuclei without a type first.

    Parameters
    ----------
    layer
        A Labels layer with the metadata ``type_names``, and the features of `make_features` or the metadata ``counts``.
        Of another layer the answer is empty.
    """
    if "type_names" not in layer.metadata:
        return ()
    if "counts" in layer.metadata:
        return tuple(layer.metadata["counts"])
    ids, types = _read_types(layer)
    return tuple(int(count) for count in np.bincount(types, minlength=_count_names(layer))) if len(ids) else ()


def hide_types(layer: Labels, hidden: Collection[int]) -> None:
    """Make the nuclei of some types of a result transparent, and all others visible.

    Parameters
    ----------
    layer
        As in `read_type_counts`. Its metadata keep the hidden types, as ``hidden_types``.
    hidden
        Their indices in the metadata ``type_names``; 0 for nuclei without a type.
    """
    layer.metadata["hidden_types"] = tuple(sorted(hidden))
    layer.colormap = make_colormap(*_read_types(layer), layer.metadata["type_names"], hidden)


def _read_types(layer: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the labels of the nuclei of a result and their types, from its features."""
    features = layer.features
    if "index" not in features or "type" not in features:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    numbers = {name: number for number, name in enumerate(names_by_number(layer.metadata["type_names"]))}
    ids = features["index"].to_numpy().astype(np.int64)
    codes, found = features["type"].factorize()  # the legend reads all rows at each change of the layers
    types = np.array([*(numbers.get(str(name), 0) for name in found), 0])[codes]  # the last one for missing values
    return ids[ids > 0], types[ids > 0]


def _count_names(layer: Labels) -> int:
    return max(len(layer.metadata["type_names"]), 1)


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
