"""Mistakes in data that no single file shows; each is logged as a warning that states what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final

import numpy as np

from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.datasets.annotated_image import (
    AnnotatedImage,
    LazyImages,
    Survey,
    find_labelled,
    list_names,
    survey_images,
)

MOST_DECODED: Final = 500
"""Largest number of images on disk that are decoded for a check, if they cannot be checked otherwise."""
_LOG = get_plain_logger(__name__)


def warn_of_same_pixels(training: Sequence[AnnotatedImage], validation: Sequence[AnnotatedImage]) -> None:
    """Log a warning if an image is in both sets, under whatever names."""
    if not validation:
        return
    known = dict(_hash_images(training))
    pairs = [(known[key], name) for key, name in _hash_images(validation) if key in known]
    if pairs:
        _LOG.warning(
            "%d validation images are also training images, so the scores are too good; leave them out of one set: %s",
            len(pairs),
            _list_some([f"{ours} = {theirs}" for ours, theirs in pairs]),
        )


def warn_of_empty_images(images: Sequence[AnnotatedImage]) -> None:
    """Log a warning if annotated images without nuclei raise the mean scores: PQ is 1 where nothing is found either."""
    looked_at, survey = _survey(images)
    names, labelled = list_names(looked_at), find_labelled(looked_at)
    places = np.flatnonzero(labelled & ~survey.has_nuclei).tolist()
    empty = [names[place] for place in places if isinstance(looked_at, LazyImages) or _is_by_people(looked_at[place])]
    if empty:
        _LOG.warning(
            "%d of %d images have no nuclei, and count as PQ 1 where a model finds none either, or as 0 (bPQ leaves "
            "them out); leave them out if they are not annotated: %s",
            len(empty),
            len(looked_at),
            _list_some(empty),
        )


def warn_of_missing_types(images: Sequence[AnnotatedImage], type_names: Sequence[str]) -> None:
    """Log a warning if no nucleus of the training images has a type, although the model has types."""
    if len(type_names) < 2 or not images:
        return
    looked_at, survey = _survey(images)
    annotated = find_labelled(looked_at) & survey.has_nuclei
    if annotated.any() and not survey.has_types[annotated].any():
        _LOG.warning(
            "the model has types (%s), but no nucleus of the training images has one, so types are not trained; add "
            "tables of classes (classes/NAME.csv) whose names are those of the model, or train an untyped model",
            ", ".join(type_names[1:]),
        )


def _survey(images: Sequence[AnnotatedImage]) -> tuple[Sequence[AnnotatedImage], Survey]:
    """Return images with what is known of them; of a large set of which nothing is known, a part that is decoded."""
    survey = survey_images(images)
    if survey is not None:
        return images, survey
    step = -(-len(images) // MOST_DECODED)
    decoded = [images[index] for index in range(0, len(images), step)]
    survey = survey_images(decoded)
    assert survey is not None
    return decoded, survey


def _is_by_people(image: AnnotatedImage) -> bool:
    return image.annotator == "people"


def _list_some(entries: Sequence[str]) -> str:
    return ", ".join(entries[:5]) + (", ..." if len(entries) > 5 else "")


def _hash_images(images: Sequence[AnnotatedImage]) -> Iterator[tuple[bytes, str]]:
    """Yield a hash of the pixels of each image, and its name."""
    survey = survey_images(images)
    for index, name in enumerate(list_names(images)):
        pixels = images[index].image if survey is None else survey.read_pixels(index)
        shape = str(pixels.shape).encode()
        yield blake2b(pixels.tobytes(), digest_size=16, key=shape[:64]).digest(), name
