"""A result folder is whole, agrees with itself, and is never half replaced."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from torch import nn

from napari_pathprune.instances.export import read_parquet
from napari_pathprune.slides.reader import Slide, slide_from_arrays
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.results import LABELS, OUTLINES, RUN, TABLE, segment_to_folder
from napari_pathprune.workflows.segment import SegmentFinished


@pytest.fixture
def slide(disc_field: Callable[[tuple[int, int]], Any]) -> Slide:
    return slide_from_arrays([disc_field((300, 260))[1]], mpp=0.25, name="discs")


@pytest.fixture
def seeing(checkpoint: Checkpoint, oracle: nn.Module, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.setattr(Checkpoint, "model", lambda _: oracle)
    return checkpoint


def test_the_folder_agrees_with_itself(seeing: Checkpoint, slide: Slide, tmp_path: Path) -> None:
    folder = tmp_path / "result"
    events = list(segment_to_folder(slide, seeing, folder, model_name="oracle"))
    finished = events[-1]
    assert isinstance(finished, SegmentFinished)
    run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    table, mpp, names = read_parquet(folder / TABLE)
    outlines = json.loads((folder / OUTLINES).read_text(encoding="utf-8"))
    labels = np.asarray(zarr.open_group(folder / LABELS, mode="r")["0"][:])  # type: ignore[index]
    assert finished.nuclei == run["nuclei"] == len(table) == len(outlines["features"]) > 50
    assert set(np.unique(labels)) - {0} == set(table.id.tolist())
    assert mpp == (0.25, 0.25)
    assert names == seeing.type_names
    assert run["nuclei_by_type"]["neoplastic"] == len(table)
    assert run["model"] == "oracle"


def test_a_stopped_run_leaves_no_run_file(seeing: Checkpoint, slide: Slide, tmp_path: Path) -> None:
    folder = tmp_path / "result"
    list(segment_to_folder(slide, seeing, folder, model_name="oracle"))
    stopped = segment_to_folder(slide, seeing, folder, model_name="oracle")
    next(stopped)
    next(stopped)
    stopped.close()
    assert not (folder / RUN).exists()
    list(segment_to_folder(slide, seeing, folder, model_name="oracle"))
    assert (folder / RUN).exists()
    assert not list(folder.glob("*.part"))


def test_a_model_without_pixel_size_is_refused(checkpoint: Checkpoint, slide: Slide, tmp_path: Path) -> None:
    fields = {name: getattr(checkpoint, name) for name in checkpoint.__slots__}
    unsure = Checkpoint(**{**fields, "mpp": None})
    with pytest.raises(ValueError, match="does not say what pixel size"):
        next(iter(segment_to_folder(slide, unsure, tmp_path / "result", model_name="unsure")))
    assert not (tmp_path / "result").exists()
