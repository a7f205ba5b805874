"""Colours and features of edited nuclei."""

import numpy as np

from napari_pathprune.plugin.layers.annotation.annotation_colours import list_colours, make_colormap, make_features
from napari_pathprune.plugin.layers.annotation.annotation_nuclei import EditedNuclei

NAMES = ("background", "neoplastic", "inflammatory")


def test_selected_nuclei_are_white_and_unknown_labels_have_the_current_type():
    colours = make_colormap(list_colours({3: 1, 4: 2}, [3], 2, NAMES))
    np.testing.assert_allclose(colours.map(3), 1)
    np.testing.assert_array_equal(colours.map(99), colours.map(4))
    assert colours.map(0)[3] == 0
    assert colours.map(4)[3] == 1


def test_features_are_in_pixels_of_the_slide_and_in_microns():
    labels = np.zeros((8, 8), np.int32)
    labels[2:4, 2:6] = 5
    features = make_features(EditedNuclei(labels), {5: 2}, (100, 200, 108, 208), (0.5, 0.25), NAMES)
    assert {name: column.tolist() for name, column in features.items()} == {
        "index": [5],
        "type": ["inflammatory"],
        "area_um2": [1.0],
        "y_px": [102.5],
        "x_px": [203.5],
    }


def test_without_nuclei_the_columns_are_empty():
    features = make_features(EditedNuclei(np.zeros((4, 4), np.int32)), {}, (0, 0, 4, 4), (1.0, 1.0), ())
    assert {len(column) for column in features.values()} == {0}
