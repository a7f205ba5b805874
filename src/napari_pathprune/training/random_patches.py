"""Random training patches, cut from annotated images on the fly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from napari_pathprune.datasets.annotated_image import AnnotatedImage, find_labelled, list_weights
from napari_pathprune.datasets.patches.augment import Augmentation, colour, warp
from napari_pathprune.datasets.patches.stain import Look, measure_look
from napari_pathprune.training.targets import compute_targets


class RandomPatches(Dataset[Mapping[str, Tensor]]):
    """Random patches and their targets, in which each index always gives the same patch.

    The centre of a patch can lie anywhere in its image, so that all pixels are trained on equally often. Those at the
    edges would otherwise fall into the margin that the network's maps lack. Beyond its edges the image is mirrored, as
    in inference.

    Targets are computed after augmentation. If some images are unlabelled, every patch also has its ``plain`` picture,
    without colour changes, for a teacher to look at, and ``labelled``, whether it has targets; the targets of a patch
    without annotation are empty. The look of each image that lends its colours is cached, so that a lazy
    image is decoded only once for this purpose.

    Parameters
    ----------
    images
        Images to cut patches from, drawn with a probability proportional to their weights.
    patch_px, output_px
        Side of the network's input and of its maps, in pixels.
    length
        Number of patches.
    seed
        Seed of all random choices.
    augmentation
        Ranges of the random changes; the defaults if None.
    within_px
        Side of the square around the centre of a patch that lies within the image; see `geometry.random_view`. With
        the side of the patch, the outermost pixels of an image are never trained on.

    Raises
    ------
    ValueError
        If there are no images.

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
        within_px: int = 1,
    ) -> None:
        if not images:
            raise ValueError("got no images to train on; give at least one annotated image")
        self.images = images
        self.patch_px, self.output_px, self.length, self.seed = patch_px, output_px, length, seed
        self.augmentation = augmentation or Augmentation()
        self.within_px = within_px
        weights = list_weights(images)
        self._share = weights / weights.sum()
        self._all_labelled = bool(find_labelled(images).all())
        self._looks: dict[int, Look] = {}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        """Cut and augment a patch and compute its targets."""
        if not 0 <= index < self.length:
            raise IndexError(f"got index {index} of {self.length} patches")
        rng = np.random.default_rng([self.seed, index])
        one, other = rng.choice(len(self.images), 2, p=self._share).tolist()
        chosen = self.images[one]
        patch, instances, source = warp(
            chosen.image,
            chosen.instances,
            self.patch_px,
            chosen.zoom,
            self.augmentation,
            rng,
            within_px=self.within_px,
        )
        types = None if chosen.types is None else chosen.types[source]
        targets = compute_targets(instances, types, (self.output_px, self.output_px))
        more = {} if self._all_labelled else {"plain": patch, "labelled": torch.tensor(chosen.annotator != "nobody")}
        return more | {
            "image": colour(patch, self._look(other), self.augmentation, rng),
            "nuclear": torch.from_numpy(targets.nuclear),
            "hv": torch.from_numpy(targets.hv),
            "types": torch.from_numpy(targets.types),
        }

    def _look(self, index: int) -> Look | None:
        if not self.augmentation.restain:
            return None
        if index not in self._looks:
            self._looks[index] = measure_look(self.images[index].image)
        return self._looks[index]
