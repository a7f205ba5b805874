"""Model files, pictures and annotated images for the command line, and a function that runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch

from napari_pathprune.cli import main
from napari_pathprune.models import build
from napari_pathprune.workflows.checkpoint import Checkpoint, save

CONFIG = {"mode": "fast", "num_types": None, "width": 0.125}
TYPE_NAMES = ("background", "neoplastic", "inflammatory")
SETTINGS = """
[model]
width = 0.125
[fit]
steps = 1
batch = 1
[patches]
patch_px = 96
[compress]
recalibrate = 1
[[data]]
folder = "data"
only = ["image-0"]
[[validation]]
folder = "data"
only = ["image-1"]
"""

Run = Callable[..., int]


@pytest.fixture
def run() -> Run:
    """Return a function that runs the command line, and returns its exit code."""

    def call(*arguments: object) -> int:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return int(stop.value.code or 0)

    return call


def save_model(path: Path, config: dict[str, Any], type_names: tuple[str, ...] = ()) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        weights = build("hovernet", **config).state_dict()
    save(Checkpoint("hovernet", config, weights, type_names=type_names), path)
    return path


@pytest.fixture
def model(two_convolutions_as_hovernet: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - builds it
    """Return the file of an untyped network of two convolutions, which stands for HoVer-Net in the whole test."""
    return save_model(tmp_path_factory.mktemp("model") / "tiny.safetensors", CONFIG)


@pytest.fixture(scope="session")
def hovernet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a typed HoVer-Net of 1/16 width."""
    config = {"mode": "fast", "num_types": 3, "width": 0.0625}
    return save_model(tmp_path_factory.mktemp("hovernet") / "tiny.safetensors", config, TYPE_NAMES)


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "tissue.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (120, 130, 3), np.uint8))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two pictures of a nucleus each in ``data``, and a config, ``train.toml``."""
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for number in range(2):
        labels = np.zeros((110, 120), np.uint16)
        cv2.circle(labels, (60, 50), 12, 1, -1)
        picture = np.where(labels[..., None] > 0, (120, 50, 90), (230, 220, 235)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "data" / "images" / f"image-{number}.png"), picture)
        tifffile.imwrite(tmp_path / "data" / "labels" / f"image-{number}.tif", labels)
    (tmp_path / "train.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


def edit_config(config: Path, old: str, new: str) -> None:
    """Replace a part of a config file, which has to be there."""
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def edit() -> Callable[[Path, str, str], None]:
    return edit_config
