"""One colour a type, the same in every layer, picture and legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from napari.utils import DirectLabelColormap
from numpy.typing import NDArray

Colour = tuple[float, float, float]

UNTYPED: Final[Colour] = (0.10, 0.85, 0.90)
"""Cyan: far from everything that haematoxylin and eosin stain."""
_KNOWN: Final[dict[str, Colour]] = {
    "neoplastic": (0.93, 0.11, 0.14),
    "tumour": (0.93, 0.11, 0.14),
    "tumor": (0.93, 0.11, 0.14),
    "inflammatory": (0.13, 0.85, 0.20),
    "lymphocyte": (0.13, 0.85, 0.20),
    "connective": (0.12, 0.35, 1.00),
    "stroma": (0.12, 0.35, 1.00),
    "dead": (1.00, 0.90, 0.10),
    "necro": (1.00, 0.90, 0.10),
    "epithelial": (1.00, 0.60, 0.10),
    "epithelium": (1.00, 0.60, 0.10),
}
_OTHERS: Final[tuple[Colour, ...]] = (
    (1.0, 0.6, 0.1),
    (0.75, 0.3, 0.95),
    (1.0, 0.9, 0.1),
    (0.0, 0.6, 0.55),
    (0.6, 0.4, 0.2),
)
_CLEAR: Final = (0.0, 0.0, 0.0, 0.0)


def type_colours(type_names: Sequence[str]) -> tuple[Colour, ...]:
    """Give the colour of every type; the first one, the background, stands for nuclei without a type.

    Examples
    --------
    >>> type_colours(["background", "neoplastic", "inflammatory"])[1]
    (0.93, 0.11, 0.14)
    """
    colours, others = [UNTYPED], iter(_OTHERS * (1 + len(type_names) // len(_OTHERS)))
    for name in type_names[1:]:
        known = next((colour for word, colour in _KNOWN.items() if word in name.lower()), None)
        colours.append(known if known is not None else next(others))
    return tuple(colours)


def nuclei_colormap(
    ids: NDArray[np.integer], types: NDArray[np.integer], type_names: Sequence[str]
) -> DirectLabelColormap:
    """Give the colours of nuclei by their type; everything else is transparent."""
    colours = [(*colour, 1.0) for colour in type_colours(type_names)]
    known = [kind if 0 <= kind < len(colours) else 0 for kind in types.tolist()]
    nuclei = {number: colours[kind] for number, kind in zip(ids.tolist(), known, strict=True)}
    return DirectLabelColormap(color_dict={None: _CLEAR, 0: _CLEAR, **nuclei})
