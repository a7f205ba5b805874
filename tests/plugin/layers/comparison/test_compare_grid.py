"""The grid of a comparison, and the layout of the user afterwards."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils import DirectLabelColormap

from napari_pathprune.plugin.layers.comparison.compare_grid import BLINK_KEY, MARK, CompareGrid

REGION = (0, 0, 120, 160)


class Calls:
    """Counts edits and ends."""

    def __init__(self):
        self.edits = self.ends = 0

    def edited(self):
        self.edits += 1

    def left(self):
        self.ends += 1


@pytest.fixture
def viewer(tissue):
    """A viewer with a slide, two results, and layers of the user in between and on top."""
    viewer = ViewerModel()
    place = {"scale": (0.5, 0.5), "units": ("um", "um")}
    viewer.add_image(tissue, rgb=True, name="slide", **place)
    for name, shift in (("a", 0), ("b", 2)):
        labels = np.zeros((120, 160), np.int32)
        labels[30 + shift : 50 + shift, 30:50] = 7
        layer = viewer.add_labels(labels, name=name, **place)
        layer.contour = 3
        layer.colormap = DirectLabelColormap(color_dict={None: "red", 0: "transparent"})
        viewer.add_points(np.zeros((1, 2)), name=f"points of {name}")
    viewer.layers["points of a"].visible = False
    viewer.layers.selection = {viewer.layers["b"], viewer.layers["slide"]}
    viewer.canvas.grid.stride, viewer.canvas.grid.shape, viewer.canvas.grid.spacing = -3, (2, -1), 0.25
    return viewer


@pytest.fixture
def calls():
    return Calls()


def run(steps):
    """Do all steps at once."""
    for _ in steps:
        pass


def make_grid(viewer, calls):
    grid = CompareGrid(viewer)
    grid.edited.connect(calls.edited)
    grid.left.connect(calls.left)
    return grid


@pytest.fixture
def grid(viewer, calls):
    grid = make_grid(viewer, calls)
    run(grid.enter(*(viewer.layers[name] for name in ("slide", "a", "b")), REGION, 1))
    return grid


def describe(viewer):
    """Return everything that must be restored."""
    bar = viewer.canvas.overlays.scale_bar
    grid = viewer.canvas.grid
    return (
        [(layer.name, layer.visible, layer.name_overlay.visible) for layer in viewer.layers],
        {layer.name for layer in viewer.layers.selection},
        (grid.stride, grid.shape, grid.spacing, grid.enabled),
        (bar.visible, bar.gridded),
        [viewer.layers[name].contour for name in "ab"],
        [viewer.layers[name].get_color(7).tolist() for name in "ab"],
        {str(key) for key in viewer.keymap},
    )


def list_cells(viewer):
    """Return the names of the layers in each cell."""
    cells = viewer.canvas.grid.iter_viewboxes(viewer.layers)
    return [[viewer.layers[index].name for index in indices] for _, indices in cells]


@pytest.mark.parametrize("steps", [[], ["difference"], ["blink"], ["blink", "blink", "difference", "go"]])
def test_leaving_restores_the_layout_of_the_user(viewer, calls, steps):
    before = describe(viewer)
    grid = make_grid(viewer, calls)
    run(grid.enter(*(viewer.layers[name] for name in ("slide", "a", "b")), REGION, 1))
    assert describe(viewer) != before
    for step in steps:
        if step == "blink":
            grid.blink()
        elif step == "go":
            grid.go_to(40, 40, (7, 0))
        else:
            grid.set_difference(np.ones((120, 160), np.int32), (0, 0))
            run(grid.show_difference(visible=True))
    run(grid.leave())
    assert describe(viewer) == before
    assert calls.ends == 1
    assert not grid.is_active


def test_slide_and_nuclei_of_each_side_share_a_cell(viewer, grid):
    cells = [
        [viewer.layers[i].name for i in indices] for _, indices in viewer.canvas.grid.iter_viewboxes(viewer.layers)
    ]
    assert cells == [["A: slide", "A: a"], ["B: slide", "B: b"]]
    assert all(layer.metadata[MARK] for layer in grid.twins)
    assert grid.twins[1].contour == 1
    assert grid.twins[1].name_overlay.visible
    assert not np.array_equal(grid.twins[1].get_color(7), grid.twins[3].get_color(7))
    assert np.array_equal(grid.twins[1].get_color(7), grid.twins[1].get_color(8))
    np.testing.assert_array_equal(grid.twins[3].scale, (0.5, 0.5))
    assert grid.twins[3].units == viewer.layers["b"].units
    assert viewer.canvas.overlays.scale_bar.gridded


def test_the_difference_has_a_cell_of_its_own_while_it_is_shown(viewer, grid):
    grid.set_difference(np.ones((120, 160), np.int32), (0, 0))
    assert len(grid.twins) == 4
    run(grid.show_difference(visible=True))
    cells = [
        [viewer.layers[i].name for i in indices] for _, indices in viewer.canvas.grid.iter_viewboxes(viewer.layers)
    ]
    assert cells[2] == ["difference: slide", "difference"]
    grid.set_difference(np.full((120, 160), 2, np.int32), (0, 0))
    assert (grid.twins[5].data == 2).all()
    run(grid.show_difference(visible=False))
    assert len(list(viewer.canvas.grid.iter_viewboxes(viewer.layers))) == 2


def test_blinking_shows_one_side_at_a_time_in_one_canvas(viewer, grid):
    (key,) = viewer.keymap
    assert str(key) == BLINK_KEY
    shown = []
    for _ in range(3):
        viewer.keymap[key](viewer)
        assert not viewer.canvas.grid.enabled
        shown.append([layer.name for layer in viewer.layers if layer.visible and layer.opacity > 0])
    assert shown == [["A: slide", "A: a"], ["A: slide", "B: b"], ["A: slide", "A: a"]]
    grid.show_side_by_side()
    assert viewer.canvas.grid.enabled
    assert all(layer.visible and layer.opacity > 0 and layer.name_overlay.visible for layer in grid.twins[1::2])


def test_blinking_draws_no_layer_anew(grid):
    grid.blink()
    drawn = []
    for twin in grid.twins:
        twin.events.set_data.connect(lambda event: drawn.append(event.source.name))
    grid.blink()
    grid.blink()
    assert drawn == []
    grid.twins[1].opacity = 0.4  # of the user
    grid.blink()
    grid.show_side_by_side()
    assert grid.twins[1].opacity == 0.4


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_comparison_is_left_at_any_time_while_its_layers_come(viewer, calls, steps):
    before = describe(viewer)
    grid = make_grid(viewer, calls)
    entering = grid.enter(*(viewer.layers[name] for name in ("slide", "a", "b")), REGION, 1)
    for _ in range(steps):
        next(entering)
    grid.blink()
    grid.go_to(40, 40, (7, 7))
    run(grid.leave())
    run(entering)
    assert describe(viewer) == before
    assert (calls.ends, grid.is_active) == (1, False)


def test_what_is_painted_in_a_twin_is_painted_in_the_layer_of_the_user(viewer, grid, calls):
    grid.twins[3].data_setitem((np.array([100]), np.array([100])), 12)
    assert viewer.layers["b"].data[100, 100] == 12
    assert calls.edits > 0
    before = calls.edits
    grid.twins[3].undo()
    assert calls.edits > before
    assert viewer.layers["b"].data[100, 100] == 0
    before = calls.edits
    grid.twins[3].refresh()
    assert calls.edits == before  # nothing has changed
    viewer.layers["a"].paint((60, 60), 5)
    assert grid.twins[1].data[60, 60] == 5
    assert calls.edits > before


def test_only_the_compared_region_is_shown_and_placed(viewer, calls):
    grid = make_grid(viewer, calls)
    run(grid.enter(*(viewer.layers[name] for name in ("slide", "a", "b")), (100, 110, 110, 140), 1))
    twin = grid.twins[1]
    assert twin.data.shape == (120 - 36, 160 - 46)  # 64 px of context, within the slide
    np.testing.assert_allclose(twin.data_to_world((0, 0)), viewer.layers["a"].data_to_world((36, 46)))
    run(grid.leave())


def test_a_click_in_the_list_centres_the_view_and_selects_the_nucleus(viewer, grid):
    grid.go_to(40, 41, (7, 0))
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (20, 20.5))
    assert grid.twins[1].selected_label == 7
    zoom = viewer.scene.camera.zoom
    grid.show_box((0, 0, 120, 160))
    assert viewer.scene.camera.zoom < zoom
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (29.75, 39.75))


@pytest.mark.parametrize("name", ["B: b", "a", "slide"])
def test_removing_a_layer_of_the_comparison_ends_it(viewer, grid, calls, name):
    viewer.layers.remove(name)
    assert not grid.is_active
    assert calls.ends == 1
    assert not any(layer.metadata.get(MARK) for layer in viewer.layers)
    assert not viewer.canvas.grid.enabled
