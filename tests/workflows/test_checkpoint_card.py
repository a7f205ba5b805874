"""A card is read and changed without touching the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.checkpoint_card import check_card, read_card, update_card


@pytest.mark.parametrize("half", [False, True])
def test_only_the_card_changes(checkpoint: Checkpoint, tmp_path: Path, half: bool) -> None:  # noqa: FBT001 - a case
    path = tmp_path / "model.safetensors"
    save(replace(checkpoint, card={"purpose": "tests", "old": 1}), path, half=half)
    before, size = load(path), path.stat().st_size
    update_card(path, {"old": 2, "new": {"PQ": 0.5}})
    after = load(path)
    assert after.card == read_card(path) == {"purpose": "tests", "old": 2, "new": {"PQ": 0.5}}
    assert after.fingerprint() == before.fingerprint()
    assert all(torch.equal(after.weights[name], tensor) for name, tensor in before.weights.items())
    assert abs(path.stat().st_size - size) < 200  # half precision stays half


def test_packaged_models_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hovernet-s is installed with the package"):
        check_card("hovernet-s")
    foreign = tmp_path / "model.tar"
    torch.save({"desc": {}}, foreign)
    with pytest.raises(ValueError, match=r"model\.tar is not a \.safetensors model file"):
        check_card(foreign)
