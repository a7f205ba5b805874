"""The study at full scale runs from end to end on a tiny synthetic PanNuke."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.config.train_config import TrainConfig, read_config

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "study" / "pannuke" / "three_folds.py"
SIDE_PX = 112


@pytest.fixture
def pannuke(tmp_path: Path) -> Path:
    """Return three folds of two images, each with a neoplastic and a dead nucleus, nested as published."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    for fold in (1, 2, 3):
        images = np.full((2, SIDE_PX, SIDE_PX, 3), 220.0)
        masks = np.zeros((2, SIDE_PX, SIDE_PX, 6))
        for number in range(2):
            for channel, centre in ((0, 30 + 9 * fold), (3, 80)):
                disc = np.hypot(y - 50 - 9 * number, x - centre) < 11
                images[number, disc] = (110.0, 40.0 + 20.0 * channel, 140.0)
                masks[number, disc, channel] = channel + 1
        for kind, array in (("images", images), ("masks", masks)):
            folder = tmp_path / "data" / f"Fold {fold}" / kind / f"fold{fold}"
            folder.mkdir(parents=True)
            np.save(folder / f"{kind}.npy", array)
        np.save(
            tmp_path / "data" / f"Fold {fold}" / "images" / f"fold{fold}" / "types.npy", np.array(["Colon", "Breast"])
        )
    return tmp_path / "data"


def read_tiny_config(path: Path) -> TrainConfig:
    """Read a config of the study and reduce its size."""
    config = read_config(path)
    return dataclasses.replace(
        config,
        fit=(dataclasses.replace(config.fit[0], batch=1, validate_every=0, workers=0),),
        patches=dataclasses.replace(config.patches, patch_px=96),
        compress=dataclasses.replace(config.compress, step_ratio=0.4, recalibrate=1),
    )


def load_script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("three_folds", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "read_config", read_tiny_config)
    return module


@pytest.mark.usefixtures("two_convolutions_as_hovernet")
def test_three_splits_are_trained_compressed_and_scored(
    pannuke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, out = load_script(monkeypatch), tmp_path / "out"
    small = ["--width", "0.5", "--steps", "1", "--fit-steps", "2", "--precision", "32-true"]
    study.main([str(pannuke), "-o", str(out), "--split", "2", *small])
    first = json.loads((out / "split-2.json").read_text())
    assert first["split"] == {"train": 2, "validation": 1, "test": 3}
    assert not (out / "three-folds.json").exists()
    study.main([str(pannuke), "-o", str(out), *small])
    assert json.loads((out / "split-2.json").read_text()) == first
    found = json.loads((out / "three-folds.json").read_text())
    assert found["compact"]["params"] < 0.2 * found["dense"]["params"]
    for model in ("dense", "compact"):
        assert 0.0 <= found[model]["mpq"]["mean"] <= 1.0
    compact = load(out / "split-1-compact.safetensors")
    assert compact.type_names == ("background", "neoplastic", "inflammatory", "connective", "dead", "epithelial")
    assert compact.lineage[-1]["teacher"] == "split-1-dense.safetensors"


def test_a_missing_fold_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="no folder 'Fold 1'"):
        load_script(monkeypatch).main([str(tmp_path), "-o", str(tmp_path / "out")])
