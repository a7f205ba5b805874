"""The dock in a real viewer, on a (virtual) display."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Labels
from napari.qt.threading import WorkerBase
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QScrollArea, QScrollBar

from napari_pathprune.plugin.layers.region_kind import RegionKind
from napari_pathprune.plugin.shelf.shelf import shelf_of

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]


@pytest.fixture
def viewer(make_napari_viewer, tissue):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(tissue, rgb=True, name="discs", scale=(0.5, 0.5), translate=(100, 50), units=("um", "um"))
    return viewer


@pytest.fixture
def dock(viewer, dark_discs, tmp_path, qtbot):
    """A dock in the window, with a model chosen and a workflow that waits for its gate."""
    from napari_pathprune.plugin.docks.segment_dock import SegmentDock

    dock = SegmentDock(viewer, dark_discs, tmp_path / "jobs")
    viewer.window.add_dock_widget(dock, name="Segment nuclei")
    dock.form.model.add_file(tmp_path / "tiny.safetensors")
    choose(dock, RegionKind.SLIDE)
    qtbot.waitUntil(dock.run.isEnabled)
    yield dock
    dark_discs.gate.set()
    dock.stop()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)


def choose(dock, kind):
    dock.form.region_kind.setCurrentIndex(dock.form.region_kind.findData(kind))


def wait_for_end(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)


def start(dock, viewer, qtbot):
    before = set(viewer.layers)
    dock.run.click()
    qtbot.waitUntil(lambda: any(isinstance(layer, Labels) for layer in set(viewer.layers) - before), timeout=20_000)
    (layer,) = set(viewer.layers) - before
    return layer


def test_a_run_adds_one_labels_layer_aligned_with_the_slide(dock, viewer, dark_discs, qtbot):
    dark_discs.gate.set()
    layer = start(dock, viewer, qtbot)
    wait_for_end(dock, qtbot)
    slide = viewer.layers["discs"]
    assert len(viewer.layers) == 2
    np.testing.assert_array_equal(layer.scale, slide.scale)
    np.testing.assert_array_equal(layer.translate, slide.translate)
    assert layer.units == slide.units
    np.testing.assert_array_equal(layer.data > 0, slide.data[..., 0] < 128)
    assert list(layer.features["type"][1:]) == ["neoplastic", "inflammatory"]
    assert list(layer.features["index"]) == [-1, 1, 2]
    assert layer.features["area_um2"][1] == pytest.approx(np.pi * 25, rel=0.02)
    np.testing.assert_allclose(layer.get_color(1)[:3], np.divide((237, 28, 36), 255), atol=1e-6)
    assert layer.metadata["model"].endswith("tiny.safetensors")
    assert (layer.contour, layer.opacity) == (1, 1.0)
    assert layer.metadata["region"] == (0, 0, 120, 160)
    [result] = shelf_of(viewer).results
    assert (result.name, result.layer, result.slide) == ("discs, whole: tiny", layer, slide)
    assert (result.region, result.type_names) == ((0, 0, 120, 160), ("background", "neoplastic", "inflammatory"))
    assert dock.progress.line.text() == "2 nuclei in 2 s."
    assert dock.legend.rows == [("neoplastic", "1"), ("inflammatory", "1")]
    assert dock.run.isEnabled()
    assert not dock.progress.cancel.isEnabled()
    assert viewer.canvas.overlays.scale_bar.visible


def test_the_window_responds_during_a_tile_and_nuclei_appear_one_by_one(dock, viewer, dark_discs, qtbot):
    layer = start(dock, viewer, qtbot)
    assert dark_discs.thread != threading.main_thread().name
    assert not dock.run.isEnabled()
    assert dock.run.toolTip() == "A segmentation is running"
    assert dock.progress.cancel.isEnabled()
    assert not dock.form.isEnabled()
    assert dock.progress.bar.format() == "0 of 12 tiles"
    viewer.scene.camera.zoom *= 2  # does not wait for the worker
    dark_discs.gate.set()
    qtbot.waitUntil(lambda: dock.progress.bar.value() > 0)
    wait_for_end(dock, qtbot)
    assert (layer.data > 0).any()


def test_the_bar_shows_tiles_and_the_line_shows_the_note(dock, viewer, dark_discs, qtbot):
    dark_discs.note, dark_discs.pause_at = "slide 0.5 um/px is read at 0.25 um/px", 4
    dark_discs.gate.set()
    start(dock, viewer, qtbot)
    qtbot.waitUntil(lambda: dock.progress.bar.value() == 3)
    assert dock.progress.bar.format().startswith("3 of 12 tiles, about ")
    assert dock.progress.line.text() == "slide 0.5 um/px is read at 0.25 um/px"
    assert dock.progress.detail.text() == "0 nuclei in this tile"


def test_cancel_keeps_the_nuclei_so_far(dock, viewer, dark_discs, qtbot):
    dark_discs.pause_at = 7
    dark_discs.gate.set()
    layer = start(dock, viewer, qtbot)
    qtbot.waitUntil(lambda: dock.progress.bar.value() == 6)
    dock.progress.cancel.click()
    dark_discs.pause.set()
    wait_for_end(dock, qtbot)
    assert dock.progress.line.text() == "Cancelled: kept 1 nucleus from 7 of 12 tiles."
    assert layer in viewer.layers
    assert set(np.unique(layer.data)) == {0, 1}
    assert shelf_of(viewer).results == ()
    assert dark_discs.closed
    assert dock.run.isEnabled()


def test_cancel_before_the_first_tile_leaves_no_layer(dock, viewer, dark_discs, qtbot):
    layer = start(dock, viewer, qtbot)
    dock.progress.cancel.click()
    assert dock.progress.line.text() == "Stopping after the current tile ..."
    dark_discs.gate.set()
    wait_for_end(dock, qtbot)
    assert dock.progress.line.text().startswith("Cancelled: ")
    assert layer not in viewer.layers


@pytest.mark.parametrize("error", [ValueError("the slide is damaged"), RuntimeError("no kernel image")], ids=type)
def test_an_error_is_one_line_in_the_dock_and_a_notification(dock, viewer, dark_discs, qtbot, error):
    dark_discs.error, dark_discs.error_at = error, 8
    dark_discs.gate.set()
    layer = start(dock, viewer, qtbot)
    wait_for_end(dock, qtbot)
    assert str(error) in dock.progress.line.text()
    assert "(kept 1 nucleus)" in dock.progress.line.text()
    assert "\n" not in dock.progress.line.text()
    assert "color" in dock.progress.line.styleSheet()
    assert str(error) in notification_manager.records[-1].message
    assert layer in viewer.layers
    assert dock.run.isEnabled()


def test_removing_the_result_stops_the_run(dock, viewer, dark_discs, qtbot):
    layer = start(dock, viewer, qtbot)
    viewer.layers.remove(layer)
    dark_discs.gate.set()
    wait_for_end(dock, qtbot)
    assert dock.progress.line.text().startswith("Cancelled")
    assert len(viewer.layers) == 1


def test_removing_the_slide_does_not_disturb_the_run(dock, viewer, dark_discs, qtbot):
    start(dock, viewer, qtbot)
    viewer.layers.remove("discs")
    dark_discs.gate.set()
    wait_for_end(dock, qtbot)
    assert dock.progress.line.text().startswith("2 nuclei")
    assert "Open a slide first" in dock.problem.text()


@pytest.fixture
def running(viewer, dark_discs, tmp_path, qtbot):
    """A dock whose job waits for the gate, and its panel in the window."""
    from napari_pathprune.plugin.docks.segment_dock import SegmentDock

    dock = SegmentDock(viewer, dark_discs, tmp_path / "jobs")
    panel = viewer.window.add_dock_widget(dock, name="Segment nuclei")
    dock.form.model.add_file(tmp_path / "tiny.safetensors")
    choose(dock, RegionKind.SLIDE)
    start(dock, viewer, qtbot)
    return dock, panel


def test_closing_the_dock_stops_the_run(running, viewer, dark_discs, qtbot):
    dock, panel = running
    panel.destroyOnClose()
    dark_discs.gate.set()
    qtbot.waitUntil(lambda: dark_discs.closed, timeout=20_000)
    wait_for_end(dock, qtbot)
    assert dock.progress.line.text().startswith("Cancelled")
    viewer.add_image(np.zeros((8, 8)))  # the dock no longer follows the viewer


@pytest.mark.usefixtures("running")
def test_closing_the_viewer_stops_the_run(viewer, dark_discs, qtbot):
    viewer.close()
    dark_discs.gate.set()
    qtbot.waitUntil(lambda: dark_discs.closed, timeout=20_000)
    WorkerBase.await_workers(msecs=20_000)


def test_a_second_run_hides_the_older_results_of_the_same_place_and_lies_above_them(dock, viewer, dark_discs, qtbot):
    dark_discs.gate.set()
    first = start(dock, viewer, qtbot)
    wait_for_end(dock, qtbot)
    other = viewer.add_image(np.zeros((9, 9, 3), np.uint8), rgb=True, name="other slide")
    choose(dock, RegionKind.VIEWPORT)  # overlaps, but is not the same region
    qtbot.waitUntil(lambda: dock.form.problem is None)
    dock.form.slide.choose(viewer.layers["discs"])
    second = start(dock, viewer, qtbot)
    wait_for_end(dock, qtbot)
    assert not first.visible
    assert second.visible
    assert [layer for layer in viewer.layers if layer is not second] == [viewer.layers["discs"], first, other]
    assert viewer.layers.index(second) == 2


def test_the_pace_of_a_run_does_not_count_its_first_tile(dock, viewer, dark_discs, qtbot, monkeypatch):
    from napari_pathprune.plugin.docks import segment_dock

    dark_discs.gate.set()
    start(dock, viewer, qtbot)
    wait_for_end(dock, qtbot)
    dock._first_tile = None
    for done, now in ((1, 100.0), (7, 106.0), (12, 111.0)):  # loading took until 100
        monkeypatch.setattr(segment_dock, "time", SimpleNamespace(perf_counter=lambda now=now: now))
        dock._measure_pace(done, 12)
    assert dock.form.estimate.pace[dock.form.model.model] == pytest.approx(12 / 0.0048)  # 120 x 160 px of 0.5 um


def test_the_focus_goes_from_run_to_cancel_and_back(dock, viewer, dark_discs, qtbot):
    dock.run.setFocus()
    start(dock, viewer, qtbot)
    assert dock.focusWidget() is dock.progress.cancel
    dark_discs.gate.set()
    wait_for_end(dock, qtbot)
    qtbot.waitUntil(lambda: dock.focusWidget() is dock.run)


def test_every_field_has_a_name_and_a_tooltip_and_320_px_are_enough(dock):
    fields = [
        widget
        for kind in (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit)
        for widget in dock.findChildren(kind)
        if not isinstance(widget.parent(), QComboBox | QAbstractSpinBox | QScrollBar)
    ]
    assert len(fields) > 10
    assert [widget for widget in fields if not widget.toolTip()] == []
    assert [widget for widget in fields if not (widget.accessibleName() or widget.property("text"))] == []
    content = dock.findChild(QScrollArea).widget()
    assert content.minimumSizeHint().width() <= 320
