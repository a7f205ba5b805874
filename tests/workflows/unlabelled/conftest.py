"""Pictures of stained tissue with nuclei that nobody annotated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

MakeSlide = Callable[..., Path]


@pytest.fixture
def make_slide(tmp_path: Path) -> MakeSlide:
    """Return a function that writes a slide of tissue, which states 0.25 um per pixel."""

    def make(name: str = "slide.tif", shape: tuple[int, int] = (400, 900), seed: int = 0, mpp: float = 0.25) -> Path:
        rng = np.random.default_rng(seed)
        image = rng.normal((215, 150, 190), 6.0, (*shape, 3)).clip(0, 255).astype(np.uint8)
        disc = np.hypot(*np.mgrid[-9:10, -9:10]) < 9
        for y, x in rng.integers(0, np.array(shape) - 19, (shape[0] * shape[1] // 1500, 2)):
            image[y : y + 19, x : x + 19][disc] = (90, 60, 140)
        path = tmp_path / name
        per_cm = 10_000.0 / mpp
        tifffile.imwrite(path, image, photometric="rgb", resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")
        return path

    return make
