"""A region is segmented with several models, and each has its own canvas."""

import dataclasses

import numpy as np
import pytest

from napari_pathprune.plugin.jobs.job import Job, JobFailed, JobFinished
from napari_pathprune.plugin.jobs.view_job import NamedModel, ViewSegmented, segment_view
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.workflows.checkpoint import Checkpoint


@pytest.fixture
def slide(tissue):
    return slide_from_arrays((tissue,), (0.25, 0.25), "discs", None)


def name_model(name, network, mpp=0.25):
    config = {"mode": "fast", "num_types": 4, "width": 0.0625}
    names = ("background", "a", "b", "c")
    return NamedModel(
        name, name, lambda: Checkpoint("hovernet", config, network.state_dict(), type_names=names, mpp=mpp)
    )


def test_each_model_reports_its_nuclei(slide, tiny_hovernet):
    models = [name_model("dense", tiny_hovernet), name_model("small", tiny_hovernet)]
    *events, end = Job("looking", lambda: segment_view(slide, (10, 20, 90, 120), models)).events()
    assert type(end) is JobFinished
    found = [event for event in events if isinstance(event, ViewSegmented)]
    assert [event.model.name for event in found] == ["dense", "small"]
    np.testing.assert_array_equal(found[0].canvas.data, found[1].canvas.data)
    assert found[0].canvas.data.shape == (80, 100)
    assert found[0].type_names == ("background", "a", "b", "c")
    before = events[: events.index(found[0])]
    assert all(event.done < event.total for event in before)  # or Cancel would have no effect on the second model


def test_a_model_without_a_pixel_size_is_a_mistake(slide, tiny_hovernet):
    models = [name_model("dense", tiny_hovernet, mpp=None)]
    *_, end = Job("looking", lambda: segment_view(slide, (0, 0, 80, 80), models)).events()
    assert type(end) is JobFailed
    assert "dense has no pixel size" in end.line


def test_the_norms_of_a_cut_model_are_estimated_on_the_region(slide, tiny_hovernet, monkeypatch):
    from napari_pathprune import pruning

    seen = []
    monkeypatch.setattr(pruning, "recalibrate", lambda model, images: seen.extend(images) or model)
    model = dataclasses.replace(name_model("cut", tiny_hovernet), is_cut=True)
    *_, end = Job("looking", lambda: segment_view(slide, (0, 0, 120, 160), [model])).events()
    assert type(end) is JobFinished
    assert {tuple(batch.shape[:2]) for batch in seen} == {(1, 3)}
    assert max(float(batch.max()) for batch in seen) == 230.0  # colours as they are, from 0 to 255
