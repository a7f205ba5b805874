"""Correcting nuclei and committing them, in a real viewer on a (virtual) display."""

import json

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from napari_pathprune.datasets.read_images import read_images
from napari_pathprune.plugin.shelf.shelf import shelf_of

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def viewer(make_napari_viewer, tissue):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(tissue, rgb=True, name="discs", scale=(0.5, 0.5), translate=(100, 50), units=("um", "um"))
    viewer.reset_view()
    return viewer


@pytest.fixture
def dock(viewer, dark_discs, tmp_path, qtbot):
    from napari_pathprune.plugin.docks.annotate_dock import AnnotateDock

    dark_discs.gate.set()
    dock = AnnotateDock(viewer, dark_discs)
    viewer.window.add_dock_widget(dock, name="Annotate")
    dock.form.choose_source(shelf_of(viewer).add_model(tmp_path / "tiny.safetensors"))
    dock.project.folder.setText(str(tmp_path / "project"))
    yield dock
    dock.stop()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)


@pytest.fixture
def started(dock, qtbot):
    dock.start_button.click()
    qtbot.waitUntil(lambda: dock.keys is not None, timeout=20_000)
    return dock


@pytest.fixture
def canvas(viewer):
    """The widget that receives keys and clicks."""
    widgets = viewer.window.__wrapped__ if hasattr(viewer.window, "__wrapped__") else viewer.window
    return next(w for w in widgets._qt_window.findChildren(QWidget) if type(w).__name__ == "CanvasBackendDesktop")


def click(canvas, viewer, qtbot, position, modifier=Qt.KeyboardModifier.NoModifier):
    """Click on a pixel of the slide."""
    world = np.asarray(viewer.layers["discs"].data_to_world(position))
    centre, zoom = np.asarray(viewer.scene.camera.center)[-2:], viewer.scene.camera.zoom
    y, x = (world - centre) * zoom + np.asarray(viewer.canvas.size) / 2
    point = QPoint(round(x), round(y))
    qtbot.mouseMove(canvas, point)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, modifier, point)


def test_nuclei_are_corrected_by_mouse_and_keys_and_committed(started, viewer, canvas, qtbot, tmp_path):
    dock, annotation = started, started.keys.annotation
    layer = viewer.layers["annotation"]
    assert annotation.counts() == (0, 1, 1)
    assert dock.tools.counts[1].text() == "1"
    np.testing.assert_array_equal(layer.data > 0, viewer.layers["discs"].data[..., 0] < 128)
    click(canvas, viewer, qtbot, (40, 40))
    assert annotation.selection == (1,)
    qtbot.keyClick(canvas, "2")
    assert annotation.counts() == (0, 0, 2)
    assert dock.tools.counts[2].text() == "2"
    assert list(layer.features["type"]) == ["inflammatory"] * 2
    qtbot.keyClick(canvas, "s")
    assert annotation.counts() == (0, 0, 3)
    qtbot.keyClick(canvas, "z", Qt.KeyboardModifier.ControlModifier)
    assert annotation.counts() == (0, 0, 2)
    click(canvas, viewer, qtbot, (40, 40))
    click(canvas, viewer, qtbot, (80, 110), Qt.KeyboardModifier.ShiftModifier)
    assert annotation.selection == (1, 2)
    qtbot.keyClick(canvas, Qt.Key.Key_Delete)
    assert annotation.counts() == (0, 0, 0)
    assert layer in viewer.layers
    dock.tools.buttons["Undo"].click()
    qtbot.keyClick(canvas, "m")
    assert layer.mode == "paint"
    click(canvas, viewer, qtbot, (20, 120))
    assert annotation.counts() == (0, 0, 3)

    dock.commit_button.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)
    assert dock.committed.text() == (
        "Committed 3 nuclei as discs_0_0_120_160_r1; 1 for training in project (new project, 0.5 \u00b5m/px)."
    )
    [image] = read_images(tmp_path / "project", NAMES)
    assert image.types.tolist() == [0, 2, 2, 2]
    assert image.image.shape == (120, 160, 3)
    [record] = (tmp_path / "project" / "regions").glob("*.json")
    assert json.loads(record.read_text())["box_yxyx_px"] == [0, 0, 120, 160]
    dock.project.part.setCurrentIndex(1)
    dock.commit_button.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)
    dock.project.part.setCurrentIndex(0)
    dock.commit_button.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)
    assert "overlaps the test region" in dock.committed.text()


def test_keys_belong_to_the_annotation_only(started, viewer, canvas, qtbot):
    other = viewer.add_labels(np.zeros((8, 8), int), name="mine")
    viewer.layers.selection.active = other
    qtbot.keyClick(canvas, "2")
    assert other.mode == "paint"  # napari's own meaning
    assert started.keys.annotation.current_type == 1


def test_a_result_is_edited_as_a_copy(dock, viewer, qtbot):
    dock.start_button.click()
    qtbot.waitUntil(lambda: dock.keys is not None, timeout=20_000)
    first = viewer.layers["annotation"]
    before = first.data.copy()
    dock.form.choose_source(next(result for result in shelf_of(viewer).results if result.layer is first))
    dock.start_button.click()
    assert len(shelf_of(viewer).results) == 2
    annotation = dock.keys.annotation
    assert annotation.layer is not first
    annotation.select([1])
    annotation.delete()
    np.testing.assert_array_equal(first.data, before)


def test_removing_the_layer_ends_the_annotation(started, viewer):
    viewer.layers.remove("annotation")
    assert started.keys is None
    assert not started.commit_button.isEnabled()
    assert not started.tools.isVisible()


def test_a_mistake_is_shown_in_one_line(dock, viewer):
    dock.form.choose_source(None)
    viewer.layers["discs"].visible = True
    viewer.scene.camera.center = (0, 9000, 9000)
    dock.start_button.click()
    assert "out of view" in dock.progress.line.text()


def test_every_field_has_a_tooltip_and_a_name(dock):
    for field in (dock.form.slide, dock.form.source, dock.project.folder, *dock.tools.buttons.values()):
        assert field.toolTip()
        assert field.accessibleName()
