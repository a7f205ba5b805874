"""Estimates as they are shown; models and tissue are measured in the background."""

import numpy as np
import pytest
from napari.layers import Image

from napari_pathprune.plugin.jobs.segment_estimate import ModelMeasured, TissueFound
from napari_pathprune.plugin.jobs.segment_job import SegmentRequest
from napari_pathprune.plugin.layers.region_kind import Region
from napari_pathprune.plugin.layers.slide_from_layer import slide_from_layer
from napari_pathprune.plugin.widgets import run_estimate
from napari_pathprune.plugin.widgets.run_estimate import RunEstimate
from napari_pathprune.slides.tissue import TissueMask

pytestmark = pytest.mark.gui


@pytest.fixture
def layer():
    return Image(np.zeros((2048, 4096, 3), np.uint8), rgb=True, name="slide", scale=(0.5, 0.5), units=("um", "um"))


@pytest.fixture
def estimate(monkeypatch, qtbot):
    """An estimate whose model takes 10 s for a square millimetre, with tissue in the left half of a slide."""

    def measure(source, asked):
        if "broken" in source:
            raise ValueError("the file is damaged")
        yield ModelMeasured(source, asked, "CPU, 2 threads (no CUDA or MPS device found)", 0.5, 1024, 10.0)

    def find(slide):
        yield TissueFound(TissueMask(np.array([[True, False]]), (1 / slide.shape[0], 2 / slide.shape[1])))

    monkeypatch.setattr(run_estimate, "measure_in_process", measure)
    monkeypatch.setattr(run_estimate, "find_slide_tissue", find)
    found = RunEstimate()
    yield found
    qtbot.waitUntil(lambda: not found.is_measuring)


def make_request(layer, model="m", region=(0, 0, 2048, 4096), *, tissue_only=True):
    return SegmentRequest(slide_from_layer(layer), model, region, tissue_only)


def measure(estimate, request, layer, qtbot):
    with qtbot.waitSignal(estimate.changed):
        estimate.measure(request, layer)


def test_tiles_and_time_are_known_after_a_measurement(estimate, layer, qtbot):
    request = make_request(layer, tissue_only=False)
    assert estimate.describe_device("m") == "is being measured ..."
    assert estimate.describe_work(request, layer, is_process=False) == "The time is being estimated ..."
    measure(estimate, request, layer, qtbot)
    assert estimate.describe_device("m").startswith("CPU, 2 threads")
    assert estimate.describe_work(request, layer, is_process=False) == "about 32 tiles, 21 s (measured)"
    assert estimate.describe_work(request, layer, is_process=True).startswith("about 15 tiles")
    estimate.pace["m"] = 20.0
    assert (
        estimate.describe_work(request, layer, is_process=False) == "about 32 tiles, 42 s (at the pace of the last run)"
    )


def test_glass_does_not_count_once_the_tissue_is_known(estimate, layer, qtbot):
    request = make_request(layer)
    measure(estimate, request, layer, qtbot)
    assert estimate.describe_work(request, layer, is_process=False).startswith("at most 32 tiles")
    measure(estimate, request, layer, qtbot)
    assert estimate.describe_work(request, layer, is_process=False) == "about 20 tiles, 13 s (measured)"
    estimate.measure(request, layer)
    assert not estimate.is_measuring


def test_a_model_that_cannot_be_measured_is_tried_once(estimate, layer, qtbot):
    request = make_request(layer, "broken", tissue_only=False)
    measure(estimate, request, layer, qtbot)
    assert estimate.describe_work(request, layer, is_process=False) == "No estimate: the file is damaged"
    assert estimate.describe_device("broken") == "could not be measured"
    estimate.measure(request, layer)
    assert not estimate.is_measuring


def test_a_region_is_described_in_pixels_and_millimetres(estimate):
    region = Region((0, 0, 5000, 6000), "the bounding box of the last shape")
    text = "6,000 \u00d7 5,000 px = 3.00 \u00d7 2.50 mm\nthe bounding box of the last shape"
    assert estimate.describe_run(region, (0.5, 0.5)) == text
    assert estimate.describe_run(Region((0, 0, 50, 60)), None) == "60 \u00d7 50 px"
