"""Slides as napari layers: lazy, with microns."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import tifffile

from napari_pathprune.slides.reader import Slide, open_slide

if TYPE_CHECKING:
    from napari_pathprune.slides.reader import Pixels

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str], list[LayerData]]

CHUNK_PX: Final = 512
SUFFIXES: Final = (".svs", ".tif", ".tiff")
COLOURS: Final = (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)


def get_reader(path: str | list[str]) -> Reader | None:
    """Give the reader of a slide, or None for what is better left to others (napari's entry point).

    Parameters
    ----------
    path
        One file. Lists (napari's "open as stack") and everything that `is_slide` declines give None.

    Examples
    --------
    >>> get_reader("photo.png") is None
    True
    """
    return read_slide if isinstance(path, str) and is_slide(path) else None


def is_slide(path: str | Path) -> bool:
    """Say whether a file is a slide: Aperio SVS, or a TIFF in colour that is tiled or a pyramid.

    Grey images, stacks and small plain TIFFs are not: napari's own reader serves them better.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        with tifffile.TiffFile(path) as tif:
            if tif.is_svs:
                return True
            series = tif.series[0]
            page = series.keyframe
            planar = series.axes in {"YXS", "SYX"} and page.bitspersample == 8
            return planar and page.photometric in COLOURS and (page.is_tiled or len(series.levels) > 1)
    except (tifffile.TiffFileError, IndexError, OSError, ValueError):
        return path.suffix.lower() == ".svs"  # let `read_slide` say what is wrong with it


def read_slide(path: str) -> list[LayerData]:
    """Read a slide as one image layer, whose pixels are read when they are looked at.

    Raises
    ------
    ValueError
        If it is damaged or not a slide.
    """
    return [slide_layer(open_slide(path))]


def slide_layer(slide: Slide) -> LayerData:
    """Give the layer of a slide: RGB, multiscale where it has levels, scale and units in um where they are known."""
    levels = [_lazy(level) for level in slide.levels]
    if slide.handle is not None:  # napari tells nobody when a layer is gone, so the file closes with its finest level
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


def _lazy(level: Pixels) -> Any:  # noqa: ANN401 - dask has no types
    """Wrap a level in dask: what napari, and every other plugin, can slice."""
    return da.from_array(level, chunks=(CHUNK_PX, CHUNK_PX, 3), name=False, meta=level[:0, :0])
