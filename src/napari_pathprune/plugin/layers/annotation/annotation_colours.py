"""Colours and features of a layer of nuclei that is edited."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.utils import DirectLabelColormap

from napari_pathprune.instances.palette import names_by_number, type_colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.base.box import Box
    from napari_pathprune.plugin.layers.annotation.annotation_nuclei import EditedNuclei
    from napari_pathprune.slides.reader import Mpp

SELECTED: Final = "#ffffff"
_CLEAR: Final = "#00000000"


def list_colours(
    types: Mapping[int, int], selection: Collection[int], current_type: int, type_names: Sequence[str]
) -> dict[int | None, str]:
    """Return the colour of each nucleus by type; selected nuclei are white.

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

    Returns
    -------
    dict
        Colours as hexadecimal text by id, which napari looks up ten times faster than it converts tuples. New nuclei,
        with the key None, have the colour of the current type.

    Examples
    --------
    >>> list_colours({3: 1, 4: 1}, [3], 1, ("background", "neoplastic"))
    {None: '#ed1c24', 3: '#ffffff', 4: '#ed1c24'}
    """
    colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in type_colours(type_names)]
    nuclei: dict[int | None, str] = {number: colours[kind] for number, kind in types.items()}
    nuclei.update(dict.fromkeys(selection, SELECTED))
    return {None: colours[current_type], **nuclei}


def has_colours(shown: Mapping[int | None, str], colours: Mapping[int | None, str], numbers: Iterable[int]) -> bool:
    """Return whether a layer shows nuclei in their colours, and new ones as well.

    Parameters
    ----------
    shown
        The colours of the layer, from `list_colours`.
    colours
        Those that it should have.
    numbers
        The nuclei that the layer has; the colours of others do not matter.

    Examples
    --------
    >>> has_colours({None: "#ff0000"}, {None: "#ff0000", 7: "#ff0000"}, [7])
    True
    """
    other = shown.get(None)
    return other == colours[None] and all(shown.get(number, other) == colours[number] for number in numbers)


def make_colormap(colours: Mapping[int | None, str]) -> DirectLabelColormap:
    """Return the colormap of the colours that `list_colours` returns; the background is clear."""
    return DirectLabelColormap(color_dict={**colours, 0: _CLEAR})


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
