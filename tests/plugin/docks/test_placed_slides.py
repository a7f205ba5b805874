"""Slides that are scaled, rotated, sheared and moved: nuclei are where they belong, and clicks hit them."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from napari_pathprune.plugin.layers.region_kind import RegionKind
from napari_pathprune.plugin.shelf.shelf import shelf_of

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
UM = ("um", "um")
PLACES = {
    "scaled": {"scale": (0.5, 0.25), "translate": (-300, 4000), "units": UM},
    "rotated": {"scale": (0.5, 0.5), "rotate": 30, "translate": (100, 50), "units": UM},
    "turned around": {"scale": (0.25, 0.25), "rotate": 180, "units": UM},
    "affine": {"affine": [[0.4, -0.3, 7], [0.3, 0.4, -9], [0, 0, 1]], "units": UM},
}
DISCS = ((40, 40), (80, 110))


@pytest.fixture(params=PLACES)
def viewer(request, make_napari_viewer, tissue):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(tissue, rgb=True, name="discs", **PLACES[request.param])
    viewer.reset_view()
    return viewer


def click(viewer, qtbot, position):
    """Click on a pixel of the slide."""
    window = viewer.window.__wrapped__ if hasattr(viewer.window, "__wrapped__") else viewer.window
    widgets = window._qt_window.findChildren(QWidget)
    canvas = next(widget for widget in widgets if type(widget).__name__ == "CanvasBackendDesktop")
    world = np.asarray(viewer.layers["discs"].data_to_world(position))
    centre, zoom = np.asarray(viewer.scene.camera.center)[-2:], viewer.scene.camera.zoom
    y, x = (world - centre) * zoom + np.asarray(viewer.canvas.size) / 2
    point = QPoint(round(x), round(y))
    qtbot.mouseMove(canvas, point)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=point)


def test_a_view_is_segmented_corrected_and_compared_where_it_lies(viewer, dark_discs, tmp_path, qtbot):
    from napari_pathprune.plugin.docks.annotate_dock import AnnotateDock
    from napari_pathprune.plugin.docks.compare_dock import CompareDock
    from napari_pathprune.plugin.docks.segment_dock import SegmentDock

    dark_discs.gate.set()
    slide = viewer.layers["discs"]
    segment = SegmentDock(viewer, dark_discs, tmp_path / "jobs")
    viewer.window.add_dock_widget(segment, name="Segment nuclei")
    segment.form.model.add_file(tmp_path / "tiny.safetensors")
    segment.form.region_kind.setCurrentIndex(segment.form.region_kind.findData(RegionKind.VIEWPORT))
    qtbot.waitUntil(segment.run.isEnabled)
    segment.run.click()
    qtbot.waitUntil(lambda: not segment.is_running, timeout=20_000)
    assert segment.progress.line.text() == "2 nuclei in 2 s."
    [result] = shelf_of(viewer).results
    for disc in DISCS:
        pixel = np.round(result.layer.world_to_data(slide.data_to_world(disc))).astype(int)
        assert result.layer.data[tuple(pixel)] > 0

    annotate = AnnotateDock(viewer, dark_discs)
    viewer.window.add_dock_widget(annotate, name="Annotate")
    viewer.reset_view()
    annotate.form.choose_source(result)
    annotate.start_button.click()
    qtbot.waitUntil(lambda: annotate.keys is not None, timeout=20_000)
    annotation = annotate.keys.annotation
    qtbot.wait(100)  # the canvas is drawn
    for disc in DISCS:
        click(viewer, qtbot, disc)
        y0, x0 = annotation.region[:2]
        assert annotation.selection == (annotation.layer.data[disc[0] - y0, disc[1] - x0],)
    annotation.delete()

    compare = CompareDock(viewer)
    viewer.window.add_dock_widget(compare, name="Compare")
    compare.form.a.choose(result.layer)
    compare.form.b.choose(annotation.layer)
    compare.run.click()
    qtbot.waitUntil(lambda: not compare.is_running, timeout=20_000)
    assert (compare.comparison.nuclei_a, compare.comparison.nuclei_b) == (2, 1)
    compare.tabs.table.selectRow(0)
    centre = viewer.scene.camera.center[-2:]
    np.testing.assert_allclose(centre, slide.data_to_world(DISCS[1])[-2:], atol=0.6)
    compare.view.leave.click()
    qtbot.waitUntil(lambda: not compare.is_running, timeout=20_000)
