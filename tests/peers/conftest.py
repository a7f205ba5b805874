"""The peers, installed with ``--no-deps``: TIAToolbox pins an older torch and imports far more than a network."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _package(name: str, folder: Path | None = None) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = [str(folder)] if folder else []
    return module


@pytest.fixture(scope="session")
def tiatoolbox_hovernet() -> Any:
    """Return TIAToolbox's own HoVerNet class, without the packages around it (readers, engines, foundations)."""
    spec = importlib.util.find_spec("tiatoolbox")
    if spec is None or spec.origin is None:
        pytest.skip("tiatoolbox is not installed: run `tox -e peers`")
    root = Path(spec.origin).parent
    stand_ins = {
        "tiatoolbox.models": _package("tiatoolbox.models", root / "models"),
        "tiatoolbox.models.architecture": _package("tiatoolbox.models.architecture", root / "models" / "architecture"),
        "tiatoolbox.utils": _package("tiatoolbox.utils"),
        "tiatoolbox.utils.misc": _package("tiatoolbox.utils.misc"),
    }
    for name in ("get_bounding_box", "pad_contours"):  # of the post-processing, which is not compared here
        setattr(stand_ins["tiatoolbox.utils.misc"], name, None)
    # it leaves files open and warns; that is not ours to fix
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(action="ignore"):
        for name, module in stand_ins.items():
            patch.setitem(sys.modules, name, module)
        return importlib.import_module("tiatoolbox.models.architecture.hovernet").HoVerNet


@pytest.fixture(scope="session")
def torch_pruning() -> ModuleType:
    """Return Torch-Pruning."""
    return pytest.importorskip("torch_pruning", reason="torch-pruning is not installed: run `tox -e peers`")
