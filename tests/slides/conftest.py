"""Slides for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from slide_files import paint, write_svs

settings.register_profile("slides", deadline=None)  # tests may be slow on a busy machine
settings.load_profile("slides")

SHARED = Path(__file__).parents[2] / "../shared/data"


@pytest.fixture(scope="session")
def painting() -> np.ndarray:
    """Return 300 x 410 px of tissue."""
    return paint(300, 410)


@pytest.fixture
def tiny_slide(tmp_path: Path, painting: np.ndarray) -> Path:
    """Return the path of an Aperio SVS with JPEG tiles, 20x."""
    path = tmp_path / "tiny.svs"
    write_svs(path, painting)
    return path


@pytest.fixture(scope="session")
def real_slides() -> Path:
    """Return the folder of real slides, which lies beside the repository on some machines."""
    folder = SHARED / "slides"
    if not folder.is_dir():
        pytest.skip("needs the real slides in ../shared/data/slides, which are not part of the repository")
    return folder
