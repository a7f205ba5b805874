"""The whole loop in the window: compress, segment, compare, correct, fine-tune, segment and compare again."""

import csv
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.workflows.checkpoint import load

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "window" / "loop.py"


@pytest.fixture
def loop(request, make_napari_viewer, tmp_path, monkeypatch):
    """The loop of the benchmark with a small budget, in a real viewer, with nothing stored outside of `tmp_path`."""
    request.getfixturevalue("plugin")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    spec = importlib.util.spec_from_file_location("window_loop", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    viewer = make_napari_viewer(show=True)
    return module.Loop(viewer, tmp_path, module.Budget("hovernet-s-compact", keep=70, steps=2, view_px=260))


@pytest.mark.timeout(900)  # two trainings, with four processes that import torch
def test_a_model_is_compressed_compared_corrected_and_fine_tuned_in_the_window(loop):
    viewer = loop.driver.viewer
    loop.open_slide()

    check_compression(loop, loop.compress())
    first, second = loop.segment(loop.budget.model), loop.segment(str(loop.compact))
    assert [result.model for result in shelf_of(viewer).results] == [loop.budget.model, str(loop.compact)]
    assert first.metadata["region"] == second.metadata["region"]

    dock = loop.compare()
    comparison = dock.comparison
    check_comparison(loop, dock, first, second)
    loop.leave_comparison()
    assert not viewer.canvas.grid.enabled

    before = read_types(second)
    dock = loop.annotate()
    assert read_types(second) == before  # only the copy is corrected
    check_annotation(loop, dock.keys.annotation, before)

    loop.finetune()
    check_fine_tuning(loop)
    third = loop.segment(str(loop.tuned))
    dock = loop.compare_again()
    assert viewer.canvas.grid.enabled
    assert dock.comparison is not comparison
    assert dock.comparison.name_b == third.name
    assert dock.comparison.nuclei_a > 0
    assert np.isfinite(dock.comparison.panoptic.pq)


def read_types(layer):
    """Return the type of each nucleus of a layer by its number."""
    found = layer.features[layer.features["index"] > 0]
    assert set(found["index"]) == set(np.unique(layer.data)) - {0}
    return dict(zip(found["index"], found["type"], strict=True))


def check_compression(loop, dock):
    assert str(loop.compact) in [model.source for model in shelf_of(loop.driver.viewer).models]
    dense, compact = load(loop.budget.model), load(loop.compact)
    assert compact.params == pytest.approx(0.7 * dense.params, rel=0.02)
    assert compact.lineage[-1]["steps"] == 2
    losses = dock.training.curves.losses["loss"]
    assert list(losses) == [1, 2]
    assert np.isfinite(list(losses.values())).all()
    assert list(dock.training.curves.scores["agreement_pq"]) == [2]
    assert (loop.folder / "compact.report.html").exists()


def check_comparison(loop, dock, first, second):
    one = dock.comparison
    assert (one.nuclei_a, one.nuclei_b) == tuple(len(np.unique(layer.data)) - 1 for layer in (first, second))
    assert one.nuclei_b >= 3
    assert loop.driver.viewer.canvas.grid.enabled
    assert 0.0 < one.panoptic.pq < 1.0
    assert ("PQ", f"{one.panoptic.pq:.3f}") in dock.tabs.numbers.scores
    assert f"{one.panoptic.pq:.3f}" in loop.report.read_text(encoding="utf-8")
    assert len(loop.report.with_suffix(".csv").read_text().splitlines()) == 1 + len(one.disagreements)


def check_annotation(loop, annotation, before):
    after = read_types(annotation.layer)
    assert len(before.keys() - after.keys()) == len(after.keys() - before.keys()) == 1  # one deleted, another painted
    assert sum(before[number] != after[number] for number in before.keys() & after.keys()) == 1
    [record] = (loop.project / "regions").glob("*.json")
    facts = json.loads(record.read_text())
    assert facts["slide_path"].endswith("CMU-1-Small-Region.svs")
    assert facts["slide_mpp"] == pytest.approx([0.499, 0.499])
    assert facts["mpp"] == load(loop.compact).mpp
    assert tuple(facts["box_yxyx_px"]) == annotation.region
    assert (facts["part"], facts["model"], facts["nuclei"]) == ("train", str(loop.compact), len(after))
    with (loop.project / "classes" / f"{record.stem}.csv").open() as file:
        kinds = [int(row["class_id"]) for row in csv.DictReader(file)]
    assert np.bincount(kinds, minlength=4).tolist() == list(annotation.counts())


def check_fine_tuning(loop):
    assert str(loop.tuned) in [model.source for model in shelf_of(loop.driver.viewer).models]
    tuned, compact = load(loop.tuned), load(loop.compact)
    assert tuned.params == compact.params
    assert tuned.lineage[-1]["steps"] == 2
    assert any(not np.array_equal(weight, compact.weights[name]) for name, weight in tuned.weights.items())
