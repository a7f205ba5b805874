"""The parent finds the nuclei of validation images that nobody annotated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from torch import nn

from napari_pathprune.datasets.annotated_image import AnnotatedImage
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.evaluate.validation import make_examples, score_validation
from napari_pathprune.workflows.unlabelled.parent_labels import label_by_parent


def test_nuclei_come_from_the_parent(
    disc_field: Callable[[tuple[int, int]], Any],
    oracle: nn.Module,
    checkpoint: Checkpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Checkpoint, "model", lambda _: oracle)
    truth, picture = disc_field((150, 160))
    unlabelled = AnnotatedImage("field", picture, np.zeros_like(truth), annotator="nobody")
    (labelled,) = label_by_parent([unlabelled], checkpoint)
    assert labelled.annotator == "parent"
    assert len(np.unique(labelled.instances)) == len(np.unique(truth))
    scores = score_validation(oracle, [labelled], checkpoint)
    assert scores == dict.fromkeys(("agreement_pq", "agreement_f1", "agreement_dice", "agreement_types"), 1.0)
    assert score_validation(oracle, [labelled], checkpoint, is_parent=True) == scores
    assert make_examples([labelled], checkpoint, checkpoint)[0].is_agreement
    fewer = replace(labelled, instances=np.where(labelled.instances == labelled.instances.max(), 0, labelled.instances))
    assert 0.9 < score_validation(oracle, [fewer], checkpoint)["agreement_f1"] < 1.0
    assert label_by_parent([labelled], None) == [labelled]
