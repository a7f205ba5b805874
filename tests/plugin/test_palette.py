import numpy as np

from napari_pathprune.plugin.palette import UNTYPED, nuclei_colormap, type_colours

NAMES = ("background", "neoplastic", "inflammatory", "connective")


def test_the_usual_types_have_their_colours_whatever_their_order():
    red, green, blue = type_colours(NAMES)[1:]
    assert red[0] > max(red[1:]) + 0.5
    assert green[1] > max(green[0], green[2]) + 0.5
    assert blue[2] > max(blue[:2]) + 0.5
    assert type_colours(("none", "Connective tissue", "Neoplastic"))[1:] == (blue, red)


def test_unknown_types_get_colours_of_their_own():
    colours = type_colours(["background", *(f"kind {i}" for i in range(5))])
    assert len(set(colours)) == 6
    assert len(type_colours(["background", *"abcdefghijklmnop"])) == 17


def test_nuclei_are_coloured_by_type_and_the_rest_is_clear():
    colormap = nuclei_colormap(np.array([3, 7, 9, 11]), np.array([1, 2, 0, 99]), NAMES)
    colours = type_colours(NAMES)
    for label, colour in ((3, colours[1]), (7, colours[2]), (9, UNTYPED), (11, UNTYPED)):
        np.testing.assert_allclose(colormap.map(label), (*colour, 1.0), atol=1e-6)
    for label in (0, 4):
        assert colormap.map(label)[3] == 0


def test_an_untyped_model_has_one_colour():
    colormap = nuclei_colormap(np.array([1]), np.array([0]), ())
    np.testing.assert_allclose(colormap.map(1), (*UNTYPED, 1.0), atol=1e-6)
