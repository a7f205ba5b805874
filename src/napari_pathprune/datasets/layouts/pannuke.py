"""PanNuke as published: folds of ``images.npy``, ``masks.npy`` and ``types.npy`` that stay on disk.

Gamper et al. 2020, "PanNuke Dataset Extension, Insights and Baselines", arXiv:2003.10778.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_pathprune.datasets.annotated_image import AnnotatedImage, LazyImages, Survey
from napari_pathprune.datasets.image_selection import ImageSelection
from napari_pathprune.datasets.type_names import ClassNames, find_type, number_types

PANNUKE_CLASSES: Final[tuple[ClassNames, ...]] = (
    ("neopla", "neoplastic epithelial", "neoplastic cells", "neoplastic"),
    ("inflam", "inflammatory cells", "inflammatory"),
    ("connec", "connective tissue", "connective/soft tissue", "connective/soft tissue cells", "connective"),
    ("necros", "necrotic", "necrosis", "dead cells", "dead"),
    ("no-neo", "non-neoplastic epithelial", "non-neoplastic", "epithelial cells", "epithelial"),
)
"""Names of the channels of ``masks.npy`` in order: in HoVer-Net's ``type_info.json``, in the literature, in PanNuke's
README, and ours."""


@dataclass(frozen=True, slots=True)
class FoldSplit:
    """Numbers of the folds to train, validate and test on."""

    train: int
    validation: int
    test: int


def pannuke_split(number: int) -> FoldSplit:
    """Return one of the three splits over which results on PanNuke are averaged (Gamper et al. 2020).

    Parameters
    ----------
    number
        1, 2 or 3.

    Raises
    ------
    ValueError
        If `number` is not 1, 2 or 3.

    References
    ----------
    Gamper et al. 2020, arXiv:2003.10778.

    Examples
    --------
    >>> pannuke_split(2)
    FoldSplit(train=2, validation=1, test=3)
    """
    splits = {1: FoldSplit(1, 2, 3), 2: FoldSplit(2, 1, 3), 3: FoldSplit(3, 2, 1)}
    if number not in splits:
        raise ValueError(f"got split {number}; PanNuke has splits 1, 2 and 3")
    return splits[number]


def is_pannuke(folder: Path) -> bool:
    """Return whether a folder holds one or more folds."""
    return bool(_find_image_files(folder))


def read_pannuke(folder: Path, selection: ImageSelection) -> LazyImages:
    """Read one or more folds; see `datasets.read_images.read_images`.

    Images are named by fold and number, such as ``fold1_000012``. They are converted on access and not cached. Nuclei
    are renumbered, because channels may use the same ids. Where channels overlap, the first one counts.

    A fold with unreadable arrays is bad as a whole. An image is bad if its values are not colours and ids. All
    selected images are checked here, one at a time, so that a bad one does not interrupt a training later.
    """
    files = {_name_fold(path): path for path in _find_image_files(folder)}
    folds = selection.read_each(list(files), lambda name: _open_fold(name, files[name]))
    if not folds:
        raise ValueError(f"no fold of {folder} is readable; download it again")
    places = {fold.image_name(index): (fold, index) for fold in folds for index in range(len(fold.images))}

    def check(name: str) -> tuple[str, NDArray[np.bool_]]:
        fold, place = places[name]
        return name, fold.check(place)

    checked = selection.read_each(selection.select_names(folder, list(places)), check)
    if not checked:
        raise ValueError(f"no image of {folder} is left; correct the files or select more images")
    names, occupied = [name for name, _ in checked], np.array([channels for _, channels in checked])
    weight, lookup = selection.weight / len(names), _types_of_channels(selection.type_names)
    is_typed = np.zeros(len(PANNUKE_CLASSES), np.bool_) if lookup is None else lookup > 0

    def build(index: int) -> AnnotatedImage:
        name = names[index]
        fold, place = places[name]
        instances, types = fold.nuclei(place, lookup)
        tissue = "" if fold.tissues is None else str(fold.tissues[place])
        return AnnotatedImage(name, fold.pixels(place), instances, types, selection.zoom, weight, tissue)

    def read_pixels(index: int) -> NDArray[np.uint8]:
        fold, place = places[names[index]]
        return fold.pixels(place)

    survey = Survey(np.asarray(occupied.any(axis=1)), np.asarray(occupied[:, is_typed].any(axis=1)), read_pixels)
    return LazyImages(tuple(names), np.full(len(names), weight), build, survey=survey)


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    """The memory-mapped arrays of a fold: (N, H, W, 3), (N, H, W, 6) and (N,)."""

    name: str
    path: Path
    masks_path: Path
    images: NDArray[Any]
    masks: NDArray[Any]
    tissues: NDArray[np.str_] | None

    def check(self, index: int) -> NDArray[np.bool_]:
        """Return which channels have nuclei; raise if an image has values other than colours and ids."""
        ids = self.masks[index, ..., : len(PANNUKE_CLASSES)]
        parts = ((self.path, self.images[index], 255), (self.masks_path, ids, np.iinfo(np.int32).max))
        for path, values, limit in parts:
            lowest, highest = values.min(), values.max()
            if not (lowest >= 0 and highest <= limit):  # also true for NaN
                raise ValueError(
                    f"image {index} of {path} has values {lowest} to {highest}; expected 0 to {limit}; download the "
                    f"fold again, or leave out '{self.image_name(index)}'"
                )
        return np.asarray(ids.any(axis=(0, 1)))

    def image_name(self, index: int) -> str:
        return f"{self.name}_{index:06d}"

    def pixels(self, index: int) -> NDArray[np.uint8]:
        pixels = np.asarray(self.images[index])
        if pixels.dtype == np.uint8:
            return pixels.copy()
        rounded: NDArray[np.uint8] = np.rint(pixels).astype(np.uint8)
        return rounded

    def nuclei(
        self, index: int, lookup: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64] | None]:
        """Return the instance map and the type of each id."""
        planes = np.ascontiguousarray(np.moveaxis(self.masks[index], -1, 0)[: len(PANNUKE_CLASSES)])
        instances = np.zeros(planes.shape[1:], np.int32)
        inside = planes.any(axis=0)
        ids = planes[:, inside].astype(np.int64)
        channel = (ids > 0).argmax(axis=0)
        key = channel * (int(ids.max(initial=0)) + 1) + ids[channel, np.arange(channel.size)]
        _, first, own = np.unique(key, return_index=True, return_inverse=True)
        instances[inside] = own + 1
        return instances, None if lookup is None else np.append(0, lookup[channel[first]])


def _types_of_channels(type_names: Sequence[str]) -> NDArray[np.int64] | None:
    """Return the model's type of each channel; None if the model has none of them."""
    numbers = number_types(type_names)
    lookup = np.array([find_type(names, numbers) for names in PANNUKE_CLASSES])
    return lookup if (lookup > 0).any() else None


def _find_image_files(folder: Path) -> list[Path]:
    """Find ``images.npy`` of one or all folds, in the folder itself or nested as published."""
    patterns = ("images.npy", "images/*/images.npy", "*/images.npy", "*/images/*/images.npy")
    return next((found for pattern in patterns if (found := sorted(folder.glob(pattern)))), [])


def _name_fold(images: Path) -> str:
    return images.absolute().parent.name.lower().replace(" ", "")


def _open_fold(name: str, path: Path) -> _Fold:
    same_folder = path.with_name("masks.npy")
    published = path.parents[2] / "masks" / path.parent.name / "masks.npy" if len(path.parents) > 2 else same_folder
    masks_path = same_folder if same_folder.exists() or not published.exists() else published
    images, masks = _map_array(path, 3), _map_array(masks_path, len(PANNUKE_CLASSES) + 1)
    if images.shape[:3] != masks.shape[:3]:
        raise ValueError(f"{masks_path} is {masks.shape}, which does not match its images, {images.shape}")
    if images.dtype != np.uint8 and images[0].max() <= 1:
        raise ValueError(f"{path} has values 0 to 1; expected 0 to 255 as published")
    tissues_path = next((p for p in (path, masks_path) if p.with_name("types.npy").exists()), None)
    tissues = None if tissues_path is None else _read_tissues(tissues_path.with_name("types.npy"), len(images))
    return _Fold(name, path, masks_path, images, masks, tissues)


def _map_array(path: Path, channels: int) -> NDArray[Any]:
    if not path.exists():
        raise ValueError(f"{path} is missing; a fold of PanNuke has images.npy and masks.npy")
    try:
        # unlike np.load, it accepts neither zip files nor pickles
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a readable array: {error}") from error
    if array.ndim != 4 or array.shape[3] != channels or not array.size or array.dtype.kind not in "uif":
        raise ValueError(f"{path} is {array.dtype} {array.shape}; expected numbers (N, 256, 256, {channels})")
    return array


def _read_tissues(path: Path, count: int) -> NDArray[np.str_]:
    try:
        tissues = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is not a readable array of names: {error}; save it with dtype str, or remove it"
        ) from error
    if tissues.shape != (count,) or tissues.dtype.kind != "U":
        raise ValueError(f"{path} is {tissues.dtype} {tissues.shape}; expected ({count},) tissue names")
    return np.asarray(tissues, np.str_)
