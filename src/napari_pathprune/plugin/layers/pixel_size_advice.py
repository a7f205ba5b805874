"""Whether a model suits the pixel size of a slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from napari_pathprune.plugin.layers.slide_from_layer import find_mpp, is_slide_layer

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pathprune.slides.reader import Mpp

LARGE_FACTOR: Final = 1.5
"""Ratio of pixel sizes that is worth a warning; scanners of one magnification differ by up to 1.1."""


def find_selected_slide(viewer: ViewerModel) -> Any | None:  # noqa: ANN401 - napari layers
    """Return the selected image layer, or else the first one that can be a slide."""
    slides = [layer for layer in viewer.layers if is_slide_layer(layer)]
    active = viewer.layers.selection.active
    return next((layer for layer in slides if layer == active), slides[0] if slides else None)


def advise_on_slide(model_mpp: float | None, viewer: ViewerModel) -> str:
    """Return a warning if a model and the selected slide differ much in pixel size, else an empty text."""
    layer = find_selected_slide(viewer)
    mpp = None if layer is None else find_mpp(layer)
    return "" if layer is None or mpp is None else advise_on_mpp(model_mpp, mpp, layer.name)


def advise_on_mpp(model_mpp: float | None, slide_mpp: Mpp, slide: str) -> str:
    """Return a warning if two pixel sizes differ much, else an empty text.

    Parameters
    ----------
    model_mpp
        Pixel size that the model expects, in um; None if unknown.
    slide_mpp
        Pixel size of the slide in um (y, x).
    slide
        Name of the slide.

    Examples
    --------
    >>> advise_on_mpp(0.25, (0.5, 0.5), "CMU-1").split(":")[0]
    'CMU-1 has 0.5 µm/px, the model expects 0.25'
    >>> advise_on_mpp(0.25, (0.23, 0.23), "40x")
    ''
    """
    if model_mpp is None:
        return ""
    mean = (slide_mpp[0] + slide_mpp[1]) / 2
    facts = f"{slide} has {mean:.3g} µm/px, the model expects {model_mpp:.3g}"
    if mean / model_mpp > LARGE_FACTOR:
        return (
            f"{facts}: the slide is enlarged {mean / model_mpp:.2g} times, and lacks detail that the model looks for."
        )
    if model_mpp / mean > LARGE_FACTOR:
        return f"{facts}: the slide is reduced {model_mpp / mean:.2g} times, and its finest detail is not used."
    return ""
