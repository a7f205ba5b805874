"""Annotated images on disk, and the random patches that are cut from them on the fly."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from napari_pathprune.training.augment import Augmentation, colour, warp
from napari_pathprune.training.targets import UNKNOWN_TYPE, targets_of


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedImage:
    """An image with its nuclei.

    Attributes
    ----------
    name
        File name without its ending.
    image
        (H, W, 3) uint8, RGB.
    instances
        (H, W) int32, 0 is background.
    types
        Type of every instance id (``types[0] == 0``), or None where types are not known.
    zoom
        Magnification that brings the image to the model's mpp.
    weight
        How often patches are cut from it, relative to the others.
    """

    name: str
    image: NDArray[np.uint8]
    instances: NDArray[np.int32]
    types: NDArray[np.int64] | None = None
    zoom: float = 1.0
    weight: float = 1.0


def read_folder(
    folder: Path,
    type_names: Sequence[str] = (),
    *,
    zoom: float = 1.0,
    weight: float = 1.0,
    leave_out: Collection[str] = (),
    only: Collection[str] = (),
) -> list[AnnotatedImage]:
    """Read a folder with ``images/*.png``, ``labels/*.tif`` and, if typed, ``classes/*.csv``.

    Parameters
    ----------
    folder
        Holds the three folders. Label files are instance maps; csv files have columns ``label, class_name``.
    type_names
        Names of the model's types, background first. Nuclei whose class is not among them have an unknown type.
    zoom, weight
        For all images of the folder; see `AnnotatedImage`. The weight is shared among them.
    leave_out, only
        Names of images not to read, or the only ones to read.

    Returns
    -------
    list of AnnotatedImage
        In the order of their names.

    Raises
    ------
    ValueError
        If there are no images, a name does not exist, a label map is missing or of another shape, or a csv file names
        nuclei that the label map does not have.
    """
    paths = {path.stem: path for path in sorted((folder / "images").glob("*.png"))}
    if not paths:
        found = "there are no images in" if folder.is_dir() else "there is no folder"
        raise ValueError(f"{found} {folder}; expected a folder with images/*.png and labels/*.tif")
    strangers = sorted((set(leave_out) | set(only)) - set(paths))
    if strangers:
        raise ValueError(f"{folder} has no image {strangers[0]!r}; remove the name or correct it")
    chosen = [name for name in paths if name not in leave_out and (not only or name in only)]
    images = []
    for name in chosen:
        pixels = cv2.imread(str(paths[name]), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError(f"{paths[name]} is not a readable image")
        labels = folder / "labels" / f"{name}.tif"
        if not labels.exists():
            raise ValueError(f"{labels} is missing: every image needs an instance map of the same name")
        try:
            instances = tifffile.imread(labels).astype(np.int32)
        except tifffile.TiffFileError as error:
            raise ValueError(f"{labels} is not a readable TIFF: {error}") from error
        if instances.shape != pixels.shape[:2]:
            raise ValueError(f"{labels} is {instances.shape}, but its image is {pixels.shape[:2]}")
        types = _read_types(folder / "classes" / f"{name}.csv", type_names, int(instances.max(initial=0)))
        rgb = np.ascontiguousarray(pixels[..., ::-1])
        images.append(AnnotatedImage(name, rgb, instances, types, zoom, weight / len(chosen)))
    return images


def names_in(folder: Path) -> tuple[str, ...]:
    """Name the types that a folder's ``classes/*.csv`` mention, background first; empty if there are none."""
    found: dict[str, int] = {}
    for path in sorted((folder / "classes").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            try:
                found |= {row["class_name"]: int(row["class_id"]) for row in csv.DictReader(file) if row["class_name"]}
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path} is no table of classes; expected columns label, class_id, class_name"
                ) from error
    return ("background", *sorted(found, key=lambda name: found[name])) if found else ()


def _read_types(path: Path, type_names: Sequence[str], ids: int) -> NDArray[np.int64] | None:
    """Read the type of every instance id; None if no nucleus has a known one."""
    if not path.exists() or not type_names:
        return None
    types = np.full(ids + 1, UNKNOWN_TYPE, np.int64)
    types[0] = 0
    number = {name: index for index, name in enumerate(type_names)}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                label, name = int(row["label"]), row["class_name"]
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path} is no table of classes; expected columns label, class_name") from error
            if not 0 < label <= ids:
                raise ValueError(f"{path} gives nucleus {label} a class, but the ids of its label map are 1 to {ids}")
            types[label] = number.get(name, UNKNOWN_TYPE)
    return types if (types > 0).any() else None


def class_shares(images: Sequence[AnnotatedImage], num_types: int | None) -> dict[str, NDArray[np.float64]]:
    """Count how many pixels are of each class, every image by its weight.

    Parameters
    ----------
    images
        Annotated images; those without types do not count for ``tp``.
    num_types
        Number of nuclear types, background included; None for an untyped model.

    Returns
    -------
    dict
        ``np`` (2,) and, if typed, ``tp`` (num_types,); each sums to 1 and has no zeros.

    Examples
    --------
    >>> half = np.repeat([[0, 1]], 50, axis=0)
    >>> class_shares([AnnotatedImage("a", np.zeros((50, 2, 3), np.uint8), half)], None)["np"].round(2).tolist()
    [0.5, 0.5]
    """
    counts = {"np": np.full(2, 1e-6)} | ({"tp": np.full(num_types, 1e-6)} if num_types else {})
    for image in images:
        weight = image.weight / image.instances.size
        counts["np"] += weight * np.bincount((image.instances > 0).ravel(), minlength=2)
        if num_types and image.types is not None:
            types = image.types[image.instances]
            counts["tp"] += weight * np.bincount(types[types != UNKNOWN_TYPE], minlength=num_types)
    return {name: count / count.sum() for name, count in counts.items()}


class RandomPatches(Dataset[Mapping[str, Tensor]]):
    """Random patches; the same index gives the same patch, whatever was asked for before.

    Parameters
    ----------
    images
        Where patches are cut from; which one is drawn by weight.
    patch_px, output_px
        Side of the network's input and of its maps.
    length
        Number of patches.
    seed
        Of everything that is random.
    augmentation
        How far patches may be changed.

    Examples
    --------
    >>> image = AnnotatedImage("a", np.full((99, 99, 3), 200, np.uint8), np.ones((99, 99), np.int32))
    >>> patches = RandomPatches([image], patch_px=96, output_px=4, length=10, seed=1)
    >>> {name: tuple(value.shape) for name, value in patches[3].items()}
    {'image': (3, 96, 96), 'nuclear': (4, 4), 'hv': (2, 4, 4), 'types': (4, 4)}
    """

    def __init__(
        self,
        images: Sequence[AnnotatedImage],
        patch_px: int,
        output_px: int,
        length: int,
        seed: int,
        augmentation: Augmentation | None = None,
    ) -> None:
        if not images:
            raise ValueError("got no images to train on; give at least one annotated image")
        self.images = images
        self.patch_px, self.output_px, self.length, self.seed = patch_px, output_px, length, seed
        self.augmentation = augmentation or Augmentation()
        weights = np.array([image.weight for image in images])
        self._share = weights / weights.sum()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        """Cut, move and colour one patch and make its targets."""
        if not 0 <= index < self.length:
            raise IndexError(f"got index {index} of {self.length} patches")
        rng = np.random.default_rng([self.seed, index])
        chosen, other = (self.images[i] for i in rng.choice(len(self.images), 2, p=self._share))
        patch, instances, source = warp(
            chosen.image, chosen.instances, self.patch_px, chosen.zoom, self.augmentation, rng
        )
        patch = colour(patch, other.image, self.augmentation, rng)
        types = None if chosen.types is None else chosen.types[source]
        targets = targets_of(instances, types, (self.output_px, self.output_px))
        return {
            "image": torch.from_numpy(np.ascontiguousarray(patch.transpose(2, 0, 1))).float(),
            "nuclear": torch.from_numpy(targets.nuclear),
            "hv": torch.from_numpy(targets.hv),
            "types": torch.from_numpy(targets.types),
        }
