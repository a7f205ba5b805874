"""Pictures that a model is compared with itself on: annotated images, pictures, or windows of slides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_pathprune.base.box import Box
from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.datasets.layouts.label_files import MAP_FOLDERS, find_folder
from napari_pathprune.datasets.layouts.pannuke import is_pannuke
from napari_pathprune.datasets.read_images import AnnotatedImage, list_names, read_images
from napari_pathprune.slides.reader import open_slide, slide_from_arrays
from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings
from napari_pathprune.workflows.unlabelled.slide_source import OpenSlides, SlideSource, list_slides
from napari_pathprune.workflows.unlabelled.slide_windows import Window, find_windows, spread

SAMPLE: Final = "CMU-1-Small-Region.svs"
"""The packaged slide, on which models are measured if no data are named."""
WINDOW_PX: Final = 640
"""Side of the windows of slides, in pixels at the model's pixel size; smaller pictures are taken whole."""
MOST_WINDOWS: Final = 8
"""Largest number of windows, spread evenly over the tissue of all slides."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is read when it is needed.

    Attributes
    ----------
    name
        Name of the image, or of the slide with the corner of the window.
    read
        Returns (H, W, 3) uint8 at the model's pixel size.
    """

    name: str
    read: Callable[[], NDArray[np.uint8]]


def list_pictures(data: Path | None, mpp: float, *, only: Collection[str] = (), zoom: float = 1.0) -> list[Picture]:
    """Return the pictures to compare a model with itself on; no annotation is needed, and none is used.

    Parameters
    ----------
    data
        A slide or a picture; a folder of them; a folder of annotated images, see `datasets.read_images`; or None for
        the packaged slide.
    mpp
        Pixel size of the model in um.
    only
        Names of the annotated images, or files of the folder without their endings; all if empty.
    zoom
        Magnification that brings annotated images, and pictures that do not state their pixel size, to that of the
        model.

    Raises
    ------
    ValueError
        If there is nothing to read, or a slide has no tissue.
    """
    data = packaged_file(SAMPLE) if data is None else data
    if data.is_dir() and (find_folder(data, *MAP_FOLDERS).is_dir() or is_pannuke(data)):
        images = read_images(data, zoom=zoom, only=only)
        return [
            Picture(name, partial(_read_image, images, index, mpp)) for index, name in enumerate(list_names(images))
        ]
    images_in = find_folder(data, "images")
    sources = list_slides(Path(), [UnlabelledSettings(str(images_in if images_in.is_dir() else data))])
    missing = sorted(set(only) - {source.path.stem for source in sources})
    if missing:
        raise ValueError(f"{data} has no {missing[0]!r}; name files without their endings in --only")
    sources = [source for source in sources if not only or source.path.stem in only]
    slides = OpenSlides()
    windows = [window for source in sources for window in _find_windows(source, slides, mpp, zoom)]
    return [Picture(one.name, partial(_read_window, one, slides, mpp)) for one in spread(windows, MOST_WINDOWS)]


def _find_windows(source: SlideSource, slides: OpenSlides, mpp: float, zoom: float) -> list[Window]:
    """Return the windows of a slide with tissue, or the whole of a small picture."""
    with open_slide(source.path) as slide:
        own_mpp = None if slide.mpp is not None else mpp * zoom
    source = SlideSource(source.path, own_mpp)
    view = slides.view(source, mpp)
    boxes: list[Box] = [(0, 0, *view.shape)]
    if view.shape[0] * view.shape[1] > 2 * WINDOW_PX**2:
        boxes = find_windows(view, WINDOW_PX)
    return [Window(source, box) for box in boxes]


def _read_window(window: Window, slides: OpenSlides, mpp: float) -> NDArray[np.uint8]:
    return slides.view(window.source, mpp).read(window.box)


def _read_image(images: Sequence[AnnotatedImage], index: int, mpp: float) -> NDArray[np.uint8]:
    image = images[index]
    view = slide_from_arrays([image.image], mpp=mpp * image.zoom, name=image.name).at(mpp)
    return view.read((0, 0, *view.shape))
