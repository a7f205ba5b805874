"""The colours of nuclei in a Labels layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from napari.utils import DirectLabelColormap
from numpy.typing import NDArray

from napari_pathprune.instances.palette import type_colours

_CLEAR: Final = (0.0, 0.0, 0.0, 0.0)


def nuclei_colormap(
    ids: NDArray[np.integer], types: NDArray[np.integer], type_names: Sequence[str]
) -> DirectLabelColormap:
    """Give the colours of nuclei by their type; everything else is transparent."""
    colours = [(red / 255, green / 255, blue / 255, 1.0) for red, green, blue in type_colours(type_names)]
    known = [kind if 0 <= kind < len(colours) else 0 for kind in types.tolist()]
    nuclei = {number: colours[kind] for number, kind in zip(ids.tolist(), known, strict=True)}
    return DirectLabelColormap(color_dict={None: _CLEAR, 0: _CLEAR, **nuclei})
