"""Mistakes in data that no single file shows; each is logged as a warning that states what to do."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import numpy as np

from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.datasets.annotated_image import AnnotatedImage, LazyImages

MOST_DECODED: Final = 500
"""Largest set of images on disk that is decoded for a check."""
_LOG = get_plain_logger(__name__)


def warn_of_same_pixels(training: Sequence[AnnotatedImage], validation: Sequence[AnnotatedImage]) -> None:
    """Log a warning if an image is in both sets, under whatever names."""
    if not validation or not _is_quick(training) or not _is_quick(validation):
        return
    known = {_hash_pixels(one): one.name for one in training}
    pairs = [(known[key], one.name) for one in validation if (key := _hash_pixels(one)) in known]
    if pairs:
        _LOG.warning(
            "%d validation images are also training images, so the scores are too good; leave them out of one set: %s",
            len(pairs),
            ", ".join(f"{ours} = {theirs}" for ours, theirs in pairs[:5]) + (", ..." if len(pairs) > 5 else ""),
        )


def warn_of_empty_images(images: Sequence[AnnotatedImage]) -> None:
    """Log a warning if annotated images without nuclei raise the mean scores: PQ is 1 where nothing is found either."""
    if not _is_quick(images):
        return
    empty = [one.name for one in images if one.annotator == "people" and not one.instances.any()]
    if empty:
        _LOG.warning(
            "%d of %d images have no nuclei, and count as PQ 1 where a model finds none either; leave them out if they "
            "are not annotated: %s",
            len(empty),
            len(images),
            ", ".join(empty[:5]) + (", ..." if len(empty) > 5 else ""),
        )


def warn_of_missing_types(images: Sequence[AnnotatedImage], type_names: Sequence[str]) -> None:
    """Log a warning if no nucleus of the training images has a type, although the model has types."""
    if len(type_names) < 2 or not images or not _is_quick(images):
        return
    annotated = [one for one in images if one.annotator == "people" and one.instances.any()]
    if annotated and not any(one.types is not None and (np.asarray(one.types) > 0).any() for one in annotated):
        _LOG.warning(
            "the model has types (%s), but no nucleus of the training images has one, so types are not trained; add "
            "tables of classes (classes/NAME.csv) whose names are those of the model, or train an untyped model",
            ", ".join(type_names[1:]),
        )


def _is_quick(images: Sequence[AnnotatedImage]) -> bool:
    return not isinstance(images, LazyImages) or len(images) <= MOST_DECODED


def _hash_pixels(image: AnnotatedImage) -> bytes:
    shape = str(image.image.shape).encode()
    return blake2b(image.image.tobytes(), digest_size=16, key=shape[:64]).digest()
