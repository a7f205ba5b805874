"""What the packaged models' cards say is true, on the unseen images that are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_pathprune.workflows.checkpoint import load, packaged_models
from napari_pathprune.workflows.evaluate import evaluate_models
from napari_pathprune.workflows.prune import cost_per_patch

UNSEEN = Path(__file__).parent / "unseen_patch"
ONE_NUCLEUS = 0.03
"""Processors round differently, and one of the patch's forty nuclei may come or go."""


@pytest.mark.parametrize("name", ["hovernet-s", "hovernet-s-compact"])
def test_the_card_is_true(name: str) -> None:
    checkpoint = load(name)
    card = checkpoint.card["scores on cellseg_models_patches"]
    (score,) = evaluate_models([name], UNSEEN)
    found = score.to_dict()
    assert found["images"] == card["unseen images"]
    assert {key: found[key] for key in ("pq", "dq", "sq", "aji", "dice")} == pytest.approx(
        {key: card[key] for key in ("pq", "dq", "sq", "aji", "dice")}, abs=ONE_NUCLEUS
    )
    assert float(checkpoint.card["MACs per megapixel"]) == pytest.approx(
        cost_per_patch(checkpoint).macs_per_megapixel, rel=0.01
    )


def test_both_are_small_enough_to_be_installed() -> None:
    assert set(packaged_models()) == {"hovernet-s", "hovernet-s-compact"}
    assert sum(path.stat().st_size for path in packaged_models().values()) < 12e6
