"""The Compare dock in a real viewer, on a (virtual) display."""

import json

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import Qt

from napari_pathprune.instances.export import write_parquet
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.shelf.shelf import result_metadata

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
NAMES = ("background", "tumour", "stroma")
PLACE = {"scale": (0.5, 0.5), "translate": (100, 50), "units": ("um", "um")}


def draw(discs):
    y, x = np.mgrid[:120, :160]
    labels = np.zeros((120, 160), np.int32)
    for number, row, column in discs:
        labels[np.hypot(y - row, x - column) <= 8] = number
    return labels


@pytest.fixture
def viewer(make_napari_viewer, tissue):
    """A viewer with a slide and two results; nucleus 3 is in A only, and nucleus 2 changes its type."""
    viewer = make_napari_viewer(show=True)
    viewer.add_image(tissue, rgb=True, name="discs", **PLACE)
    for name, discs, types in (
        ("dense", [(1, 30, 30), (2, 40, 80), (3, 90, 120)], ["tumour", "tumour", "stroma"]),
        ("compact", [(1, 30, 31), (2, 40, 80)], ["tumour", "stroma"]),
    ):
        layer = viewer.add_labels(
            draw(discs),
            name=name,
            metadata=result_metadata(name, "discs", (0, 0, 120, 160), NAMES),
            features={"index": [disc[0] for disc in discs], "type": types, "probability": [0.9] * len(discs)},
            **PLACE,
        )
        layer.contour = 2
    return viewer


@pytest.fixture
def dock(viewer, qtbot):
    from napari_pathprune.plugin.docks.compare_dock import CompareDock

    dock = CompareDock(viewer)
    viewer.window.add_dock_widget(dock, name="Compare")
    yield dock
    wait(dock, qtbot)


def wait(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.is_running, timeout=20_000)


def describe(viewer):
    grid, bar = viewer.canvas.grid, viewer.canvas.overlays.scale_bar
    return (
        [(layer.name, layer.visible) for layer in viewer.layers],
        (grid.stride, grid.shape, grid.spacing, grid.enabled),
        (bar.visible, bar.gridded),
        [viewer.layers[name].contour for name in ("dense", "compact")],
    )


def test_one_click_shows_both_sides_and_the_numbers_and_leave_restores_the_layout(dock, viewer, qtbot):
    before = describe(viewer)
    assert (dock.form.a.currentText(), dock.form.b.currentText()) == ("dense", "compact")
    assert not dock.view.isVisible()
    qtbot.mouseClick(dock.run, Qt.MouseButton.LeftButton)
    wait(dock, qtbot)
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    assert dock.progress.line.text() == f"PQ {dock.comparison.panoptic.pq:.3f}: 1 of 3 nuclei agree."
    assert ("PQ", f"{dock.comparison.panoptic.pq:.3f}") in dock.tabs.numbers.scores
    assert dock.tabs.numbers.types[-1][1].startswith("3 (")
    assert "only&nbsp;in&nbsp;A&nbsp;1" in dock.view.legend.text()
    assert dock.tabs.tabText(1) == "Nuclei (2)"
    assert dock.tabs.regions.count() >= 1
    dock.view.difference.setChecked(True)
    wait(dock, qtbot)
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 3)
    qtbot.mouseClick(dock.view.leave, Qt.MouseButton.LeftButton)
    wait(dock, qtbot)
    assert describe(viewer) == before
    assert not dock.view.isVisible()


def test_a_click_in_the_table_goes_to_the_nucleus(dock, viewer, qtbot):
    dock.run.click()
    wait(dock, qtbot)
    dock.tabs.setCurrentIndex(1)
    dock.tabs.table.selectRow(0)
    slide = viewer.layers["discs"]
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], slide.data_to_world((90, 120)), atol=1e-6)
    assert viewer.layers["A: dense"].selected_label == 3
    dock.tabs.table.selectRow(1)
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], slide.data_to_world((40, 80)), atol=1e-6)
    item = dock.tabs.regions.item(0)
    dock.tabs.regions.itemClicked.emit(item)
    y0, x0, y1, x1 = dock.comparison.worst[0].box
    centre = slide.data_to_world(((y0 + y1 - 1) / 2, (x0 + x1 - 1) / 2))
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], centre, atol=1e-6)


def test_numbers_follow_an_edit(dock, viewer, qtbot):
    dock.run.click()
    wait(dock, qtbot)
    assert dock.comparison.nuclei_b == 2
    y, x = np.nonzero(draw([(1, 90, 120)]))
    viewer.layers["B: compact"].data_setitem((y, x), 3)
    qtbot.waitUntil(lambda: dock.comparison.nuclei_b == 3, timeout=20_000)
    wait(dock, qtbot)
    assert viewer.layers["compact"].data[90, 120] == 3
    assert dock.tabs.tabText(1) == "Nuclei (2)"  # the new nucleus has no type
    viewer.layers["B: compact"].undo()
    qtbot.waitUntil(lambda: dock.comparison.nuclei_b == 2, timeout=20_000)


def test_report_and_csv_are_exported(dock, qtbot, tmp_path):
    dock.form.is_truth.setChecked(True)
    dock.run.click()
    wait(dock, qtbot)
    dock.write_report(tmp_path / "mine")
    wait(dock, qtbot)
    assert dock.progress.line.text() == "Wrote mine.html and mine.csv."
    assert "accuracy of compact" in (tmp_path / "mine.html").read_text(encoding="utf-8")
    assert len((tmp_path / "mine.csv").read_text().splitlines()) == 3


def test_a_result_folder_becomes_result_b(dock, qtbot, tmp_path):
    labels = draw([(5, 30, 30)])
    with LabelsWriter(tmp_path / "labels.ome.zarr", labels.shape, (0.5, 0.5)) as writer:
        writer.paint((0, 0, *labels.shape), labels)
    write_parquet(InstanceTable.from_instance_map(labels), tmp_path / "instances.parquet", (0.5, 0.5), NAMES)
    run = {"slide": "discs.svs", "model": "tiny", "region_yxyx_px": [0, 0, 60, 160], "shape_px": [120, 160]}
    (tmp_path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    dock.open_folder(tmp_path)
    wait(dock, qtbot)
    assert dock.form.b.currentText() == "nuclei (tiny)"
    dock.run.click()
    wait(dock, qtbot)
    assert dock.comparison.region == (0, 0, 60, 160)
    assert (dock.comparison.nuclei_a, dock.comparison.nuclei_b) == (2, 1)


def test_what_cannot_be_compared_is_explained(dock, viewer):
    viewer.layers["compact"].scale = (1.0, 1.0)
    dock.run.click()
    assert "does not have the pixels of discs" in dock.progress.line.text()
    assert not viewer.canvas.grid.enabled
    viewer.layers.remove("compact")
    assert not dock.run.isEnabled()
    assert dock.problem.text().startswith("Choose two results")


def test_closing_the_dock_restores_the_layout(dock, viewer, qtbot):
    before = describe(viewer)
    dock.run.click()
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: describe(viewer) == before)
    wait(dock, qtbot)
    dock.deleteLater()  # it has no parent any more


def test_every_field_has_a_tooltip_and_a_name(dock):
    for widget in (
        dock.form.a,
        dock.form.b,
        dock.form.slide,
        dock.form.open,
        dock.view.blink,
        dock.view.leave,
        dock.tabs.table,
    ):
        assert widget.toolTip()
        assert widget.accessibleName()
    assert dock.minimumWidth() == 320


def test_the_packaged_results_are_compared_and_clicked_through(make_napari_viewer, qtbot):
    from napari_pathprune.plugin.docks.compare_dock import CompareDock
    from napari_pathprune.plugin.layers.sample_data import open_cmu_region_with_both

    viewer = make_napari_viewer(show=True)
    for data, attributes, kind in open_cmu_region_with_both():
        viewer.add_layer(Layer.create(data, attributes, kind))
    dock = CompareDock(viewer)
    viewer.window.add_dock_widget(dock, name="Compare")
    names = [layer.name for layer in viewer.layers]
    dock.run.click()
    wait(dock, qtbot)
    assert 0.5 < dock.comparison.panoptic.pq < 0.9
    assert dock.tabs.table.rows.rowCount() == len(dock.comparison.disagreements) > 500
    dock.tabs.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    for row in (0, 1):
        dock.tabs.table.selectRow(row)
        y, x, _ = dock.tabs.table.rows.place(row)
        centre = viewer.layers[names[0]].data_to_world((y, x))
        np.testing.assert_allclose(viewer.scene.camera.center[-2:], centre, atol=1e-6)
    dock.view.leave.click()
    wait(dock, qtbot)
    assert [layer.name for layer in viewer.layers] == names
