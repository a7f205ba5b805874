"""Shares of the classes in a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_pathprune.datasets.annotated_image import AnnotatedImage, find_labelled, list_weights, pick
from napari_pathprune.datasets.type_names import UNKNOWN_TYPE

SAMPLED_IMAGES: Final = 500
"""Largest number of images that are decoded; larger sets are sampled."""


def class_shares(images: Sequence[AnnotatedImage], num_types: int | None) -> dict[str, NDArray[np.float64]]:
    """Compute the share of pixels in each class, with every image counted by its weight.

    Each image is decoded at most once. If there are more than `SAMPLED_IMAGES`, a systematic sample by weight is used,
    which is spread evenly over the set and always the same.

    Parameters
    ----------
    images
        Images. Those without types do not count for ``tp``, and unlabelled ones do not count at all.
    num_types
        Number of nuclear types, background included; None for a model without types.

    Returns
    -------
    dict
        ``np`` (2,) and, with types, ``tp`` (num_types,). Each sums to 1 and contains no zeros.

    Examples
    --------
    >>> half = np.repeat([[0, 1]], 50, axis=0)
    >>> class_shares([AnnotatedImage("a", np.zeros((50, 2, 3), np.uint8), half)], None)["np"].round(2).tolist()
    [0.5, 0.5]
    """
    images = pick(images, np.flatnonzero(find_labelled(images)).tolist())
    counts = {"np": np.full(2, 1e-6)} | ({"tp": np.full(num_types, 1e-6)} if num_types else {})
    for index, weight in _sample_by_weight(list_weights(images)):
        image = images[index]
        share = weight / image.instances.size
        counts["np"] += share * np.bincount((image.instances > 0).ravel(), minlength=2)
        if num_types and image.types is not None:
            types = image.types[image.instances]
            counts["tp"] += share * np.bincount(types[types != UNKNOWN_TYPE], minlength=num_types)
    return {name: count / count.sum() for name, count in counts.items()}


def _sample_by_weight(weights: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Return indices and weights of the images to count: all of them, or a systematic sample by weight."""
    if len(weights) <= SAMPLED_IMAGES:
        return list(enumerate(weights.tolist()))
    marks = (np.arange(SAMPLED_IMAGES) + 0.5) / SAMPLED_IMAGES * weights.sum()
    found, times = np.unique(np.searchsorted(np.cumsum(weights), marks), return_counts=True)
    return list(zip(found.tolist(), (times * weights.sum() / SAMPLED_IMAGES).tolist(), strict=True))
