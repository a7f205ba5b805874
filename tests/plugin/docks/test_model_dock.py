"""The Model dock in a real viewer, on a (virtual) display."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog

from napari_pathprune.plugin.jobs.model_job import SpeedMeasured, describe_model
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.workflows.checkpoint import load

pytestmark = pytest.mark.gui


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


class Stopwatch:
    """A measurement that waits for its gate."""

    def __init__(self):
        self.gate, self.asked = threading.Event(), []
        self.gate.set()

    def __call__(self, source, device):
        self.asked.append((source, device))
        assert self.gate.wait(20)
        yield SpeedMeasured(source, speed=SimpleNamespace(seconds_per_mm2=20.0 * len(self.asked), device="CPU"))


@pytest.fixture
def stopwatch():
    watch = Stopwatch()
    yield watch
    watch.gate.set()


@pytest.fixture
def dock(viewer, stopwatch, qtbot):
    from napari_pathprune.plugin.docks.model_dock import ModelDock

    dock = ModelDock(viewer, describe_model, stopwatch)
    viewer.window.add_dock_widget(dock, name="Model")
    wait(dock, qtbot)
    yield dock
    stopwatch.gate.set()
    wait(dock, qtbot)


def wait(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=20_000)


def facts(dock):
    return dict(dock.view.facts.rows)


def test_the_default_model_is_shown_with_its_cost_groups_and_speed(dock):
    assert dock.model.model == "hovernet-s-compact"
    assert facts(dock)["Parameters"] == "326,185 (14% of 2,369,624 before pruning)"
    assert [field.text() for field in dock.view.types.fields] == ["neoplastic", "inflammatory", "connective"]
    assert dock.view.table.rowCount() == 122
    assert dock.view.plot.accessibleDescription() == "1,757 of 4,651 channels in 122 groups"
    assert dock.view.speed.text() == "1 mm² takes about 20 s (CPU)"
    assert dict(dock.view.card.rows)["Purpose"] == "for demonstration, not for diagnosis"
    assert not dock.status.isVisible()


def test_another_model_is_read_and_a_known_speed_is_not_measured_again(dock, stopwatch, qtbot):
    for name in ("hovernet-s", "hovernet-s-compact"):
        dock.model.choose(name)
        wait(dock, qtbot)
    assert stopwatch.asked == [("hovernet-s-compact", "auto"), ("hovernet-s", "auto")]
    assert dock.view.speed.text() == "1 mm² takes about 20 s (CPU)"
    dock.view.measure.click()
    wait(dock, qtbot)
    assert dock.view.speed.text() == "1 mm² takes about 1 min (CPU)"


def test_a_model_chosen_while_another_is_measured_is_shown_at_once(dock, stopwatch, qtbot):
    stopwatch.gate.clear()
    dock.view.measure.click()
    dock.model.choose("hovernet-s")
    qtbot.waitUntil(lambda: facts(dock)["Parameters"] == "2,369,624", timeout=20_000)
    assert dock.view.speed.text() == "Measuring the speed ..."
    assert not dock.view.measure.isEnabled()
    stopwatch.gate.set()
    qtbot.waitUntil(lambda: dock.view.speed.text().startswith("1 mm²"), timeout=20_000)
    assert stopwatch.asked[-1][0] == "hovernet-s"


def test_a_slide_of_another_pixel_size_is_warned_of(dock, viewer):
    assert not dock.warning.isVisible()
    pixels = np.zeros((9, 9, 3), np.uint8)
    slide = viewer.add_image(pixels, rgb=True, name="20x", scale=(0.5, 0.5), units=("um", "um"))
    assert dock.warning.text().startswith("⚠ 20x has 0.5 µm/px, the model expects 0.25")
    assert dock.warning.isVisible()
    viewer.layers.remove(slide)
    assert not dock.warning.isVisible()


def test_a_file_that_is_no_model_is_one_line_and_the_shown_model_stays(dock, tmp_path, qtbot):
    path = tmp_path / "notes.pth"
    path.write_text("these are notes")
    dock.model.add_file(path)
    wait(dock, qtbot)
    assert "notes.pth" in dock.status.text()
    assert dock.status.isVisible()
    assert not dock.view.isEnabled()
    dock.model.choose("hovernet-s-compact")
    wait(dock, qtbot)
    assert dock.view.isEnabled()
    assert not dock.status.isVisible()


def test_renamed_types_are_saved_as_a_new_model_of_all_docks(dock, viewer, tmp_path, monkeypatch, qtbot):
    out = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(out), ""))
    dock.view.types.fields[0].setText("carcinoma")
    dock.view.types.save.click()
    wait(dock, qtbot)
    path = str(out.with_suffix(".safetensors"))
    assert load(path).type_names == ("background", "carcinoma", "inflammatory", "connective")
    qtbot.waitUntil(lambda: dock.model.model == path)
    wait(dock, qtbot)
    assert dict(dock.view.history.rows)["Step 7"].startswith("Types named")
    assert path in {model.source for model in shelf_of(viewer).models}
    dock.view.types.fields[0].setText("sarcoma")
    dock.view.types.save.click()
    wait(dock, qtbot)
    assert dock.status.text() == "mine.safetensors exists already and is not overwritten; choose another name"
    assert load(path).type_names[1] == "carcinoma"


@pytest.mark.parametrize(("name", "is_taken"), [("dropped.safetensors", True), ("picture.png", False)])
def test_a_model_file_can_be_dropped(dock, tmp_path, qtbot, name, is_taken):
    path, data = tmp_path / name, QMimeData()
    path.write_bytes(b"")
    data.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    dock.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, buttons, keys))
    assert (dock.model.model == str(path)) is is_taken
    wait(dock, qtbot)
    assert dock.status.isVisible() is is_taken  # an empty file is no model


def test_a_group_is_chosen_in_table_and_plot_together(dock, qtbot):
    dock.view.table.setCurrentCell(1, 0)
    assert dock.view.plot._chosen == "d0.shortcut"
    bar = dock.view.plot.bar_of(0, 16)
    qtbot.mouseClick(dock.view.plot, Qt.MouseButton.LeftButton, pos=bar.center().toPoint())
    assert dock.view.table.currentRow() == 0


def test_all_that_can_be_focused_has_a_name_and_a_tooltip(dock):
    from qtpy.QtWidgets import QComboBox, QLineEdit, QPushButton, QTableWidget

    for kind in (QComboBox, QPushButton, QLineEdit, QTableWidget):
        for widget in dock.findChildren(kind):
            assert widget.accessibleName(), widget
            assert widget.toolTip(), widget


def test_closing_the_dock_while_it_measures_stops_it(viewer, stopwatch, qtbot):
    from napari_pathprune.plugin.docks.model_dock import ModelDock

    stopwatch.gate.clear()
    dock = ModelDock(viewer, describe_model, stopwatch)
    viewer.window.add_dock_widget(dock, name="Model")
    qtbot.waitUntil(lambda: bool(stopwatch.asked), timeout=20_000)
    viewer.window.remove_dock_widget(dock)
    stopwatch.gate.set()
    wait(dock, qtbot)
    viewer.add_image(np.zeros((9, 9, 3), np.uint8), rgb=True)  # nothing listens any more
    shelf_of(viewer).add_model("late.pth")
    assert "late.pth" not in [dock.model.itemText(i) for i in range(dock.model.count())]
