"""Measurements of the speed of a model and of its cuts."""

import pytest

from napari_pathprune.plugin.jobs.compress import cut_speed as module
from napari_pathprune.plugin.jobs.compress.cut_preview import CutSettings, preview_cut, read_model
from napari_pathprune.plugin.jobs.compress.cut_speed import measure_curve, measure_cut


@pytest.fixture(scope="module")
def read():
    (read,) = read_model("hovernet-s-compact")
    return read


def test_a_model_is_measured_at_several_sizes(read, monkeypatch):
    monkeypatch.setattr(module, "SHARES", (0.5, 0.2))
    monkeypatch.setattr(module, "REPEATS", 1)
    events = list(measure_curve(read, "cpu"))
    assert [(event.done, event.total) for event in events] == [(1, 2), (2, 2)]
    assert [macs for macs, _ in events[-1].curve.points] == [pytest.approx(0.2, 0.02), pytest.approx(0.5, 0.02), 1.0]
    assert all(time > 0 for _, time in events[-1].curve.points)
    assert events[-1].curve.device.startswith("CPU")


def test_a_cut_is_measured_beside_the_dense_model(read):
    preview = preview_cut(read, CutSettings("macs", 0.2))
    (event,) = measure_cut(read, preview.plan, "cpu")
    assert event.macs == pytest.approx(preview.macs[1] / preview.macs[0])
    assert min(event.seconds) > 0
