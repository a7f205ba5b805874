"""The speed of a cut: being measured, predicted, measured, or unknown."""

from types import SimpleNamespace

import pytest

from napari_pathprune.plugin.jobs.compress.cut_speed import CurveMeasured, CutMeasured
from napari_pathprune.plugin.jobs.compress.speed_curve import SpeedCurve

pytestmark = pytest.mark.gui
CURVE = SpeedCurve(((0.1, 0.25), (1.0, 1.0)), "CPU, 1 thread")


@pytest.fixture
def panel(qtbot, monkeypatch):
    from napari_pathprune.plugin.widgets.compress import speed_panel as module

    def curve(read, device):
        if device == "cuda":
            raise ValueError("there is no CUDA here")
        yield CurveMeasured(read.source, CURVE, 1, 1)

    monkeypatch.setattr(module, "measure_curve", curve)
    monkeypatch.setattr(module, "measure_cut", lambda _, plan, __: iter([CutMeasured(plan, 0.1, (0.4, 0.2), "CPU")]))
    panel = module.SpeedPanel()
    qtbot.addWidget(panel)
    panel.show()
    return panel


def wait(panel, qtbot):
    qtbot.waitUntil(lambda: not panel.runner.is_running, timeout=20_000)


def test_a_prediction_gives_way_to_a_measurement_and_learns_from_it(panel, qtbot):
    panel.show_model(SimpleNamespace(source="m"))
    assert panel.text.text() == "Speed: being measured ..."
    assert not panel.measure.isEnabled()
    wait(panel, qtbot)
    panel.show_preview(SimpleNamespace(macs=(100, 10), recipe="a plan"))
    assert panel.text.text() == "Speed: about 4.0 times faster, predicted"
    with qtbot.waitSignal(panel.measured):
        panel.measure.click()
    wait(panel, qtbot)
    assert panel.text.text() == "Speed: 2.0 times faster, measured (0.4 s \u2192 0.2 s for a patch)"
    panel.show_preview(SimpleNamespace(macs=(100, 10), recipe="another plan"))
    assert panel.text.text() == "Speed: about 2.0 times faster, predicted"


def test_a_model_that_was_measured_is_not_measured_again(panel, qtbot):
    panel.show_model(SimpleNamespace(source="m"))
    wait(panel, qtbot)
    panel.show_model(None)
    assert panel.curve is None
    panel.show_model(SimpleNamespace(source="m"))
    assert panel.curve == CURVE
    assert not panel.runner.is_running


def test_a_device_that_is_missing_is_one_line(panel, qtbot):
    panel.show_model(SimpleNamespace(source="m"), "cuda")
    wait(panel, qtbot)
    assert panel.text.text() == "Speed unknown: there is no CUDA here"
    assert not panel.measure.isEnabled()
