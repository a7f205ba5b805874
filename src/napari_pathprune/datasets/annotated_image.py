"""Images with annotated nuclei, and sequences of such images that are decoded on access."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedImage:
    """An image and its annotated nuclei.

    Attributes
    ----------
    name
        File name without extension, or fold and number.
    image
        (H, W, 3) uint8, RGB.
    instances
        (H, W) int32, instance map; 0 is background.
    types
        Type of every instance id, with ``types[0] == 0``; None if the types are not known.
    zoom
        Magnification that brings the image to the model's mpp.
    weight
        Relative frequency with which patches are cut from this image.
    tissue
        Tissue of origin, such as "Colon"; empty if not known.
    """

    name: str
    image: NDArray[np.uint8]
    instances: NDArray[np.int32]
    types: NDArray[np.int64] | None = None
    zoom: float = 1.0
    weight: float = 1.0
    tissue: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LazyImages(Sequence[AnnotatedImage]):
    """Images that are decoded at each access and not cached.

    Attributes
    ----------
    names
        Names of all images.
    weights
        (N,), weights of all images.
    build
        Returns the image at an index.

    Examples
    --------
    >>> empty = np.zeros((8, 8), np.int32)
    >>> def build(index: int) -> AnnotatedImage:
    ...     return AnnotatedImage(f"fold1_{index}", np.zeros((8, 8, 3), np.uint8), empty)
    >>> images = LazyImages(("fold1_0", "fold1_1", "fold1_2"), np.ones(3), build)
    >>> [image.name for image in images[1:]]
    ['fold1_1', 'fold1_2']
    """

    names: tuple[str, ...]
    weights: NDArray[np.float64]
    build: Callable[[int], AnnotatedImage]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> AnnotatedImage: ...
    @overload
    def __getitem__(self, index: slice) -> LazyImages: ...
    def __getitem__(self, index: int | slice) -> AnnotatedImage | LazyImages:
        if isinstance(index, slice):
            return self.pick(range(len(self))[index])
        return self.build(range(len(self))[index])

    def pick(self, indices: Iterable[int]) -> LazyImages:
        """Return a selection of the images without decoding them."""
        kept = list(indices)
        names = tuple(self.names[index] for index in kept)
        return LazyImages(names, self.weights[kept], lambda index: self.build(kept[index]))


def list_weights(images: Sequence[AnnotatedImage]) -> NDArray[np.float64]:
    """Return the weights of all images, (N,), without decoding lazy ones."""
    return images.weights if isinstance(images, LazyImages) else np.array([image.weight for image in images])


def pick(images: Sequence[AnnotatedImage], indices: Iterable[int]) -> Sequence[AnnotatedImage]:
    """Return the images at some indices, without decoding lazy ones."""
    return images.pick(indices) if isinstance(images, LazyImages) else [images[index] for index in indices]


def join(sets: Sequence[Sequence[AnnotatedImage]]) -> Sequence[AnnotatedImage]:
    """Concatenate sets of images, without decoding lazy ones.

    Examples
    --------
    >>> empty = AnnotatedImage("a", np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.int32))
    >>> lazy = LazyImages(("b",), np.ones(1), lambda index: empty)
    >>> len(join([[empty, empty], lazy]))
    3
    """
    if not any(isinstance(images, LazyImages) for images in sets):
        return [image for images in sets for image in images]
    ends = list(accumulate(len(images) for images in sets))

    def build(index: int) -> AnnotatedImage:
        place = bisect_right(ends, index)
        return sets[place][index - ends[place]]  # a negative index, counted from the end of the set

    names = tuple(name for images in sets for name in list_names(images))
    return LazyImages(names, np.concatenate([list_weights(images) for images in sets]), build)


def list_names(images: Sequence[AnnotatedImage]) -> tuple[str, ...]:
    """Return the names of all images, without decoding lazy ones."""
    return images.names if isinstance(images, LazyImages) else tuple(image.name for image in images)
