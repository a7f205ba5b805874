import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.region_kind import Region, RegionKind, find_region, find_viewport
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement


@pytest.fixture
def viewer():
    """A canvas of 200 x 100 px that shows a slide of 1000 x 800 px at one screen pixel per slide pixel."""
    model = ViewerModel()
    model.canvas.size = (100, 200)
    model.add_image(np.zeros((800, 1000, 3), np.uint8), rgb=True, scale=(0.5, 0.5), units=("um", "um"), name="slide")
    model.scene.camera.zoom = 2.0
    model.scene.camera.center = (0.0, *model.layers[0].data_to_world((299.5, 499.5)))
    return model


@pytest.fixture
def slide(viewer):
    return viewer.layers["slide"]


def add_shapes(viewer, slide, data, kind="rectangle"):
    return viewer.add_shapes(data, shape_type=kind, **copy_placement(slide))


def test_the_viewport_is_what_the_canvas_shows(viewer, slide):
    assert find_viewport(viewer, slide) == (250, 400, 350, 600)


def test_the_viewport_shrinks_with_the_zoom_and_is_clipped_to_the_slide(viewer, slide):
    viewer.scene.camera.zoom = 4.0
    assert find_viewport(viewer, slide) == (275, 450, 325, 550)
    viewer.scene.camera.zoom = 0.01
    assert find_viewport(viewer, slide) == (0, 0, 800, 1000)


def test_the_viewport_is_one_cell_of_the_grid(viewer, slide):
    viewer.add_image(np.zeros((800, 1000, 3), np.uint8), rgb=True, **copy_placement(slide))
    viewer.canvas.grid.enabled = True
    height, width = viewer.canvas.viewbox_size(viewer.layers)
    y0, x0, y1, x1 = find_viewport(viewer, slide)
    assert (y1 - y0, x1 - x0) == pytest.approx((height, width), abs=2)
    assert width < 200


def test_the_viewport_of_a_rotated_slide(viewer, slide):
    slide.rotate = 90
    viewer.scene.camera.center = (0.0, *slide.data_to_world((299.5, 499.5)))
    assert find_viewport(viewer, slide) == (200, 450, 400, 550)


def test_the_viewport_with_swapped_axes(viewer, slide):
    viewer.dims.order = (1, 0)
    viewer.scene.camera.zoom = 2.0
    viewer.scene.camera.center = (0.0, *slide.data_to_world((299.5, 499.5))[::-1])
    assert find_viewport(viewer, slide) == (200, 450, 400, 550)


def test_the_viewport_in_a_viewer_with_more_axes(viewer, slide):
    center = viewer.scene.camera.center
    viewer.add_image(np.zeros((5, 8, 8), np.uint8), units=("pixel", "um", "um"))
    viewer.scene.camera.zoom, viewer.scene.camera.center = 2.0, center
    assert find_viewport(viewer, slide) == (250, 400, 350, 600)


def test_the_whole_slide(viewer, slide):
    assert find_region(RegionKind.SLIDE, viewer, slide) == Region((0, 0, 800, 1000))


def test_a_three_dimensional_view_is_rejected(viewer, slide):
    viewer.dims.ndisplay = 3
    with pytest.raises(ValueError, match="switch it to 2D"):
        find_region(RegionKind.VIEWPORT, viewer, slide)


def test_a_view_beside_the_slide_is_rejected(viewer, slide):
    viewer.scene.camera.center = (0.0, -5000.0, 0.0)
    with pytest.raises(ValueError, match="out of view"):
        find_region(RegionKind.VIEWPORT, viewer, slide)


def test_a_drawn_rectangle_is_used_exactly(viewer, slide):
    shapes = add_shapes(viewer, slide, [[[99.5, 199.5], [299.5, 599.5]]])
    assert find_region(RegionKind.DRAWN, viewer, slide, shapes) == Region((100, 200, 300, 600))


def test_a_polygon_is_replaced_by_its_bounding_box_with_a_note(viewer, slide):
    shapes = add_shapes(viewer, slide, [[[100, 200], [300, 250], [150, 400]]], "polygon")
    region = find_region(RegionKind.DRAWN, viewer, slide, shapes)
    assert region == Region((100, 200, 301, 401), "the bounding box of the last shape")
    assert region.shape == (201, 201)


def test_a_tilted_rectangle_is_replaced_by_its_bounding_box(viewer, slide):
    shapes = add_shapes(viewer, slide, [[[100, 200], [200, 300], [100, 400], [0, 300]]])
    assert "bounding box" in find_region(RegionKind.DRAWN, viewer, slide, shapes).note


def test_selected_shapes_take_precedence_over_the_last_one(viewer, slide):
    boxes = [[[0, 0], [9, 9]], [[20, 20], [29, 29]], [[50, 50], [59, 59]]]
    shapes = add_shapes(viewer, slide, boxes)
    assert find_region(RegionKind.DRAWN, viewer, slide, shapes).box == (50, 50, 60, 60)
    shapes.selected_data = {1}
    assert find_region(RegionKind.DRAWN, viewer, slide, shapes).box == (20, 20, 30, 30)
    shapes.selected_data = {0, 1}
    region = find_region(RegionKind.DRAWN, viewer, slide, shapes)
    assert region == Region((0, 0, 30, 30), "the bounding box of the selected shapes")


def test_an_empty_layer_and_a_shape_outside_the_slide_have_messages_of_their_own(viewer, slide):
    with pytest.raises(ValueError, match="nothing is drawn"):
        find_region(RegionKind.DRAWN, viewer, slide, None)
    empty = viewer.add_shapes(ndim=2)
    with pytest.raises(ValueError, match="nothing is drawn"):
        find_region(RegionKind.DRAWN, viewer, slide, empty)
    with pytest.raises(ValueError, match="outside the slide"):
        find_region(RegionKind.DRAWN, viewer, slide, add_shapes(viewer, slide, [[[-99, -99], [-9, -9]]]))
