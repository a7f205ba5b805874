"""Labels layers as segmentations of their slide."""

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Labels

from napari_pathprune.plugin.layers.segmentation_from_layer import (
    find_slide_layer,
    is_nuclei_layer,
    segmentation_from_layer,
)
from napari_pathprune.plugin.layers.slide_from_layer import copy_placement


@pytest.fixture
def slide(tissue):
    return Image(tissue, rgb=True, name="slide", scale=(0.5, 0.25), translate=(7, 3), rotate=30, units=("um", "um"))


def make_labels(slide, origin=(10, 20), **options):
    data = np.zeros((40, 50), np.int32)
    data[5:15, 5:15], data[20:30, 20:30] = 4, 9
    return Labels(data, name="nuclei", **{**copy_placement(slide, origin), **options})


def test_labels_are_placed_on_the_slide_whatever_its_transform(slide):
    found = segmentation_from_layer(make_labels(slide), slide)
    assert found.origin == (10, 20)
    assert found.region == (10, 20, 50, 70)
    assert found.slide_shape == (120, 160)
    assert found.slide == "slide"
    assert found.mpp == pytest.approx((0.5, 0.25))
    assert found.read((15, 25, 16, 26)) == 4


def test_types_and_region_are_those_of_the_layer(slide):
    features = pd.DataFrame(
        {"index": [9, 4], "type": ["stroma", "tumour"], "probability": [0.5, 0.9], "area_um2": [1, 2]}
    )
    layer = make_labels(slide, features=features)
    layer.metadata.update(type_names=("background", "tumour", "stroma"), region=(12, 20, 40, 70))
    found = segmentation_from_layer(layer, slide)
    assert found.region == (12, 20, 40, 70)
    types, probabilities = found.look_up(np.array([4, 9, 77]))
    assert [found.type_names[kind] for kind in types] == ["tumour", "stroma", "background"]
    assert probabilities.tolist() == [0.9, 0.5, 0.0]


def test_types_without_names_in_the_metadata_are_named_by_the_features(slide):
    layer = make_labels(slide, features=pd.DataFrame({"index": [4, 9], "type": ["b", "a"]}))
    found = segmentation_from_layer(layer, slide)
    assert found.type_names == ("background", "a", "b")
    assert found.types.tolist() == [2, 1]


def test_plain_labels_have_no_types(slide):
    found = segmentation_from_layer(make_labels(slide), slide)
    assert (found.type_names, found.ids) == ((), None)


def test_labels_of_another_resolution_are_refused(slide):
    with pytest.raises(ValueError, match="nuclei does not have the pixels of slide"):
        segmentation_from_layer(make_labels(slide, scale=(1.0, 0.5)), slide)


def test_the_slide_is_that_of_the_metadata(slide, tissue):
    other = Image(tissue, rgb=True, name="other")
    layer = make_labels(slide)
    assert find_slide_layer(layer, [other, slide, layer]) is other
    layer.metadata["slide"] = "slide"
    assert find_slide_layer(layer, [other, slide, layer]) is slide
    assert find_slide_layer(layer, [layer]) is None
    assert is_nuclei_layer(layer)
    assert not is_nuclei_layer(slide)
