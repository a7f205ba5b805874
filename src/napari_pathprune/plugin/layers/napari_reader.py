"""napari's reader for slides: lazy image layers with a scale in microns."""

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
    """Return whether a file is a slide: Aperio SVS, or a colour TIFF that is tiled or has several levels.

    Greyscale images, stacks and small plain TIFFs are left to napari's own reader.
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
            is_planar = series.axes in {"YXS", "SYX"} and page.bitspersample == 8
            return is_planar and page.photometric in COLOURS and (page.is_tiled or len(series.levels) > 1)
    except (tifffile.TiffFileError, IndexError, OSError, ValueError):
        return path.suffix.lower() == ".svs"  # `read_slide` then reports what is wrong with the file


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
