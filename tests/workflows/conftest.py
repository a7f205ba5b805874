"""A stored tiny model, annotated images on disk, and a network that reads the annotation from its input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_pathprune.models import build
from napari_pathprune.training.targets import hv_maps
from napari_pathprune.workflows.checkpoint import Checkpoint, save

TYPE_NAMES = ("background", "neoplastic", "inflammatory")
CONFIG = {"mode": "fast", "num_types": 3, "width": 0.0625}


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    torch.manual_seed(3)
    model = build("hovernet", **CONFIG)
    return Checkpoint("hovernet", CONFIG, model.state_dict(), type_names=TYPE_NAMES, mpp=0.25, licence="test")


@pytest.fixture
def model_file(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save(checkpoint, path)
    return path


@pytest.fixture
def simple_checkpoint(two_convolutions: str) -> Checkpoint:
    """Return a typed network of two convolutions with 32 channels each, which trains in a moment."""
    config = {"mode": "fast", "num_types": 3, "width": 0.5}
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = build(two_convolutions, **config)
    return Checkpoint(two_convolutions, config, model.state_dict(), type_names=TYPE_NAMES, licence="test")


@pytest.fixture
def simple_file(simple_checkpoint: Checkpoint, tmp_path: Path) -> Path:
    path = tmp_path / "simple.safetensors"
    save(simple_checkpoint, path)
    return path


def discs(shape: tuple[int, int], step: int = 28, radius: int = 9) -> NDArray[np.int32]:
    """Return an instance map of discs on a slightly irregular grid, with ids 1 to n."""
    rng = np.random.default_rng(5)
    labels = np.zeros(shape, np.int32)
    for number, (y, x) in enumerate(np.ndindex(shape[0] // step, shape[1] // step), start=1):
        centre = (x * step + step // 2 + int(rng.integers(-4, 5)), y * step + step // 2 + int(rng.integers(-4, 5)))
        cv2.circle(labels, centre, radius, number, -1)
    return labels


@pytest.fixture
def annotated_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "annotated"
    for part in ("images", "labels", "classes"):
        (folder / part).mkdir(parents=True)
    for name in ("one", "two"):
        labels = discs((140, 150))
        image = np.full((*labels.shape, 3), 230, np.uint8)
        image[labels > 0] = (90, 40, 130)
        cv2.imwrite(str(folder / "images" / f"{name}.png"), image[..., ::-1])
        tifffile.imwrite(folder / "labels" / f"{name}.tif", labels.astype(np.uint16))
        rows = [f"{i},{1 + i % 2},{TYPE_NAMES[1 + i % 2]}" for i in range(1, labels.max() + 1)]
        text = "\n".join(["label,class_id,class_name", *rows])
        (folder / "classes" / f"{name}.csv").write_text(text + "\n", encoding="utf-8")
    return folder


def picture_of(labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Paint nuclear pixels and distances as red, green and blue, for `Oracle` to read."""
    horizontal, vertical = hv_maps(labels)
    channels = [(labels > 0) * 255.0, (horizontal + 1.0) * 127.0, (vertical + 1.0) * 127.0]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


class Oracle(nn.Module):
    """Looks like a HoVer-Net in fast mode, and returns what `picture_of` painted."""

    margin_px = 46
    stride_px = 8
    padding_px = 0

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def nearest_sizes(self, size_px: int) -> tuple[int, int]:
        return max(96, size_px // 8 * 8), max(96, -(-size_px // 8) * 8)

    def output_shape(self, height_px: int, width_px: int) -> tuple[int, int]:
        return height_px - 92, width_px - 92

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        inner = images[:, :, 46:-46, 46:-46]
        nuclear = torch.where(inner[:, :1] > 127, 8.0, -8.0)
        types = torch.cat([-nuclear, nuclear, torch.full_like(nuclear, -9.0)], dim=1)
        return {"tp": types, "np": torch.cat([-nuclear, nuclear], dim=1), "hv": inner[:, 1:] / 127.0 - 1.0}


@pytest.fixture
def oracle() -> nn.Module:
    return Oracle()


@pytest.fixture
def disc_field() -> Callable[[tuple[int, int]], tuple[NDArray[np.int32], NDArray[np.uint8]]]:
    """Return a function that makes an instance map, and the picture from which `Oracle` reads it."""

    def field(shape: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        truth = discs(shape)
        return truth, picture_of(truth)

    return field
