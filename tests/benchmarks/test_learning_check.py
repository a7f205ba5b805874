"""The check of the training loop runs, and fails if the score is too low."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import tifffile
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "learning_check" / "check.py"


@pytest.fixture
def check() -> ModuleType:
    """Import the script as a module."""
    spec = importlib.util.spec_from_file_location("learning_check", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def kumar(tmp_path: Path) -> Path:
    """Create a folder with one image, which has one nucleus in the middle of the crop."""
    instances = np.zeros((520, 540), np.uint16)
    instances[340:370, 350:380] = 5
    image = np.full((520, 540, 3), 220, np.uint8)
    image[instances > 0] = (110, 60, 140)
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "training_01.png"), image)
    tifffile.imwrite(tmp_path / "labels" / "training_01.tif", instances)
    return tmp_path


def test_the_check_writes_its_scores_and_fails_below_a_limit(
    check: ModuleType, kumar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crop = check.read_crop(kumar)
    assert crop.instances.shape == crop.image.shape[:2] == (320, 320)
    assert crop.instances[155, 165] == 5
    threads = torch.get_num_threads()
    table = tmp_path / "results.csv"
    options = ["--steps", "1", "--patch-px", "96", "--name", "tiny", "--table", str(table), "--at-least", "2"]
    monkeypatch.setattr(sys, "argv", ["check.py", str(kumar), *options])
    with pytest.raises(SystemExit, match=r"^PQ [\d.]+ is below 2"):
        check.main()
    torch.set_num_threads(threads)
    with table.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["name"] == "tiny"
    assert {"pq", "dice", "pq_inner", "pq_last", "pq_batch", "loss", "np_ce", "hv_msge"} <= row.keys()
