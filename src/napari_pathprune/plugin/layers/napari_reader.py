"""napari's reader for slides: lazy image layers with a scale in microns."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dask.array as da

from napari_pathprune.slides.reader import Slide, open_slide
from napari_pathprune.slides.tiff.tiff_level import TiffLevel

if TYPE_CHECKING:
    from napari_pathprune.slides.reader import Pixels

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str], list[LayerData]]

CHUNK_PX: Final = 512
SUFFIXES: Final = (".svs", ".tif", ".tiff", ".btf", ".tf2", ".tf8", ".ndpi", ".scn", ".bif", ".qptiff")
PLAIN_SUFFIXES: Final = (".tif", ".tiff")
PLAIN_PX: Final = 2048 * 2048
"""Largest picture in a plain TIFF, without tiles or levels, that is left to other readers."""


def get_reader(path: str | list[str]) -> Reader | None:
    """Return a reader for a slide, or None for files that other readers should open.

    This is the reader hook of the manifest.

    Parameters
    ----------
    path
        One file. Lists of files (napari's "Open Files as Stack") are declined, as are all files that `is_slide`
        declines.

    Examples
    --------
    >>> get_reader("photo.png") is None
    True
    """
    return read_slide if isinstance(path, str) and is_slide(path) else None


def is_slide(path: str | Path) -> bool:
    """Return whether a file is a slide: a colour TIFF that ``pathprune segment`` reads.

    Greyscale images, stacks and plain TIFFs without tiles or levels, unless they are large, are left to other readers.
    """
    path = Path(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if not path.is_file() or not suffixes or suffixes[-1] not in SUFFIXES:
        return False
    is_plain = suffixes[-1] in PLAIN_SUFFIXES and ".ome" not in suffixes
    try:
        with open_slide(path) as slide:
            level = slide.levels[0]
            if not isinstance(level, TiffLevel):  # a picture of another format
                return False
            is_large = level.page.is_tiled or len(slide.levels) > 1 or level.size > 3 * PLAIN_PX
            return level.is_colour and (is_large or not is_plain)
    except (OSError, ValueError):
        return suffixes[-1] == ".svs"  # `read_slide` then reports what is wrong with the file


def read_slide(path: str) -> list[LayerData]:
    """Read a slide as one image layer, whose pixels are loaded on demand.

    Raises
    ------
    ValueError
        If the file is damaged or not a slide.
    """
    return [make_slide_layer(open_slide(path))]


def make_slide_layer(slide: Slide) -> LayerData:
    """Return the layer data of a slide: RGB, multiscale if it has several levels, scale in um if its mpp is known."""
    levels = [_wrap_in_dask(level) for level in slide.levels]
    if slide.handle is not None:  # readers are not notified when a layer is removed: the file closes with its level 0
        weakref.finalize(slide.levels[0], slide.handle.close)
    spatial = {} if slide.mpp is None else {"scale": slide.mpp, "units": ("um", "um")}
    attributes = {
        "name": Path(slide.name).stem.removesuffix(".ome"),
        "rgb": True,
        "multiscale": len(levels) > 1,
        "metadata": {"mpp": slide.mpp, "path": None if slide.path is None else str(slide.path)},
        **spatial,
    }
    return (levels if len(levels) > 1 else levels[0], attributes, "image")


def _wrap_in_dask(level: Pixels) -> Any:  # noqa: ANN401 - dask has no types
    """Return a level as a dask array, which napari and other plugins can slice."""
    return da.from_array(level, chunks=(CHUNK_PX, CHUNK_PX, 3), name=False, meta=level[:0, :0])
