import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_pathprune.plugin.shelf.preferences import Preferences
from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.plugin.widgets.choosers import LayerChooser, ModelChooser

pytestmark = pytest.mark.gui


@pytest.fixture
def layers():
    return ViewerModel().layers


@pytest.fixture
def chooser(layers, qtbot):
    widget = LayerChooser(layers, lambda layer: isinstance(layer, Image), "no image")
    qtbot.addWidget(widget)
    return widget


def shown(chooser):
    return [chooser.itemText(i) for i in range(chooser.count())]


def image(name):
    return Image(np.zeros((4, 4)), name=name)


def test_without_layers_the_placeholder_is_shown(chooser):
    assert shown(chooser) == ["no image"]
    assert chooser.layer is None
    assert not chooser.isEnabled()


def test_a_long_name_is_shortened_in_the_middle(chooser, layers):
    name = "CMU-1-Small-Region, 900,700 500x500: hovernet-s-compact"
    layers.append(image(name))
    chooser.resize(200, chooser.sizeHint().height())
    assert chooser.shown_text.startswith("CMU-1")
    assert chooser.shown_text.endswith("compact")
    assert chooser.fontMetrics().horizontalAdvance(chooser.shown_text) < 200
    assert chooser.currentText() == name
    chooser.resize(900, chooser.sizeHint().height())
    assert chooser.shown_text == name


def test_the_chooser_follows_the_layer_list_and_keeps_its_choice(chooser, layers):
    first, second = image("first"), image("second")
    layers.append(first)
    layers.append(second)
    chooser.choose(second)
    layers.insert(0, image("third"))
    assert chooser.layer is second
    second.name = "renamed"
    assert shown(chooser) == ["third", "first", "renamed"]
    layers.remove(second)
    assert chooser.layer.name == "third"
    layers.clear()
    assert chooser.layer is None


def test_each_change_is_signalled_once(chooser, layers):
    changes = []
    chooser.chosen.connect(lambda: changes.append(chooser.layer))
    layer = image("first")
    layers.append(layer)
    assert changes == [layer]


def test_a_disconnected_chooser_does_not_change(chooser, layers):
    chooser.disconnect_viewer()
    layers.append(image("late"))
    assert shown(chooser) == ["no image"]


@pytest.fixture
def models(qtbot, monkeypatch, tmp_path):
    from napari_pathprune.plugin.shelf import shelf

    monkeypatch.setattr(shelf, "packaged_models", lambda: {name: tmp_path / f"{name}.safetensors" for name in "ab"})
    widget = ModelChooser(shelf.Shelf(ViewerModel()))
    qtbot.addWidget(widget)
    return widget


def test_packaged_models_are_listed_by_name(models):
    assert shown(models) == ["a", "b", "Open file..."]
    assert models.model == "a"


def test_a_model_file_is_added_once(models, tmp_path, monkeypatch):
    from qtpy.QtWidgets import QFileDialog

    path = str(tmp_path / "mine.tar")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    for _ in range(2):
        models.setCurrentIndex(models.count() - 1)
        models.activated.emit(models.count() - 1)
    assert shown(models) == ["a", "b", "mine.tar", "Open file..."]
    assert models.model == path


def test_a_cancelled_file_dialog_keeps_the_choice(models, monkeypatch):
    from qtpy.QtWidgets import QFileDialog

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    models.setCurrentIndex(1)
    models.activated.emit(1)
    models.setCurrentIndex(2)
    models.activated.emit(2)
    assert models.model == "b"


def test_without_packaged_models_none_is_chosen(qtbot, monkeypatch):
    from napari_pathprune.plugin.shelf import shelf

    monkeypatch.setattr(shelf, "packaged_models", dict)
    widget = ModelChooser(shelf.Shelf(ViewerModel()))
    qtbot.addWidget(widget)
    assert widget.model is None


def test_choosers_of_one_viewer_offer_each_other_s_files(qtbot, tmp_path):
    shelf = shelf_of(ViewerModel())
    first, second = ModelChooser(shelf), ModelChooser(shelf)
    qtbot.addWidget(first)
    qtbot.addWidget(second)
    second.choose("hovernet-s")
    first.add_file(tmp_path / "mine.safetensors")
    assert "mine" in shown(second)
    assert second.model == "hovernet-s"
    second.disconnect_viewer()
    first.add_file(tmp_path / "late.safetensors")
    assert "late" not in shown(second)


def test_only_a_model_of_the_shelf_can_be_chosen(models):
    with pytest.raises(ValueError, match="not on the shelf"):
        models.choose("c")


def test_the_default_model_of_the_preferences_is_chosen(qtbot, tmp_path, monkeypatch):
    from napari_pathprune.plugin.widgets import choosers

    path = tmp_path / "mine.safetensors"
    path.touch()
    for default, chosen in (("hovernet-s", "hovernet-s"), (str(path), str(path)), ("gone", "hovernet-s-compact")):
        monkeypatch.setattr(choosers, "read_preferences", lambda default=default: Preferences(default_model=default))
        widget = ModelChooser(shelf_of(ViewerModel()))
        qtbot.addWidget(widget)
        assert widget.model == chosen


def test_a_file_that_is_opened_is_remembered(models, monkeypatch, tmp_path):
    from napari_pathprune.plugin.widgets import choosers

    remembered = []
    monkeypatch.setattr(choosers, "remember_model", remembered.append)
    models.add_file(tmp_path / "mine.tar")
    assert remembered == [str(tmp_path / "mine.tar")]
