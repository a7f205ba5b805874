"""Names and colours of types."""

from napari_pathprune.instances.palette import names_by_number, type_colours

NAMES = ("background", "neoplastic", "inflammatory", "connective")


def test_common_types_have_customary_colours_in_any_order():
    red, green, blue = type_colours(NAMES)[1:]
    assert red[0] > max(red[1:]) + 127
    assert green[1] > max(green[0], green[2]) + 127
    assert blue[2] > max(blue[:2]) + 127
    assert type_colours(("none", "Connective tissue", "Neoplastic"))[1:] == (blue, red)


def test_other_types_have_different_colours():
    colours = type_colours(["background", *(f"kind {i}" for i in range(5))])
    assert len(set(colours)) == 6
    assert len(type_colours(["background", *"abcdefghijklmnop"])) == 17


def test_every_type_has_a_name_and_a_colour():
    for names in (NAMES, ("background",), ()):
        assert len(names_by_number(names)) == len(type_colours(names))
    assert names_by_number(NAMES) == ("no type", *NAMES[1:])
    assert names_by_number(("background",)) == names_by_number(()) == ("nucleus",)
