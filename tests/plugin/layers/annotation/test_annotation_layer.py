"""Annotation layers lie on their place, and start from any result."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.plugin.layers.annotation.annotation_layer import (
    add_annotation,
    check_editable,
    crop_result,
    read_types,
)
from napari_pathprune.plugin.shelf.shelf import ShelfResult, shelf_of

NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(
        np.zeros((120, 160, 3), np.uint8), name="slide", scale=(0.5, 0.5), translate=(7, 3), units=("um", "um")
    )
    return viewer


@pytest.fixture(params=[False, True], ids=["one scale", "multiscale"])
def result(viewer, request):
    labels = np.zeros((100, 100), np.int32)
    labels[10:20, 10:20], labels[50:60, 50:60], labels[90:, 90:] = 4, 5, 6
    layer = viewer.add_labels([labels, labels[::2, ::2]] if request.param else labels, multiscale=request.param)
    layer.features = {"index": [4, 5, 6], "type": ["inflammatory", "neoplastic", "no type"]}
    return ShelfResult("r", "m", layer, viewer.layers["slide"], (20, 30, 120, 130), NAMES)


def test_a_result_is_cropped_to_a_region(result):
    labels, types = crop_result(result, (25, 30, 80, 90))
    assert labels.shape == (55, 60)
    np.testing.assert_array_equal(labels[5:15, 10:20], 4)
    assert types == {4: 2, 5: 1}
    assert (labels > 0).sum() == 200


def test_a_region_may_reach_beyond_the_result(result):
    labels, types = crop_result(result, (100, 110, 120, 160))
    assert types == {6: 0}
    assert (labels == 6).sum() == 100
    with pytest.raises(ValueError, match="no nuclei in this region"):
        crop_result(result, (0, 0, 20, 30))


def test_the_layer_is_a_copy_on_its_place_and_joins_the_shelf(viewer):
    shelf = shelf_of(viewer)
    labels = np.zeros((20, 30), np.int32)
    labels[3:9, 3:9] = 2
    annotation = add_annotation(viewer, viewer.layers["slide"], (10, 20, 30, 50), labels, {2: 1}, NAMES, (0.5, 0.5))
    layer = annotation.layer
    np.testing.assert_allclose(layer.data_to_world((0, 0)), viewer.layers["slide"].data_to_world((10, 20)))
    assert layer.units == viewer.layers["slide"].units
    assert viewer.layers.selection.active is layer
    annotation.select([2])
    annotation.delete()
    assert labels.any()
    [result] = shelf.results
    assert (result.layer, result.model, result.region) == (layer, "", (10, 20, 30, 50))


def test_a_layer_without_features_has_no_types(viewer):
    assert read_types(viewer.add_labels(np.eye(4, dtype=int)), NAMES) == {}


def test_a_large_region_is_refused():
    check_editable((0, 0, 4096, 4096))
    with pytest.raises(ValueError, match="at most 4,096 x 4,096; zoom in"):
        check_editable((0, 0, 4096, 4097))
