import numpy as np

from napari_pathprune.instances.palette import type_colours
from napari_pathprune.plugin.layers.colormap import nuclei_colormap

NAMES = ("background", "neoplastic", "inflammatory", "connective")


def test_nuclei_are_coloured_by_type_and_the_rest_is_clear():
    colormap = nuclei_colormap(np.array([3, 7, 9, 11]), np.array([1, 2, 0, 99]), NAMES)
    untyped, red, green, _ = type_colours(NAMES)
    for label, colour in ((3, red), (7, green), (9, untyped), (11, untyped)):
        np.testing.assert_allclose(colormap.map(label), (*np.divide(colour, 255), 1.0), atol=1e-6)
    for label in (0, 4):
        assert colormap.map(label)[3] == 0


def test_an_untyped_model_has_one_colour():
    colormap = nuclei_colormap(np.array([1]), np.array([0]), ())
    np.testing.assert_allclose(colormap.map(1), (*np.divide(type_colours(())[0], 255), 1.0), atol=1e-6)
