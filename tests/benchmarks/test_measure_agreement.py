"""The benchmark of agreement scores models, and trainings that have not finished, against their parent."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_pathprune.models import build
from napari_pathprune.workflows.checkpoint import Checkpoint, save

FOLDER = Path(__file__).parents[2] / "benchmarks" / "unlabelled"
CONFIG = {"mode": "fast", "num_types": None, "width": 0.125}


def test_a_model_agrees_with_itself_also_as_the_average_of_a_training(
    two_convolutions_as_hovernet: None,  # noqa: ARG001 - builds the model
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = build("hovernet", **CONFIG).state_dict()
    parent, start, state = (tmp_path / name for name in ("parent.safetensors", "start.safetensors", "small.state"))
    save(Checkpoint("hovernet", CONFIG, weights), parent)
    save(Checkpoint("hovernet", CONFIG, {name: torch.zeros_like(value) for name, value in weights.items()}), start)
    torch.save({"step": 3, "average": {f"module.{name}": value for name, value in weights.items()}}, state)
    image = np.random.default_rng(0).normal((205, 140, 185), 25.0, (150, 150, 3)).clip(0, 255).astype(np.uint8)
    resolution = {"resolution": (40_000.0, 40_000.0), "resolutionunit": "CENTIMETER"}  # 0.25 um per pixel
    tifffile.imwrite(tmp_path / "slide.tif", image, photometric="rgb", **resolution)
    monkeypatch.syspath_prepend(str(FOLDER))
    benchmark = import_module("measure_agreement")
    monkeypatch.delitem(sys.modules, "measure_agreement")
    benchmark.main([str(parent), str(parent), f"{start}:{state}", "--slides", str(tmp_path / "slide.tif")])
    head, itself, average = capsys.readouterr().out.splitlines()
    assert head.startswith("1 windows, ")
    for line in (itself, average):
        assert line.endswith(": agreement with the parent: PQ 1.000, F1 1.000, Dice 1.000")
