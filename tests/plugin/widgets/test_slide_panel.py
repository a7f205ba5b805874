"""Whole slides in real processes, shown in a real viewer."""

import time

import numpy as np
import pytest
import tifffile
from napari.layers import Layer

from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.plugin.jobs.processes import process_job
from napari_pathprune.plugin.jobs.processes.process_job import find_jobs
from napari_pathprune.plugin.jobs.slide_job import SlideRun, start_slide
from napari_pathprune.plugin.layers.napari_reader import read_slide
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.plugin.widgets.slide_panel import SlidePanel
from napari_pathprune.slides.reader import open_slide

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
LONG_MS = 120_000
MODEL = "hovernet-s-compact"


@pytest.fixture
def file(tmp_path):
    """A file of 160 px of the packaged slide, of 0.499 um."""
    path = tmp_path / "crop.tif"
    size = {"resolution": (1e4 / 0.499, 1e4 / 0.499), "resolutionunit": "CENTIMETER"}
    with open_slide(packaged_file("CMU-1-Small-Region.svs")) as whole:
        tifffile.imwrite(path, whole.read((750, 1050, 910, 1210)), tile=(64, 64), photometric="rgb", **size)
    return path


@pytest.fixture
def run(file, tmp_path):
    return SlideRun(file, MODEL, tmp_path / "out", device="cpu")


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def open_panel(viewer, tmp_path, qtbot):
    """Return a function that opens a panel; processes and panels end with the test."""
    panels = []

    def open_it():
        panel = SlidePanel(viewer, tmp_path / "jobs")
        panels.append(panel)  # not given to qtbot, which destroys widgets before fixtures end
        return panel

    yield open_it
    for job in find_jobs(tmp_path / "jobs"):
        job.cancel()
    for panel in panels:
        panel.close_down()
        qtbot.waitUntil(lambda panel=panel: not panel._reader.is_running, timeout=LONG_MS)
        panel.close()
        panel.deleteLater()


@pytest.fixture
def slide(viewer, file):
    return viewer.add_layer(Layer.create(*read_slide(str(file))[0]))


def test_a_slide_is_segmented_by_a_process_and_its_result_is_shown(open_panel, run, slide, viewer, qtbot):
    panel = open_panel()
    assert panel.isHidden()
    panel.start(run, slide)
    assert not panel.isHidden()
    assert panel.title.text() == f"Whole slide: crop, {MODEL}"
    qtbot.waitUntil(lambda: panel.layer is not None and panel.layer.metadata["is_finished"], timeout=LONG_MS)
    assert [layer.name for layer in viewer.layers] == ["crop", f"crop, whole: {MODEL}"]
    (result,) = shelf_of(viewer).results
    assert (result.layer, result.slide, result.region) == (panel.layer, slide, (0, 0, 160, 160))
    count = int((panel.layer.features["index"] > 0).sum())
    assert count > 10
    assert panel.progress.line.text().startswith(f"{count} nuclei in ")
    assert not panel.resume.isVisibleTo(panel)
    other = open_panel()  # as after a restart of napari
    qtbot.waitUntil(lambda: not other.is_running)
    assert other.progress.line.text() == panel.progress.line.text()
    other.show_button.click()
    qtbot.waitUntil(lambda: other.layer is not None, timeout=LONG_MS)
    other.dismiss.click()
    assert other.isHidden()
    assert open_panel().process is None


def test_a_cancelled_run_is_found_again_and_resumed(open_panel, run, slide, qtbot):
    panel = open_panel()
    panel.start(run, slide)
    start = time.monotonic()
    panel.progress.cancel.click()
    qtbot.waitUntil(lambda: not panel.is_running, timeout=LONG_MS)
    assert time.monotonic() - start < 10  # on a busy machine; two seconds to the end of the process
    assert panel.progress.line.text() == "Stopped. Resume continues."
    panel.close_down()
    later = open_panel()
    qtbot.waitUntil(lambda: not later.is_running)
    assert later.resume.isVisibleTo(later)
    assert not later.progress.cancel.isVisibleTo(later)
    later.resume.click()
    assert later.is_running
    qtbot.waitUntil(lambda: later.layer is not None and later.layer.metadata["is_finished"], timeout=LONG_MS)
    assert not later.resume.isVisibleTo(later)


def test_nuclei_appear_before_the_end_and_their_slide_is_opened(open_panel, run, viewer, qtbot, monkeypatch):
    from napari_pathprune.workflows.checkpoint import load
    from napari_pathprune.workflows.segment.result_folder import segment_to_folder

    with open_slide(run.slide) as opened:
        events = segment_to_folder(opened, load(MODEL), run.out, model_name=MODEL, device="cpu")
        nuclei = next(len(event.table) for event in events if hasattr(event, "table"))
        events.close()
        monkeypatch.setattr(process_job, "MODULE", "this")  # ends at once
        start_slide(run, run.slide.parent / "jobs")
        panel = open_panel()
        qtbot.waitUntil(lambda: not panel.is_running)
        assert len(viewer.layers) == 0
        panel.show_button.click()
        qtbot.waitUntil(lambda: panel.layer is not None, timeout=LONG_MS)
        assert [layer.name for layer in viewer.layers] == ["crop", f"crop, whole: {MODEL}, unfinished"]
        assert sum(panel.layer.metadata["counts"]) == nuclei > 10
        assert set(np.unique(panel.layer.data)) <= set(range(len(panel.layer.metadata["type_names"]) + 1))
        assert shelf_of(viewer).results == ()
        viewer.layers.remove(panel.layer)
        assert panel.layer is None
        assert panel.show_button.isVisibleTo(panel)
