"""Reading annotated images from disk, in any of the known layouts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from napari_pathprune.datasets.annotated_image import (
    AnnotatedImage,
    LazyImages,
    find_labelled,
    join,
    list_names,
    list_weights,
    pick,
)
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
from napari_pathprune.datasets.layouts.project_regions import Part
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
    "find_labelled",
    "join",
    "list_names",
    "list_weights",
    "pannuke_split",
    "pick",
    "read_class_names",
    "read_images",
    "read_type_names",
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
    part: Part | None = None,
) -> Sequence[AnnotatedImage]:
    """Read a folder of annotated images and detect its layout.

    The known layouts are:

    - labelled pictures: ``images/*.png``, ``labels/*.tif`` (instance maps) and optionally ``classes/*.csv`` with the
      columns ``label`` and ``class_name``. With ``regions/*.json`` it is an annotation project, see
      `workflows.project`: the latest revision of each region is read;
    - PanNuke: ``images.npy``, ``masks.npy`` and optionally ``types.npy``, in the folder itself or nested as published
      (``Fold 1/images/fold1/images.npy``), one fold or all. The images stay on disk; see `LazyImages`;
    - CoNSeP: ``Images/*.png`` and ``Labels/*.mat``.

    Parameters
    ----------
    folder
        Folder of annotated images.
    type_names
        Names of the model's types, background first. A class matches a type by any of the names that
        `read_class_names` returns, regardless of spelling. Nuclei of all other classes have an unknown type.
    zoom, weight
        Zoom and weight of the folder; see `AnnotatedImage`. The weight is divided evenly among the images.
    leave_out, only
        Names of images to leave out, or of the only images to read; for PanNuke such as ``fold1_000012``.
    bad_files
        ``"stop"`` to raise at an unusable file or PanNuke image, or ``"skip"`` to leave it out with a logged warning.
    part
        For annotation projects: ``"train"`` for the regions that may teach, ``"test"`` for the test regions, or None
        for all. It has no effect on other folders.

    Returns
    -------
    sequence of AnnotatedImage
        Images in the order of their names.

    Raises
    ------
    ValueError
        If there are no images, a name does not exist, no image is left, or a file is missing, damaged or does not
        match its image. The message names the file.

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
    selection = ImageSelection(type_names, zoom, weight, leave_out, only, bad_files, part)
    return _detect_layout(folder).read(folder, selection)


def read_type_names(folder: Path) -> tuple[str, ...]:
    """Return the names of a folder's nuclear types, background first; empty if it has no types."""
    own_names = dict.fromkeys(names[-1] for names in read_class_names(folder))  # classes may share a name
    return ("background", *own_names) if own_names else ()


def read_class_names(folder: Path) -> tuple[ClassNames, ...]:
    """Return all names of each class of a folder's nuclei; empty if it has no classes."""
    return _detect_layout(folder).read_classes(folder)


@dataclass(frozen=True, slots=True)
class _Layout:
    """A layout of annotated images on disk."""

    matches: Callable[[Path], bool]
    read: Callable[[Path, ImageSelection], Sequence[AnnotatedImage]]
    read_classes: Callable[[Path], tuple[ClassNames, ...]]


_LABEL_FOLDER: Final = _Layout(Path.is_dir, read_label_folder, read_label_folder_classes)
_PUBLISHED: Final = (
    _Layout(is_pannuke, read_pannuke, lambda _: PANNUKE_CLASSES),
    _Layout(is_consep, read_consep, lambda _: CONSEP_CLASSES),
)


def _detect_layout(folder: Path) -> _Layout:
    return next((layout for layout in _PUBLISHED if layout.matches(folder)), _LABEL_FOLDER)
