from dataclasses import replace

import numpy as np
import pytest

from napari_pathprune.plugin.jobs.job import Job, JobCancelled, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.segment_job import ModelLoaded, SegmentRequest, load_and_segment, paint_tiles
from napari_pathprune.plugin.layers.nuclei_canvas import NucleiCanvas
from napari_pathprune.plugin.shelf.preferences import Preferences
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.workflows.segment.segment import SegmentFinished, SegmentStarted, TileDone

REGION = (20, 20, 100, 130)


@pytest.fixture
def request_(tissue):
    return SegmentRequest(slide_from_arrays([tissue], 0.5, "discs"), "models/none.safetensors", REGION)


@pytest.fixture
def canvas():
    return NucleiCanvas(REGION)


@pytest.fixture
def job(request_, canvas, dark_discs):
    dark_discs.gate.set()
    return Job("segmentation of discs", lambda: paint_tiles(dark_discs(request_), canvas))


def test_tiles_are_painted_before_their_events_arrive(job, canvas):
    events, found = [], []
    for event in job.events():
        events.append(event)
        found.append(len(canvas.table()))
    assert [type(event) for event in events] == [
        ModelLoaded,
        SegmentStarted,
        *[TileDone] * 6,
        SegmentFinished,
        JobFinished,
    ]
    assert found[2:8] == [1, 1, 1, 1, 1, 2]
    assert canvas.data[40 - 20, 40 - 20] == 1
    assert canvas.data[80 - 20, 110 - 20] == 2


def test_a_stopped_job_keeps_its_nuclei(job, canvas, dark_discs):
    for event in job.events():
        if isinstance(event, TileDone) and event.done == 2:
            job.stop()
    assert isinstance(event, JobCancelled)
    assert (event.done, event.total) == (2, 6)
    assert len(canvas.table()) == 1
    assert dark_discs.closed


def test_a_failed_job_keeps_its_nuclei(job, canvas, dark_discs):
    dark_discs.error, dark_discs.error_at = ValueError("the slide is damaged"), 3
    *_, end = job.events()
    assert isinstance(end, JobFailed)
    assert len(canvas.table()) == 1


def test_a_request_knows_its_area_and_the_name_of_its_model(request_):
    assert request_.model_name == "none"
    assert SegmentRequest(request_.slide, r"C:\models\a.tar", REGION).model_name == "a.tar"
    assert request_.area_mm2 == pytest.approx(80 * 110 * 0.25e-6)


@pytest.fixture
def model(tmp_path, tiny_hovernet):
    from napari_pathprune.workflows.checkpoint import Checkpoint, save

    def save_model(**fields):
        path = tmp_path / "tiny.safetensors"
        config = {"mode": "fast", "num_types": 4, "width": 0.0625}
        names = ("background", "neoplastic", "inflammatory", "connective")
        save(Checkpoint("hovernet", config, tiny_hovernet.state_dict(), type_names=names, **fields), path)
        return str(path)

    return save_model


def test_a_real_model_is_loaded_and_segments(request_, canvas, model):
    request = SegmentRequest(request_.slide, model(mpp=0.5), REGION)
    loaded, started, *_, finished = paint_tiles(load_and_segment(request), canvas)
    assert loaded.type_names[1:] == ("neoplastic", "inflammatory", "connective")
    assert loaded.line.startswith("tiny: ")
    assert loaded.line.endswith("0.5 um/px")
    assert started.region == REGION
    assert finished.nuclei == len(np.unique(canvas.data)) - 1


def test_a_model_without_pixel_size_is_refused(request_, model):
    request = SegmentRequest(request_.slide, model(mpp=None), REGION)
    with pytest.raises(ValueError, match="tiny has no pixel size"):
        next(load_and_segment(request))


def test_device_and_memory_limit_are_those_of_the_preferences(request_, monkeypatch):
    from napari_pathprune.plugin.jobs import segment_job
    from napari_pathprune.workflows.segment import segment as workflow

    asked = []
    monkeypatch.setattr(workflow, "segment", lambda *_, **settings: asked.append(settings) or iter(()))
    request = replace(request_, model="hovernet-s-compact")
    for preferences in (Preferences(), Preferences(device="cpu", memory_gb=0.02)):
        monkeypatch.setattr(segment_job, "read_preferences", lambda preferences=preferences: preferences)
        list(load_and_segment(request))
    assert [settings["device"] for settings in asked] == ["auto", "cpu"]
    assert asked[0]["write_px"] == segment_job.TILE_PX
    assert segment_job.SMALLEST_TILE_PX <= asked[1]["write_px"] < segment_job.TILE_PX
