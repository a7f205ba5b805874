"""Validation of a model while it is trained or cut: a few scores, and example pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from torch import nn

from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.instances.image_scores import score_image
from napari_pathprune.instances.metrics import panoptic_quality
from napari_pathprune.instances.set_scores import SetScores
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.compress.compress_report import Example
from napari_pathprune.workflows.evaluate.evaluate import DEFAULT_MPP, predict_instances, score_model
from napari_pathprune.workflows.evaluate.score import Score

EXAMPLE_PX: Final = 500
"""Largest side of an example picture, in pixels of the image."""
_SCORES: Final = ("pq", "aji", "dice", "mpq_plus")


def score_validation(
    model: nn.Module,
    images: Sequence[AnnotatedImage],
    checkpoint: Checkpoint,
    device: str = "auto",
    *,
    is_parent: bool = False,
) -> dict[str, float]:
    """Return the validation scores of a model.

    Parameters
    ----------
    model
        In eval mode.
    images
        Annotated images.
    checkpoint
        Source of the pixel size and the type names.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    is_parent
        Whether this model has found the nuclei of the images, which then need not be found again.

    Returns
    -------
    dict
        ``pq`` first, then ``aji``, ``dice`` and, where types are known, ``mpq_plus``; undefined scores are left out. If
        a parent model found the nuclei, ``agreement_pq`` first, then ``agreement_f1``, ``agreement_dice`` and, where
        types are known, ``agreement_types``.
    """
    score = _score_parent(checkpoint, images) if is_parent else score_model(model, checkpoint, images, device=device)
    found = score.to_dict()
    if any(image.annotator == "parent" for image in images):
        return _name_agreement(score)
    return {name: found[name] for name in _SCORES if found.get(name) is not None}


def _score_parent(checkpoint: Checkpoint, images: Sequence[AnnotatedImage]) -> Score:
    """Return the score of the model that found the nuclei of the images."""
    names, mpp = checkpoint.type_names, checkpoint.mpp or DEFAULT_MPP
    rows = tuple(
        score_image(
            image.instances,
            image.instances,
            image.types,
            image.types,
            num_types=len(names) or None,
            mpp=mpp * image.zoom,
            name=image.name,
        )
        for image in images
    )
    return Score("", SetScores(rows), math.nan, names)


def _name_agreement(score: Score) -> dict[str, float]:
    """Return the agreement with a parent, whose nuclei stand where the annotation does in other scores."""
    details = score.details
    scores = {
        "agreement_pq": details.pq,
        "agreement_f1": details.detection.f1,
        "agreement_dice": details.dice,
        "agreement_types": compute_type_agreement(details),
    }
    return {name: value for name, value in scores.items() if not math.isnan(value)}


def compute_type_agreement(details: SetScores) -> float:
    """Return the share of the paired nuclei that have the same type; NaN without types or pairs."""
    same = sum(counts.tp for counts in details.classified_by_type)
    pairs = same + sum(counts.fp for counts in details.classified_by_type)
    return same / pairs if pairs else math.nan


def make_examples(
    images: Sequence[AnnotatedImage],
    dense: Checkpoint,
    compact: Checkpoint,
    device: str = "auto",
    count: int = 3,
    *,
    is_parent: bool = False,
) -> tuple[Example, ...]:
    """Return the centres of some images, spread evenly, as two models segment them.

    Parameters
    ----------
    images
        Annotated images; at most ``count`` of them are used.
    dense, compact
        The two models.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    count
        Number of examples.
    is_parent
        Whether the dense model has found the nuclei of the images, which then need not be found again.
    """
    before = None if is_parent else dense.model()
    after = compact.model()
    step = max(1, len(images) // count)
    examples = []
    for image in list(images[::step])[:count]:
        height, width = image.instances.shape
        top, left = (max(0, (side - EXAMPLE_PX) // 2) for side in (height, width))
        part = (slice(top, top + EXAMPLE_PX), slice(left, left + EXAMPLE_PX))
        truth = image.instances[part]
        ours = truth
        if before is not None:
            ours = predict_instances(image, before, dense.mpp or DEFAULT_MPP, device)[part]
        theirs = predict_instances(image, after, compact.mpp or DEFAULT_MPP, device)[part]
        examples.append(
            Example(
                image.name,
                image.image[part],
                truth,
                ours,
                theirs,
                panoptic_quality(truth, ours).pq,
                panoptic_quality(truth, theirs).pq,
                image.annotator == "parent",
            )
        )
    return tuple(examples)
