"""Files that were written before the release of 0.1.0 still open; ``old_files`` holds one of each format."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.inference.predict import Predictor
from napari_pathprune.instances.export import read_parquet
from napari_pathprune.pruning import PrunePlan, compact, trace
from napari_pathprune.slides.reader import open_slide
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.prune.prune import make_example
from napari_pathprune.workflows.segment.result_files import LABELS, RUN, TABLE
from napari_pathprune.workflows.segment.result_folder import TILES, segment_to_folder

OLD = Path(__file__).parent / "old_files"
REGION = (900, 1000, 1000, 1200)
NUCLEI = 36


@pytest.mark.parametrize(("name", "params"), [("hovernet-s", 2_369_624), ("hovernet-s-compact", 326_185)])
def test_a_checkpoint_opens(name: str, params: int) -> None:
    checkpoint = load(name)
    assert checkpoint.params == params
    model = checkpoint.model()
    with torch.inference_mode():
        assert set(model(torch.zeros(1, 3, 96, 96))) == {"tp", "np", "hv"}


def test_a_result_folder_opens() -> None:
    run = json.loads((OLD / "result" / RUN).read_text(encoding="utf-8"))
    table, mpp, names = read_parquet(OLD / "result" / TABLE)
    labels = np.asarray(zarr.open_group(OLD / "result" / LABELS, mode="r")["0"][:])  # type: ignore[index]
    assert tuple(run["region_yxyx_px"]) == REGION
    assert run["nuclei"] == len(table) == NUCLEI
    assert set(np.unique(labels)) - {0} == set(table.id.tolist())
    assert mpp == (0.499, 0.499)
    assert {name: int((table.type == number).sum()) for number, name in enumerate(names)}["neoplastic"] == 6


def test_a_plan_opens_and_cuts_the_model_that_it_was_made_for() -> None:
    plan = PrunePlan.from_json((OLD / "prune-plan.json").read_text(encoding="utf-8"))
    assert plan.ratio == 0.5
    dense = load("hovernet-s").model()
    graph = trace(dense, make_example(dense))
    small = compact(dense, graph, plan, verify=False)
    widths = {group.name: group.width for group in trace(small, make_example(small)).groups}
    assert {name: widths[name] for name in plan.keep} == {name: len(stay) for name, stay in plan.keep.items()}


def test_a_stopped_segmentation_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, predicted = tmp_path / "result", []
    shutil.copytree(OLD / "tiles", folder / TILES)
    predict = Predictor.predict
    monkeypatch.setattr(Predictor, "predict", lambda own, image: predicted.append(1) or predict(own, image))
    with open_slide(packaged_file("CMU-1-Small-Region.svs")) as slide:
        model = load("hovernet-s-compact")
        events = segment_to_folder(slide, model, folder, model_name="compact", region=REGION, resume=True)
        with pytest.raises(ValueError, match="left by a run with scaling"):  # its nuclei would differ
            list(events)
    assert not predicted
    assert (folder / TILES).exists()
