"""Slides and pictures without annotation that a config names, opened when they are read."""

from __future__ import annotations

import os
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from napari_pathprune.slides.pixels import PixelSource
from napari_pathprune.slides.reader import open_slide
from napari_pathprune.slides.slide import Slide
from napari_pathprune.slides.view import View
from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings

MOST_OPEN: Final = 16
"""Largest number of slides that are open at the same time."""
SAMPLE_PX: Final = 64
"""Side of the samples of a slide that its fingerprint is made of, in pixels of level 0."""
ENDINGS: Final = (".svs", ".tif", ".tiff", ".png", ".jpg", ".jpeg")
"""Endings of the files that are read from a folder; a file that is named itself may have any."""


@dataclass(frozen=True, slots=True)
class SlideSource:
    """A slide or a picture without annotation.

    Attributes
    ----------
    path
        The file.
    own_mpp
        Size of a level-0 pixel in um; None to read it from the file.
    weight
        Relative frequency with which patches come from this slide.
    is_validation
        Whether it was named for validation.
    """

    path: Path
    own_mpp: float | None = None
    weight: float = 1.0
    is_validation: bool = False


def list_slides(base: Path, tables: Sequence[UnlabelledSettings]) -> list[SlideSource]:
    """Return the slides that a config names, in its order; those of a folder in the order of their names.

    Parameters
    ----------
    base
        Folder that the paths are relative to.
    tables
        The tables ``[[unlabelled]]``.

    Raises
    ------
    ValueError
        If a file does not exist, a folder has no pictures, or a file is named twice.
    """
    found: list[SlideSource] = []
    for table in tables:
        path = base / table.slide
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
            if not files:
                raise ValueError(
                    f"{path} has no slides or pictures ({', '.join(ENDINGS)}); name files or other folders"
                )
        if not path.exists():
            raise ValueError(f"there is no slide {path}; correct the path")
        weight = table.weight / len(files)
        found += [SlideSource(file, table.mpp or None, weight, table.validation) for file in files]
    paths = [source.path.resolve() for source in found]
    twice = [path for path in paths if paths.count(path) > 1]
    if twice:
        raise ValueError(f"the slide {twice[0]} is named twice; name each once")
    return found


class OpenSlides:
    """Slides that are opened when they are read.

    The least recently used ones are closed again, and all of them when this object is no longer used. A process that
    was forked opens its own, since two processes cannot share the position in a file.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[int, SlideSource], Slide] = OrderedDict()
        weakref.finalize(self, _close_all, self._open)

    def view(self, source: SlideSource, mpp: float) -> View:
        """Return a view of a slide at `mpp` um per pixel.

        Raises
        ------
        ValueError
            If the file is not readable, or its pixel size is unknown.
        """
        key = (os.getpid(), source)
        if key not in self._open:
            self._open[key] = open_slide(source.path, source.own_mpp)
        self._open.move_to_end(key)
        while len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        slide = self._open[key]
        if slide.mpp is None:
            raise ValueError(
                f"{source.path}: the slide does not state its pixel size; give mpp in [[unlabelled]], or --mpp in a "
                "shell, in um per pixel (about 0.25 for a 40x scan, 0.5 for 20x)"
            )
        return slide.at(mpp)

    def describe(self, source: SlideSource, mpp: float) -> dict[str, Any]:
        """Return what identifies a slide, wherever its file lies: name, shape, pixel size and a sample of pixels."""
        slide = self.view(source, mpp).slide
        assert slide.mpp is not None
        return {
            "name": source.path.name,
            "shape": list(slide.shape),
            "mpp": [round(size, 6) for size in slide.mpp],
            "pixels": _fingerprint(slide),
            "weight": source.weight,
        }


def _close_all(slides: Mapping[Any, Slide]) -> None:
    for slide in slides.values():
        slide.close()


def _fingerprint(slide: PixelSource) -> str:
    """Return a hash of nine samples of level 0, 16 hexadecimal digits."""
    height, width = slide.shape
    digest = blake2b(digest_size=8)
    for y in (height // 6, height // 2, height * 5 // 6):
        for x in (width // 6, width // 2, width * 5 // 6):
            digest.update(slide.read((y, x, min(y + SAMPLE_PX, height), min(x + SAMPLE_PX, width))).tobytes())
    return digest.hexdigest()
