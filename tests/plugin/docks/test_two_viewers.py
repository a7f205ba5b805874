"""Two windows at a time: what happens in one of them leaves the jobs and results of the other alone."""

import pytest
from napari.qt.threading import WorkerBase

from napari_pathprune.plugin.layers.region_kind import RegionKind
from napari_pathprune.plugin.shelf.shelf import shelf_of

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
PLACE = {"scale": (0.5, 0.5), "units": ("um", "um")}


@pytest.fixture
def viewers(make_napari_viewer, tissue):
    """Two viewers with the same slide; the second one was opened, and so was active, last."""
    pair = make_napari_viewer(show=True), make_napari_viewer(show=True)
    for viewer in pair:
        viewer.add_image(tissue, rgb=True, name="discs", **PLACE)
    return pair


@pytest.fixture
def open_dock(dark_discs, tmp_path, qtbot):
    """Return a function that opens a Segment dock, ready to run, in a viewer."""
    from napari_pathprune.plugin.docks.segment_dock import SegmentDock

    def open_it(viewer):
        dock = SegmentDock(viewer, dark_discs, tmp_path / "jobs")
        viewer.window.add_dock_widget(dock, name="Segment nuclei")
        dock.form.model.add_file(tmp_path / "tiny.safetensors")
        dock.form.region_kind.setCurrentIndex(dock.form.region_kind.findData(RegionKind.SLIDE))
        qtbot.waitUntil(dock.run.isEnabled)
        return dock

    return open_it


@pytest.mark.parametrize("own", [0, 1])
def test_closing_a_viewer_leaves_the_job_of_the_other_alone(viewers, open_dock, dark_discs, qtbot, own):
    dock = open_dock(viewers[own])
    dock.run.click()
    qtbot.waitUntil(lambda: len(viewers[own].layers) == 2, timeout=20_000)
    dock.window().hide()  # vispy cannot always draw once the graphics context of another window has gone
    viewers[1 - own].close()
    dark_discs.gate.set()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)
    assert dock.progress.line.text() == "2 nuclei in 2 s."
    assert [result.model for result in shelf_of(viewers[own]).results] == [str(dock.form.model.model)]


@pytest.mark.parametrize("own", [0, 1])
def test_closing_a_viewer_stops_its_own_job(viewers, open_dock, dark_discs, qtbot, own):
    dock = open_dock(viewers[own])
    dock.run.click()
    qtbot.waitUntil(lambda: len(viewers[own].layers) == 2, timeout=20_000)
    viewers[own].close()
    dark_discs.pause_at = 7
    dark_discs.gate.set()
    qtbot.waitUntil(lambda: dark_discs.closed, timeout=20_000)  # else it would wait before tile 7
    WorkerBase.await_workers(msecs=20_000)


def test_results_belong_to_one_viewer(viewers, open_dock, dark_discs, qtbot):
    docks = [open_dock(viewer) for viewer in viewers]
    dark_discs.gate.set()
    docks[0].run.click()
    qtbot.waitUntil(lambda: not docks[0].is_running, timeout=20_000)
    assert [len(shelf_of(viewer).results) for viewer in viewers] == [1, 0]
    assert [len(viewer.layers) for viewer in viewers] == [2, 1]
    assert docks[0].legend.rows == [("neoplastic", "1"), ("inflammatory", "1")]
    assert docks[1].legend.rows == []
