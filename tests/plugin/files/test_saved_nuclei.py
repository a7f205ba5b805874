"""What of a layer is saved."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_pathprune.plugin.files.saved_nuclei import collect_nuclei
from napari_pathprune.plugin.shelf.shelf import result_metadata

NAMES = ("background", "neoplastic", "inflammatory")


def make_layer(two_discs, **metadata):
    layer = Labels(two_discs, scale=(0.5, 0.25), units=("um", "um"), metadata=metadata)
    layer.features = {"index": [3, 7], "type": ["inflammatory", "no type"], "probability": [0.75, 0.0]}
    return layer.as_layer_data_tuple()[:2]


def test_nuclei_of_a_result_are_saved_in_pixels_of_the_slide(two_discs):
    region = (100, 200, 164, 280)
    nuclei = collect_nuclei(*make_layer(two_discs, **result_metadata("m", "slide", region, NAMES)))
    assert (nuclei.box, nuclei.region, nuclei.model, nuclei.slide) == (region, region, "m", "slide")
    assert nuclei.table.y.tolist() == pytest.approx([120, 140])
    assert nuclei.table.type.tolist() == [2, 0]
    assert nuclei.table.type_probability.tolist() == [0.75, 0.0]
    assert nuclei.mpp == (0.5, 0.25)


def test_labels_of_the_whole_slide_keep_the_region(two_discs):
    nuclei = collect_nuclei(*make_layer(two_discs, **result_metadata("m", "slide", (5, 5, 60, 70), NAMES)))
    assert (nuclei.box, nuclei.region, nuclei.slide_shape) == ((0, 0, 64, 80), (5, 5, 60, 70), (64, 80))


def test_any_labels_layer_is_saved(two_discs):
    nuclei = collect_nuclei(*Labels(two_discs).as_layer_data_tuple()[:2])
    assert (nuclei.mpp, nuclei.type_names, len(nuclei.table)) == (None, (), 2)
    named = collect_nuclei(*make_layer(two_discs))
    assert named.type_names == ("background", "inflammatory", "no type")


def test_what_is_no_slide_is_refused():
    with pytest.raises(ValueError, match="of 3 dimensions"):
        collect_nuclei(np.zeros((2, 3, 4), int), {})
