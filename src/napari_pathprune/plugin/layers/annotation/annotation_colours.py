"""Colours and features of a layer of nuclei that is edited."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.utils import DirectLabelColormap

from napari_pathprune.instances.palette import names_by_number, type_colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.plugin.layers.annotation.annotation_nuclei import EditedNuclei
    from napari_pathprune.slides.reader import Mpp

SELECTED: Final = (1.0, 1.0, 1.0, 1.0)
_CLEAR: Final = (0.0, 0.0, 0.0, 0.0)


def make_colormap(
    types: Mapping[int, int], selection: Collection[int], current_type: int, type_names: Sequence[str]
) -> DirectLabelColormap:
    """Return a colormap by type; selected nuclei are white, and new labels have the colour of the current type.

    Parameters
    ----------
    types
        Type of each nucleus, as an index of `type_names`.
    selection
        Ids of the selected nuclei.
    current_type
        Type of nuclei that are painted next.
    type_names
        Names of the types, background first; empty if nuclei have no types.
    """
    colours = [(red / 255, green / 255, blue / 255, 1.0) for red, green, blue in type_colours(type_names)]
    nuclei: dict[int | None, Any] = {number: colours[kind] for number, kind in types.items()}
    nuclei.update(dict.fromkeys(selection, SELECTED))
    return DirectLabelColormap(color_dict={None: colours[current_type], 0: _CLEAR, **nuclei})


def make_features(
    nuclei: EditedNuclei, types: Mapping[int, int], region: Box, mpp: Mpp, type_names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Return the features of a layer, one row for each nucleus in the order of their ids.

    Parameters
    ----------
    nuclei, types
        Measurements and types of the nuclei.
    region
        (y0, x0, y1, x1) of the layer in level-0 pixels of the slide.
    mpp
        Size of a level-0 pixel in um (y, x).
    type_names
        Names of the types, background first.
    """
    numbers = sorted(nuclei.areas)
    names = np.array(names_by_number(type_names))
    centres = np.array([nuclei.centres[number] for number in numbers]).reshape(-1, 2)
    areas = np.array([nuclei.areas[number] for number in numbers], float)
    return {
        "index": np.array(numbers, int),
        "type": names[[types[number] for number in numbers]],
        "area_um2": np.round(areas * mpp[0] * mpp[1], 2),
        "y_px": np.round(centres[:, 0] + region[0], 1),
        "x_px": np.round(centres[:, 1] + region[1], 1),
    }
