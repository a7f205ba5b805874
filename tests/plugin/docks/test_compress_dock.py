"""The dock in a real viewer: a compression from the form to the report, in a process of its own."""

import json

import cv2
import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QWidget

from napari_pathprune.plugin.jobs.compress.cut_speed import CurveMeasured
from napari_pathprune.plugin.jobs.compress.speed_curve import SpeedCurve
from napari_pathprune.plugin.jobs.processes.process_job import find_jobs, start_process
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.workflows.checkpoint import load

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
def open_dock(viewer, tmp_path, qtbot, monkeypatch):
    """Return a function that opens a dock with a model chosen, and waits until the model has been read.

    The speed of the model is made up, since measuring it takes seconds.
    """
    from napari_pathprune.plugin.docks.compress_dock import CompressDock
    from napari_pathprune.plugin.widgets.compress import speed_panel

    curve = SpeedCurve(((0.1, 0.2), (1.0, 1.0)), "CPU, 1 thread")
    monkeypatch.setattr(speed_panel, "measure_curve", lambda read, _: iter([CurveMeasured(read.source, curve, 1, 1)]))

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
    dock.form.training_data.source.setCurrentIndex(2)
    dock.form.training_data.data.setText(str(images))
    dock.form.out.setText(str(tmp_path / "small.safetensors"))
    dock.form.fit.fit_steps.setValue(2)
    dock.form.fit.teacher.setCurrentIndex(1)
    return dock


def test_a_model_is_compressed_from_the_form_to_the_report(dock, viewer, tmp_path, qtbot, monkeypatch):
    from napari_pathprune.plugin.widgets.compress import training_panel

    dock.run.click()
    qtbot.waitUntil(dock.training.pause.isVisible, timeout=LONG_MS)
    assert not dock.form.isEnabled()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=LONG_MS)
    assert dock.training.progress.line.text().startswith("Wrote small.safetensors: parameters 326 k \u2192 163 k (50.")
    assert str(tmp_path / "small.safetensors") in [model.source for model in shelf_of(viewer).models]
    assert list(dock.training.curves.losses["loss"]) == [1, 2]
    opened = []
    monkeypatch.setattr(training_panel.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    dock.training.report.click()
    assert opened == [str(tmp_path / "small.report.html")]
    assert (tmp_path / "small.report.html").exists()
    dock.training.both.click()
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
    dock.form.cut.widths.bars.lock_asked.emit(name)
    qtbot.waitUntil(lambda: "1 layer kept whole" in dock.form.cut.numbers.text())
    kept = next(group for group in dock.form.cut.preview.widths if group.name == name)
    assert kept.width == kept.dense_width
    dock.view.button.click()
    qtbot.waitUntil(lambda: not dock.view.runner.is_running, timeout=LONG_MS)
    assert "nuclei (hovernet-s-compact, 30% of parameters, untrained)" in viewer.layers


def test_problems_are_listed_before_anything_starts(dock, tmp_path, qtbot):
    dock.form.training_data.data.setText(str(tmp_path / "nowhere"))
    dock.form.out.setText(str(tmp_path / "no folder" / "small.safetensors"))
    dock.run.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=LONG_MS)
    lines = dock.training.progress.line.text().splitlines()
    assert len(lines) == 2
    assert "no folder does not exist" in lines[0]
    assert "nowhere does not exist" in lines[1]
    assert find_jobs(tmp_path / "jobs") == ()


def test_a_job_is_paused_found_by_a_new_dock_and_resumed(dock, open_dock, viewer, tmp_path, qtbot):
    dock.form.fit.fit_steps.setValue(40)
    dock.form.task.setCurrentIndex(1)
    dock.form.out.setText(str(tmp_path / "tuned.safetensors"))
    dock.run.click()
    qtbot.waitUntil(lambda: dock.training.progress.bar.value() > 0, timeout=LONG_MS)
    dock.training.pause.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=LONG_MS)
    assert dock.training.progress.line.text() == "Paused. Resume continues."
    viewer.window.remove_dock_widget(dock)
    again = open_dock()
    qtbot.waitUntil(again.training.resume.isVisible, timeout=LONG_MS)
    assert again.training.curves.losses["loss"]
    again.training.resume.click()
    qtbot.waitUntil(again.training.pause.isVisible, timeout=LONG_MS)
    again.training.progress.cancel.click()
    qtbot.waitUntil(lambda: not again.is_running, timeout=LONG_MS)
    assert again.training.progress.line.text().startswith("Cancelled")
    assert find_jobs(tmp_path / "jobs") == ()


def test_a_process_that_fails_says_why(open_dock, tmp_path, qtbot):
    arguments = ("compress", "hovernet-s", str(tmp_path / "nowhere"), "--out", str(tmp_path / "s.safetensors"))
    start_process(tmp_path / "jobs" / "one", arguments, {"model": "hovernet-s", "out": str(tmp_path / "s.safetensors")})
    dock = open_dock()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=LONG_MS)
    assert "nowhere does not exist" in dock.training.progress.line.text()
    assert dock.training.resume.isVisible()


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


def test_a_slide_without_labels_is_enough_from_the_model_to_the_report(open_dock, viewer, tmp_path, qtbot):
    """The default: the dense model teaches on the slide; losses, agreement and an example patch are shown."""
    pixels, path = np.tile(viewer.layers[0].data, (3, 9, 1)), tmp_path / "slide.tif"
    tifffile.imwrite(path, pixels, photometric="rgb")
    viewer.layers.clear()
    facts = {"scale": (0.25, 0.25), "units": ("um", "um"), "metadata": {"path": str(path)}}
    viewer.add_image(pixels, rgb=True, name="slide", **facts)
    dock = open_dock()
    assert dock.form.is_slide
    dock.form.cut.keep.setValue(50)
    group = dock.form.cut.preview.widths[0]
    dock.form.cut.widths.width_asked.emit(group.name, 4)
    qtbot.waitUntil(lambda: "set by hand" in dock.form.cut.numbers.text())
    dock.form.out.setText(str(tmp_path / "small.safetensors"))
    dock.form.fit.fit_steps.setValue(2)
    assert dock.form.problem is None
    dock.run.click()
    qtbot.waitUntil(dock.training.pause.isVisible, timeout=LONG_MS)
    (job,) = find_jobs(tmp_path / "jobs")
    assert job.arguments[job.arguments.index("--plan") + 1] == str(job.folder / "plan.json")
    qtbot.waitUntil(dock.training.example.isVisible, timeout=LONG_MS)  # before the first step
    qtbot.waitUntil(lambda: not dock.is_running, timeout=LONG_MS)
    line = dock.training.progress.line.text()
    assert line.startswith("Wrote small.safetensors: parameters 326 k \u2192 163 k (")
    assert "agreement" in line
    assert list(dock.training.curves.losses["loss"]) == [1, 2]
    assert list(dock.training.curves.scores["agreement_pq"]) == [1, 2]
    assert not dock.training.example.picture.isNull()
    assert str(tmp_path / "small.safetensors") in [model.source for model in shelf_of(viewer).models]
    assert (tmp_path / "small.report.html").exists()
    plan = json.loads((job.folder / "plan.json").read_text())
    assert len(plan["keep"][group.name]) == 4 != group.width
    (cut,) = (step for step in load(tmp_path / "small.safetensors").lineage[-2:] if step["step"] == "pruned")
    assert cut["plan"]["keep"] == plan["keep"]
