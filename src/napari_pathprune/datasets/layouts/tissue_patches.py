"""Tissue patches in one folder per class, as NCT-CRC-HE-100K is published (doi:10.5281/zenodo.1214456)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import is_image_file

from napari_pathprune.datasets.image_selection import BadFiles, ImageSelection
from napari_pathprune.datasets.layouts.label_folder import read_rgb
from napari_pathprune.datasets.patches.augment import Augmentation, colour
from napari_pathprune.datasets.patches.geometry import View, cut, random_view
from napari_pathprune.datasets.patches.stain import Look, measure_look


class TissueImages(Dataset[Mapping[str, Tensor]]):
    """Unchanged images for validation: item ``i`` is the centre of image ``i``.

    Every image is read once at the start to find unreadable ones.

    Parameters
    ----------
    folder
        Folder that holds one folder per class, with PNG, TIFF or JPEG images.
    patch_px
        Side of the network's input, in pixels. Smaller images are mirrored at their edges.
    bad_files
        ``"stop"`` to raise at an unreadable image, or ``"skip"`` to leave it out with a logged warning.

    Raises
    ------
    ValueError
        If there are no classes, a class has no readable images, or an image is not readable. The message names it.

    Examples
    --------
    >>> import tempfile
    >>> import cv2
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for tissue in ("MUS", "TUM"):
    ...         Path(name, tissue).mkdir()
    ...         _ = cv2.imwrite(str(Path(name, tissue, "1.png")), np.full((64, 64, 3), 9, np.uint8))
    ...     images = TissueImages(Path(name), patch_px=48)
    ...     images.class_names, images[1]["label"].item(), tuple(images[1]["image"].shape)
    (('MUS', 'TUM'), 1, (3, 48, 48))
    """

    def __init__(self, folder: Path, patch_px: int, *, bad_files: BadFiles = "stop") -> None:
        selection = ImageSelection(bad_files=bad_files)

        def is_usable(path: str) -> bool:
            return is_image_file(path) and bool(selection.read_each([path], _load))

        try:
            self._files = ImageFolder(folder, loader=_load, is_valid_file=is_usable)
        except FileNotFoundError as error:
            raise ValueError(
                f"{folder} is not a folder of tissue classes: {str(error).rstrip(' .')}; expected one folder per "
                "class, with readable images"
            ) from error
        self.patch_px = patch_px

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the folders in the order of the labels."""
        return tuple(self._files.classes)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        """Return ``image``, (3, patch_px, patch_px) float32 from 0 to 255, and ``label``, an int64 scalar."""
        image, label = self.read(index)
        patch, _ = cut(image, None, self.patch_px, View((image.shape[0] // 2, image.shape[1] // 2)))
        return _make_item(patch, label)

    def read(self, index: int) -> tuple[NDArray[np.uint8], int]:
        """Read an image, (H, W, 3) uint8 RGB, and its label."""
        if not 0 <= index < len(self):
            raise IndexError(f"got index {index} of {len(self)} images")
        image, label = self._files[index]
        return image, label


class TissuePatches(Dataset[Mapping[str, Tensor]]):
    """Random training patches, in which each index always gives the same patch.

    Parameters
    ----------
    images
        Images to cut patches from, drawn with equal probability.
    length
        Number of patches.
    seed
        Seed of all random choices.
    augmentation
        Ranges of the random changes; the defaults if None. Patches are always rotated and mirrored at random.

    Examples
    --------
    >>> import tempfile
    >>> import cv2
    >>> with tempfile.TemporaryDirectory() as name:
    ...     Path(name, "TUM").mkdir()
    ...     _ = cv2.imwrite(str(Path(name, "TUM", "1.png")), np.full((64, 64, 3), 9, np.uint8))
    ...     patches = TissuePatches(TissueImages(Path(name), patch_px=48), length=10, seed=1)
    ...     torch.equal(patches[7]["image"], patches[7]["image"])
    True
    """

    def __init__(self, images: TissueImages, length: int, seed: int, augmentation: Augmentation | None = None) -> None:
        self.images, self.length, self.seed = images, length, seed
        self.augmentation = augmentation or Augmentation()
        self._looks: dict[int, Look] = {}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        """Return ``image``, (3, patch_px, patch_px) float32 from 0 to 255, and ``label``, an int64 scalar."""
        if not 0 <= index < self.length:
            raise IndexError(f"got index {index} of {self.length} patches")
        rng = np.random.default_rng([self.seed, index])
        one, other = rng.integers(len(self.images), size=2).tolist()
        image, label = self.images.read(one)
        view = random_view(
            (image.shape[0], image.shape[1]),
            self.images.patch_px,
            1.0,
            self.augmentation.scale,
            rng,
            turn=self.augmentation.turn,
            mirror=self.augmentation.mirror,
        )
        patch, _ = cut(image, None, self.images.patch_px, view)
        return _make_item(colour(patch, self._look(other), self.augmentation, rng), label)

    def _look(self, index: int) -> Look | None:
        if not self.augmentation.restain:
            return None
        if index not in self._looks:
            self._looks[index] = measure_look(self.images.read(index)[0])
        return self._looks[index]


def _load(path: str) -> NDArray[np.uint8]:
    return read_rgb(Path(path))


def _make_item(image: Tensor, label: int) -> Mapping[str, Tensor]:
    return {"image": image, "label": torch.tensor(label, dtype=torch.int64)}
