"""The dock in a real viewer: a compression from the form to the report, in a process of its own."""

import cv2
import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QWidget

from napari_pathprune.plugin.jobs.processes.process_job import find_jobs, start_process
from napari_pathprune.plugin.shelf.shelf import shelf_of

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
LONG_MS = 120_000


@pytest.fixture
def images(tmp_path):
    """A config for small patches of a folder with two annotated images of 96 px."""
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for number in range(2):
        labels = np.zeros((96, 96), np.uint16)
        for nucleus, (y, x) in enumerate(((30, 30), (60, 70)), 1):
            cv2.circle(labels, (x + number, y), 9, nucleus, -1)
        picture = np.where(labels[..., None] > 0, (110, 30, 70), (200, 170, 230)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "data" / "images" / f"image-{number}.png"), picture)
        tifffile.imwrite(tmp_path / "data" / "labels" / f"image-{number}.tif", labels)
    settings = '[patches]\npatch_px = 96\n[compress]\nrecalibrate = 1\n[[data]]\nfolder = "data"\n'
    (tmp_path / "data.toml").write_text(settings)
    return tmp_path / "data.toml"


@pytest.fixture
def viewer(make_napari_viewer, tissue):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(tissue, rgb=True, name="discs", scale=(0.25, 0.25), units=("um", "um"))
    return viewer


@pytest.fixture
def open_dock(viewer, tmp_path, qtbot):
    """Return a function that opens a dock with a model chosen, and waits until the model has been read."""
    from napari_pathprune.plugin.docks.compress_dock import CompressDock

    def open_it():
        dock = CompressDock(viewer, jobs=tmp_path / "jobs")
        viewer.window.add_dock_widget(dock, name="Compress")
        dock.form.model.choose("hovernet-s-compact")
        qtbot.waitUntil(lambda: dock.form.cut.preview is not None, timeout=LONG_MS)
        return dock

    yield open_it
    for job in find_jobs(tmp_path / "jobs"):
        job.cancel()


@pytest.fixture
def dock(open_dock, images, tmp_path):
    """A dock with everything filled in."""
    dock = open_dock()
    dock.form.cut.keep.setValue(50)
    dock.form.source.setCurrentIndex(1)
    dock.form.data.setText(str(images))
    dock.form.out.setText(str(tmp_path / "small.safetensors"))
    dock.form.fit_steps.setValue(2)
    dock.form.teacher.setCurrentIndex(1)
    return dock


def test_a_model_is_compressed_from_the_form_to_the_report(dock, viewer, tmp_path, qtbot, monkeypatch):
    from napari_pathprune.plugin.docks import compress_dock

    dock.run.click()
    qtbot.waitUntil(dock.pause.isVisible, timeout=LONG_MS)
    assert not dock.form.isEnabled()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=LONG_MS)
    assert dock.progress.line.text().startswith("Wrote small.safetensors: parameters 326 k \u2192 163 k (50.")
    assert str(tmp_path / "small.safetensors") in [model.source for model in shelf_of(viewer).models]
    assert list(dock.curves.losses["loss"]) == [1, 2]
    opened = []
    monkeypatch.setattr(compress_dock.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    dock.report.click()
    assert opened == [str(tmp_path / "small.report.html")]
    assert (tmp_path / "small.report.html").exists()
    dock.both.click()
    qtbot.waitUntil(lambda: not dock.view.runner.is_running, timeout=LONG_MS)
    names = [result.name for result in shelf_of(viewer).results]
    assert names == ["nuclei (hovernet-s-compact)", "nuclei (small)"]


def test_the_preview_follows_the_slider_and_is_segmented_untrained(open_dock, viewer, qtbot):
    dock = open_dock()
    dock.form.cut.slider.setValue(30)
    dense, _ = dock.form.cut.preview.params
    qtbot.waitUntil(lambda: dock.form.cut.preview.params[1] / dense == pytest.approx(0.3, abs=0.005))
    assert "(30." in dock.form.cut.numbers.text() or "(29." in dock.form.cut.numbers.text()
    name = next(group.name for group in dock.form.cut.preview.widths if group.width < group.dense_width)
    dock.form.cut.bars.picked.emit(name)
    qtbot.waitUntil(lambda: "1 layer kept whole" in dock.form.cut.numbers.text())
    kept = next(group for group in dock.form.cut.preview.widths if group.name == name)
    assert kept.width == kept.dense_width
    dock.view.button.click()
    qtbot.waitUntil(lambda: not dock.view.runner.is_running, timeout=LONG_MS)
    assert "nuclei (hovernet-s-compact, 30% of parameters, untrained)" in viewer.layers


def test_problems_are_listed_before_anything_starts(dock, tmp_path, qtbot):
    dock.form.data.setText(str(tmp_path / "nowhere"))
    dock.form.out.setText(str(tmp_path / "no folder" / "small.safetensors"))
    dock.run.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=LONG_MS)
    lines = dock.progress.line.text().splitlines()
    assert len(lines) == 2
    assert "no folder does not exist" in lines[0]
    assert "nowhere does not exist" in lines[1]
    assert find_jobs(tmp_path / "jobs") == ()


def test_a_job_is_paused_found_by_a_new_dock_and_resumed(dock, open_dock, viewer, tmp_path, qtbot):
    dock.form.fit_steps.setValue(40)
    dock.form.task.setCurrentIndex(1)
    dock.form.out.setText(str(tmp_path / "tuned.safetensors"))
    dock.run.click()
    qtbot.waitUntil(lambda: dock.progress.bar.value() > 0, timeout=LONG_MS)
    dock.pause.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=LONG_MS)
    assert dock.progress.line.text() == "Paused. Resume continues."
    viewer.window.remove_dock_widget(dock)
    again = open_dock()
    qtbot.waitUntil(again.resume.isVisible, timeout=LONG_MS)
    assert again.curves.losses["loss"]
    again.resume.click()
    qtbot.waitUntil(again.pause.isVisible, timeout=LONG_MS)
    again.progress.cancel.click()
    qtbot.waitUntil(lambda: not again.is_running, timeout=LONG_MS)
    assert again.progress.line.text().startswith("Cancelled")
    assert find_jobs(tmp_path / "jobs") == ()


def test_a_process_that_fails_says_why(open_dock, tmp_path, qtbot):
    arguments = ("compress", "hovernet-s", str(tmp_path / "nowhere"), "--out", str(tmp_path / "s.safetensors"))
    start_process(tmp_path / "jobs" / "one", arguments, {"model": "hovernet-s", "out": str(tmp_path / "s.safetensors")})
    dock = open_dock()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=LONG_MS)
    assert "nowhere does not exist" in dock.progress.line.text()
    assert dock.resume.isVisible()


def test_every_field_has_a_tooltip_and_an_accessible_name(open_dock):
    dock = open_dock()
    kinds = ("QComboBox", "QSpinBox", "QDoubleSpinBox", "QSlider", "QLineEdit", "QPushButton", "QToolButton", "Chooser")
    fields = [
        widget
        for widget in dock.findChildren(QWidget)
        if widget.metaObject().className() in kinds and widget.objectName() != "qt_spinbox_lineedit"
    ]
    assert len(fields) > 15
    assert [type(field).__name__ for field in fields if not field.toolTip()] == []
