"""How good a model is on images with a truth: a few scores while it changes, and pictures to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from torch import nn

from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.instances.metrics import panoptic_quality
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.compress.compress_report import Example
from napari_pathprune.workflows.evaluate.evaluate import DEFAULT_MPP, predict_instances, score_model

EXAMPLE_PX: Final = 500
_SCORES: Final = ("pq", "aji", "dice", "mpq_plus")


def scores_of(
    model: nn.Module, images: Sequence[AnnotatedImage], checkpoint: Checkpoint, device: str = "auto"
) -> dict[str, float]:
    """Score a model while it is trained or cut.

    Parameters
    ----------
    model
        In eval mode.
    images
        With their truth.
    checkpoint
        Tells pixel size and types.
    device
        See `inference.predict.device_named`.

    Returns
    -------
    dict
        ``pq`` first, then ``aji``, ``dice`` and, where types are known, ``mpq_plus``.
    """
    found = score_model(model, checkpoint, images, device=device).to_dict()
    return {name: found[name] for name in _SCORES if found.get(name) is not None}


def examples_of(
    images: Sequence[AnnotatedImage], dense: Checkpoint, compact: Checkpoint, device: str = "auto", count: int = 3
) -> tuple[Example, ...]:
    """Show the middle of some images, spread evenly, as two models see them.

    Parameters
    ----------
    images
        With their truth; at most ``count`` are taken.
    dense, compact
        The two models.
    device
        See `inference.predict.device_named`.
    """
    models = [(one.model(), one.mpp or DEFAULT_MPP) for one in (dense, compact)]
    step = max(1, len(images) // count)
    examples = []
    for image in list(images[::step])[:count]:
        height, width = image.instances.shape
        top, left = (max(0, (side - EXAMPLE_PX) // 2) for side in (height, width))
        part = (slice(top, top + EXAMPLE_PX), slice(left, left + EXAMPLE_PX))
        truth = image.instances[part]
        ours, theirs = (predict_instances(image, model, mpp, device)[part] for model, mpp in models)
        examples.append(
            Example(
                image.name,
                image.image[part],
                truth,
                ours,
                theirs,
                panoptic_quality(truth, ours).pq,
                panoptic_quality(truth, theirs).pq,
            )
        )
    return tuple(examples)
