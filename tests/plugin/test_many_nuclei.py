"""A hundred thousand nuclei are shown, compared and clicked through; benchmarks/window states how long it takes."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_pathprune.plugin.layers.nuclei_layer import hide_types, read_type_counts
from napari_pathprune.plugin.shelf.shelf import shelf_of

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "window" / "many_nuclei.py"


@pytest.fixture
def many():
    """The benchmark's module that draws nuclei."""
    spec = importlib.util.spec_from_file_location("many_nuclei", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_hundred_thousand_nuclei_are_shown_compared_and_clicked_through(make_napari_viewer, many, qtbot):
    from napari_pathprune.plugin.docks.compare_dock import CompareDock

    viewer = make_napari_viewer(show=True)
    shelf = shelf_of(viewer)
    layers = [many.add_many_nuclei(viewer, many.draw_many_nuclei(seed), name) for seed, name in enumerate("AB")]
    assert [result.name for result in shelf.results] == ["many A", "many B"]
    assert [sum(read_type_counts(layer)) for layer in layers] == [many.COUNT] * 2
    assert many.COUNT > 100_000
    hide_types(layers[1], {1})
    number = int(layers[1].features["index"][layers[1].features["type"] == "tumour"].iloc[0])
    assert layers[1].get_color(number)[3] == 0.0

    dock = CompareDock(viewer)
    viewer.window.add_dock_widget(dock, name="Compare")
    dock.run.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=240_000)
    one = dock.comparison
    assert (one.nuclei_a, one.nuclei_b) == (many.COUNT, many.COUNT)
    assert len(one.disagreements) == dock.tabs.table.rows.rowCount() > many.COUNT / 2
    dock.tabs.setCurrentWidget(dock.tabs.table)
    dock.tabs.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    for row in (0, 1, dock.tabs.table.rows.rowCount() - 1):
        dock.tabs.table.selectRow(row)
        y, x, _ = dock.tabs.table.rows.place(row)
        centre = viewer.layers[many.SLIDE].data_to_world((y, x))
        np.testing.assert_allclose(viewer.scene.camera.center[-2:], centre, atol=1e-6)
    dock.view.leave.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=60_000)
    assert [layer.name for layer in viewer.layers] == [many.SLIDE, "many A", "many B"]
