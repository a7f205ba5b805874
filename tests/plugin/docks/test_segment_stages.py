"""A segmentation that is cancelled at any of its stages ends cleanly, and the next one runs as if nothing had been."""

import threading

import numpy as np
import pytest

from napari_pathprune.plugin.layers.region_kind import RegionKind
from napari_pathprune.plugin.shelf.shelf import shelf_of

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
TILES = 12
LOADING, STARTING = "loading the model", "reading the slide"
STAGES = {
    LOADING: "Cancelled: nothing was found yet.",
    STARTING: "Cancelled: nothing was found yet.",
    1: "Cancelled: kept 0 nuclei from 1 of 12 tiles.",
    7: "Cancelled: kept 1 nucleus from 7 of 12 tiles.",
    11: "Cancelled: kept 2 nuclei from 11 of 12 tiles.",
    12: "2 nuclei in 2 s.",  # all is done when the last tile is
}


class Staged:
    """A workflow that waits at a stage, until `go_on` is set."""

    def __init__(self, workflow):
        self._workflow = workflow
        self.stage = None
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, request):
        events = self._workflow(request)
        self._wait(LOADING)
        yield next(events)
        self._wait(STARTING)
        yield next(events)
        for done in range(1, TILES + 1):
            self._wait(done)
            yield next(events)
        yield from events

    def _wait(self, stage):
        if stage == self.stage:
            self.reached.set()
            assert self.go_on.wait(20)


@pytest.fixture
def staged(dark_discs):
    dark_discs.gate.set()
    workflow = Staged(dark_discs)
    yield workflow
    workflow.go_on.set()


@pytest.fixture
def viewer(make_napari_viewer, tissue):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(tissue, rgb=True, name="discs", scale=(0.5, 0.5), units=("um", "um"))
    return viewer


@pytest.fixture
def dock(viewer, staged, tmp_path, qtbot):
    from napari_pathprune.plugin.docks.segment_dock import SegmentDock

    dock = SegmentDock(viewer, staged, tmp_path / "jobs")
    viewer.window.add_dock_widget(dock, name="Segment nuclei")
    dock.form.model.add_file(tmp_path / "tiny.safetensors")
    dock.form.region_kind.setCurrentIndex(dock.form.region_kind.findData(RegionKind.SLIDE))
    qtbot.waitUntil(dock.run.isEnabled)
    yield dock
    staged.go_on.set()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)


@pytest.mark.parametrize("stage", STAGES)
def test_a_job_is_cancelled_at_each_stage(dock, viewer, staged, qtbot, stage):
    staged.stage = stage
    dock.run.click()
    qtbot.waitUntil(staged.reached.is_set, timeout=20_000)
    dock.progress.cancel.click()
    assert not dock.progress.cancel.isEnabled()
    staged.go_on.set()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)
    assert dock.progress.line.text() == STAGES[stage]
    is_finished = stage == TILES
    assert len(shelf_of(viewer).results) == is_finished
    results = [layer for layer in viewer.layers if layer.name != "discs"]
    assert len(results) == (stage in {7, 11, 12})
    if results:
        assert results[0].metadata["is_finished"] == is_finished

    staged.stage = None
    dock.run.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)
    assert dock.progress.line.text() == "2 nuclei in 2 s."
    *_, last = viewer.layers
    np.testing.assert_array_equal(last.data > 0, viewer.layers["discs"].data[..., 0] < 128)
    assert [other.visible for other in results] == [False] * len(results)
