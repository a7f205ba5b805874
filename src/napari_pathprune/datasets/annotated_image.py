"""Images with annotated nuclei, and sequences of such images that are decoded on access."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

Annotator = Literal["people", "parent", "nobody"]


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedImage:
    """An image and its nuclei, or an image whose nuclei nobody has annotated.

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
    annotator
        Source of the nuclei: ``"people"``, as for every image that is read from an annotated folder; ``"parent"`` where
        a model found them, so that scores are agreement with that model; or ``"nobody"`` for an unlabelled image, whose
        instance map is empty and has no meaning.
    """

    name: str
    image: NDArray[np.uint8]
    instances: NDArray[np.int32]
    types: NDArray[np.int64] | None = None
    zoom: float = 1.0
    weight: float = 1.0
    tissue: str = ""
    annotator: Annotator = "people"


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What is known of each of many images without decoding them.

    Attributes
    ----------
    has_nuclei
        (N,), whether each image has annotated nuclei.
    has_types
        (N,), whether a nucleus of each image has a type that the model knows.
    read_pixels
        Returns the pixels of the image at an index, (H, W, 3) uint8, without its annotation.
    """

    has_nuclei: NDArray[np.bool_]
    has_types: NDArray[np.bool_]
    read_pixels: Callable[[int], NDArray[np.uint8]]

    def pick(self, indices: Sequence[int]) -> Survey:
        """Return the survey of a selection of the images."""
        kept = list(indices)
        return Survey(self.has_nuclei[kept], self.has_types[kept], lambda index: self.read_pixels(kept[index]))


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
    labelled
        (N,), whether each image has annotated nuclei; None if all have.
    survey
        What is known of the images without decoding them; None if nothing is.

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
    labelled: NDArray[np.bool_] | None = None
    survey: Survey | None = None

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
        labelled = None if self.labelled is None else self.labelled[kept]
        survey = None if self.survey is None else self.survey.pick(kept)
        return LazyImages(names, self.weights[kept], lambda index: self.build(kept[index]), labelled, survey)


def list_weights(images: Sequence[AnnotatedImage]) -> NDArray[np.float64]:
    """Return the weights of all images, (N,), without decoding lazy ones."""
    return images.weights if isinstance(images, LazyImages) else np.array([image.weight for image in images])


def find_labelled(images: Sequence[AnnotatedImage]) -> NDArray[np.bool_]:
    """Return whether each image has annotated nuclei, (N,), without decoding lazy ones.

    Examples
    --------
    >>> pixels, empty = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.int32)
    >>> pair = [AnnotatedImage("a", pixels, empty), AnnotatedImage("b", pixels, empty, annotator="nobody")]
    >>> find_labelled(pair).tolist()
    [True, False]
    """
    if isinstance(images, LazyImages):
        return np.ones(len(images), np.bool_) if images.labelled is None else images.labelled
    return np.array([image.annotator != "nobody" for image in images], np.bool_)


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
    weights = np.concatenate([list_weights(images) for images in sets])
    labelled = np.concatenate([find_labelled(images) for images in sets])
    return LazyImages(names, weights, build, labelled, _join_surveys([survey_images(images) for images in sets], ends))


def survey_images(images: Sequence[AnnotatedImage]) -> Survey | None:
    """Return what is known of images without decoding lazy ones; None if that is nothing.

    Examples
    --------
    >>> pixels, nuclei = np.zeros((8, 8, 3), np.uint8), np.eye(8, dtype=np.int32)
    >>> one = AnnotatedImage("a", pixels, nuclei, types=np.array([0, 2]))
    >>> found = survey_images([one, AnnotatedImage("b", pixels, 0 * nuclei)])
    >>> found.has_nuclei.tolist(), found.has_types.tolist()
    ([True, False], [True, False])
    """
    if isinstance(images, LazyImages):
        return images.survey
    has_types = [image.types is not None and bool((np.asarray(image.types) > 0).any()) for image in images]
    return Survey(
        np.array([image.instances.any() for image in images], np.bool_),
        np.array(has_types, np.bool_),
        lambda index: images[index].image,
    )


def _join_surveys(surveys: Sequence[Survey | None], ends: Sequence[int]) -> Survey | None:
    """Return the survey of joined sets, which end at some numbers of images; None if one is missing."""
    known = [survey for survey in surveys if survey is not None]
    if len(known) < len(surveys):
        return None

    def read_pixels(index: int) -> NDArray[np.uint8]:
        place = bisect_right(ends, index)
        return known[place].read_pixels(index - (ends[place - 1] if place else 0))

    return Survey(
        np.concatenate([one.has_nuclei for one in known]), np.concatenate([one.has_types for one in known]), read_pixels
    )


def list_names(images: Sequence[AnnotatedImage]) -> tuple[str, ...]:
    """Return the names of all images, without decoding lazy ones."""
    return images.names if isinstance(images, LazyImages) else tuple(image.name for image in images)
