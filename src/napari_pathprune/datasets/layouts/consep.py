"""CoNSeP as published: ``Images/*.png`` and ``Labels/*.mat``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.datasets.image_selection import ImageSelection
from napari_pathprune.datasets.layouts.label_folder import read_rgb
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, ClassNames, find_type, number_types

CONSEP_CLASSES: Final[tuple[ClassNames, ...]] = (
    ("other", "miscellaneous"),
    ("inflammatory",),
    ("healthy epithelial", "epithelial"),
    ("malignant epithelial", "epithelial"),
    ("fibroblast", "spindle-shaped", "spindle"),
    ("muscle", "spindle-shaped", "spindle"),
    ("endothelial", "spindle-shaped", "spindle"),
)
"""Names of the original types 1 to 7. The last names are those after HoVer-Net's merging (Graham et al. 2019,
doi:10.1016/j.media.2019.101563)."""


def is_consep(folder: Path) -> bool:
    """Return whether a folder, such as ``CoNSeP/Train``, holds MATLAB label maps."""
    return any((folder / "Labels").glob("*.mat"))


def read_consep(folder: Path, selection: ImageSelection) -> list[AnnotatedImage]:
    """Read a folder of CoNSeP; see `datasets.read_images.read_images`.

    Types are HoVer-Net's four ("miscellaneous", "inflammatory", "epithelial", "spindle"), or the original seven if the
    model names them: "other", "inflammatory", "healthy epithelial", "malignant epithelial", "fibroblast", "muscle",
    "endothelial".
    """
    paths = {path.stem: path for path in sorted((folder / "Labels").glob("*.mat"))}

    def read(name: str) -> AnnotatedImage:
        pixels = read_rgb(folder / "Images" / f"{name}.png")
        instances, pixel_types = _read_maps(paths[name], pixels.shape[:2])
        types = _vote_types(instances, pixel_types, selection.type_names)
        return AnnotatedImage(name, pixels, instances, types)

    return selection.read(folder, list(paths), read)


def _read_maps(path: Path, shape: tuple[int, ...]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    try:
        content = loadmat(path, variable_names=("inst_map", "type_map"))
    except Exception as error:  # damaged files raise many kinds of errors
        raise ValueError(f"{path} is not a readable MATLAB file: {error}") from error
    maps = []
    for key, highest in (("inst_map", np.iinfo(np.int32).max), ("type_map", len(CONSEP_CLASSES))):
        found = content.get(key)
        if found is None:
            raise ValueError(f"{path} has no {key}; CoNSeP's files have inst_map and type_map")
        if found.shape != shape:
            raise ValueError(f"the {key} of {path} is {found.shape}, but its image is {shape}")
        if not (found.min() >= 0 and found.max() <= highest):
            raise ValueError(f"the {key} of {path} has values {found.min()} to {found.max()}; expected 0 to {highest}")
        maps.append(found.astype(np.int32))
    return maps[0], maps[1]


def _vote_types(
    instances: NDArray[np.int32], pixel_types: NDArray[np.int32], type_names: Sequence[str]
) -> NDArray[np.int64] | None:
    """Return the type of most pixels of each nucleus; None if the model has none of the types."""
    numbers = number_types(type_names)
    lookup = np.array([UNKNOWN_TYPE, *(find_type(names, numbers) for names in CONSEP_CLASSES)])
    if not (lookup > 0).any():
        return None
    ids, own = np.unique(instances, return_inverse=True)
    votes = np.bincount(own.ravel() * lookup.size + pixel_types.ravel(), minlength=ids.size * lookup.size)
    votes = votes.reshape(ids.size, lookup.size)
    votes[:, 0] = 0  # pixels without a type do not vote
    types = np.full(int(ids[-1]) + 1, UNKNOWN_TYPE, np.int64)
    types[ids] = lookup[votes.argmax(axis=1)]
    types[0] = 0
    return types
