"""Annotated images on disk, in every layout we know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from napari_pathprune.datasets.annotated_image import AnnotatedImage, LazyImages, join, names_of, pick, weights_of
from napari_pathprune.datasets.class_shares import class_shares
from napari_pathprune.datasets.image_selection import BadFiles, ImageSelection
from napari_pathprune.datasets.layouts.consep import CONSEP_CLASSES, is_consep, read_consep
from napari_pathprune.datasets.layouts.label_folder import read_label_folder, read_label_folder_classes
from napari_pathprune.datasets.layouts.pannuke import (
    PANNUKE_CLASSES,
    FoldSplit,
    is_pannuke,
    pannuke_split,
    read_pannuke,
)
from napari_pathprune.datasets.layouts.tissue_patches import TissueImages, TissuePatches
from napari_pathprune.datasets.type_names import ClassNames

__all__ = [
    "AnnotatedImage",
    "BadFiles",
    "FoldSplit",
    "LazyImages",
    "TissueImages",
    "TissuePatches",
    "class_shares",
    "join",
    "names_of",
    "pannuke_split",
    "pick",
    "read_class_names",
    "read_images",
    "read_type_names",
    "weights_of",
]


def read_images(
    folder: Path,
    type_names: Sequence[str] = (),
    *,
    zoom: float = 1.0,
    weight: float = 1.0,
    leave_out: Collection[str] = (),
    only: Collection[str] = (),
    bad_files: BadFiles = "stop",
) -> Sequence[AnnotatedImage]:
    """Read a folder of annotated images, whose layout is recognised.

    - ``images/*.png``, ``labels/*.tif`` (instance maps) and perhaps ``classes/*.csv`` with columns ``label``
      and ``class_name``;
    - PanNuke: ``images.npy``, ``masks.npy`` and perhaps ``types.npy``, in the folder itself or as published
      (``Fold 1/images/fold1/images.npy``), one fold or all of them. The images stay on disk, see `LazyImages`;
    - CoNSeP: ``Images/*.png`` and ``Labels/*.mat``.

    Parameters
    ----------
    folder
        Where the files are.
    type_names
        Names of the model's types, background first. Nuclei whose class is not among them have an unknown type; a
        class is known by any of the names of `read_class_names`, in whatever spelling.
    zoom, weight
        For all images of the folder; see `AnnotatedImage`. The weight is shared among them.
    leave_out, only
        Names of images not to read, or the only ones to read; of PanNuke such as ``fold1_000012``.
    bad_files
        Whether a file, or an image of PanNuke, that is not usable stops, or is left out with a logged warning.

    Returns
    -------
    sequence of AnnotatedImage
        In the order of their names.

    Raises
    ------
    ValueError
        If there are no images, a name does not exist, no image is left, or a file is missing, damaged or does not fit
        its image; the message names it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name, "fold1")
    ...     folder.mkdir()
    ...     np.save(folder / "images.npy", np.full((2, 256, 256, 3), 200, np.uint8))
    ...     np.save(folder / "masks.npy", np.zeros((2, 256, 256, 6)))
    ...     [image.name for image in read_images(folder, read_type_names(folder))]
    ['fold1_000000', 'fold1_000001']
    """
    selection = ImageSelection(type_names, zoom, weight, leave_out, only, bad_files)
    return _layout_of(folder).read(folder, selection)


def read_type_names(folder: Path) -> tuple[str, ...]:
    """Name the types that a folder's nuclei have, background first; empty if it tells none."""
    ours = dict.fromkeys(names[-1] for names in read_class_names(folder))  # several classes may go by one name
    return ("background", *ours) if ours else ()


def read_class_names(folder: Path) -> tuple[ClassNames, ...]:
    """Give the names that each class of a folder's nuclei goes by; empty if it tells none."""
    return _layout_of(folder).classes(folder)


@dataclass(frozen=True, slots=True)
class _Layout:
    """A way in which data sets lie on disk."""

    fits: Callable[[Path], bool]
    read: Callable[[Path, ImageSelection], Sequence[AnnotatedImage]]
    classes: Callable[[Path], tuple[ClassNames, ...]]


_OWN: Final = _Layout(Path.is_dir, read_label_folder, read_label_folder_classes)
_PUBLISHED: Final = (
    _Layout(is_pannuke, read_pannuke, lambda _: PANNUKE_CLASSES),
    _Layout(is_consep, read_consep, lambda _: CONSEP_CLASSES),
)


def _layout_of(folder: Path) -> _Layout:
    return next((layout for layout in _PUBLISHED if layout.fits(folder)), _OWN)
