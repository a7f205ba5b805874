import pytest

from napari_pathprune.plugin.widgets.model.model_types import ModelTypes

pytestmark = pytest.mark.gui
NAMES = ("background", "type 1", "type 2")


@pytest.fixture
def types(qtbot):
    widget = ModelTypes()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def colour(types, row):
    return types._swatches[row].pixmap().toImage().pixelColor(0, 0).getRgb()[:3]


def test_names_and_colours_are_those_of_layers(types):
    types.show_types(("background", "neoplastic", "inflammatory"))
    assert [field.text() for field in types.fields] == ["neoplastic", "inflammatory"]
    assert colour(types, 0) == pytest.approx((237, 28, 36), abs=8)  # a screen may have 16 bits a pixel
    assert colour(types, 1) == pytest.approx((33, 217, 51), abs=8)
    assert not types.untyped.isVisible()


def test_an_edited_name_changes_its_colour_and_can_be_saved(types, qtbot):
    types.show_types(NAMES)
    assert not types.save.isVisible()
    types.fields[0].setText(" neoplastic ")
    assert colour(types, 0) == pytest.approx((237, 28, 36), abs=8)
    with qtbot.waitSignal(types.save_asked) as signal:
        types.save.click()
    assert signal.args == [("background", "neoplastic", "type 2")]
    types.fields[0].setText("type 1")
    assert not types.save.isVisible()


def test_a_model_without_types_says_so(types):
    types.show_types(NAMES)
    types.show_types(())
    assert types.fields == []
    assert types.names == ()
    assert types.untyped.isVisible()
    assert not types.save.isVisible()
