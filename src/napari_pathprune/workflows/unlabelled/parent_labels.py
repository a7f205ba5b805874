"""Validation images whose nuclei a parent model finds, so that scores are agreement with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_pathprune.datasets.annotated_image import AnnotatedImage, find_labelled
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.evaluate.evaluate import DEFAULT_MPP, predict_typed_instances


def label_by_parent(
    images: Sequence[AnnotatedImage], parent: Checkpoint | None, device: str = "auto"
) -> Sequence[AnnotatedImage]:
    """Return images in which the parent has found the nuclei of those without annotation.

    Parameters
    ----------
    images
        All with annotation, which are returned as they are, or all without.
    parent
        The model that teaches; needed for images without annotation.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises
    ------
    MemoryError
        If memory runs out.
    """
    if find_labelled(images).all():
        return images
    assert parent is not None
    model, mpp = parent.model(), parent.mpp or DEFAULT_MPP
    found = []
    for image in images:
        instances, types = predict_typed_instances(image, model, mpp, device)
        known = types.astype(np.int64) if parent.type_names else None
        found.append(replace(image, instances=instances, types=known, annotator="parent"))
    return found
