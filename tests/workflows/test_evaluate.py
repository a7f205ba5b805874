"""Scores: a model that sees the truth gets nearly one, one that sees nothing gets nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import tifffile
from torch import nn

from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.evaluate import COLUMNS, evaluate_models


@pytest.fixture
def painted_folder(disc_field, tmp_path: Path) -> Path:
    folder = tmp_path / "painted"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    truth, picture = disc_field((200, 220))
    for name in ("one", "two"):
        cv2.imwrite(str(folder / "images" / f"{name}.png"), picture[..., ::-1])
        tifffile.imwrite(folder / "labels" / f"{name}.tif", truth.astype("uint16"))
    return folder


def test_the_truth_scores_nearly_one(
    painted_folder: Path, model_file: Path, oracle: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checkpoint, "model", lambda _: oracle)
    (score,) = evaluate_models([str(model_file)], painted_folder)
    assert score.images == 2
    assert score.pq > 0.95
    assert score.aji > 0.95
    assert score.dice > 0.97
    assert score.pq == pytest.approx(score.dq * score.sq, abs=0.01)
    assert len(score.row()) == len(COLUMNS)


def test_a_random_model_scores_low_and_only_the_named_images_count(painted_folder: Path, model_file: Path) -> None:
    (score,) = evaluate_models([str(model_file)], painted_folder, only=("two",))
    assert score.images == 1
    assert score.pq < 0.5
    assert score.to_dict()["model"] == str(model_file)


def test_a_folder_without_images_is_named(model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no images in"):
        evaluate_models([str(model_file)], tmp_path)
