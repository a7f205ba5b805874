import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("napari")

from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils._proxies import PublicOnlyProxy

from napari_pathprune.plugin.shelf import shelf as shelf_module
from napari_pathprune.plugin.shelf.preferences import Preferences
from napari_pathprune.plugin.shelf.shelf import ShelfResult, result_metadata, shelf_of

TYPES = ("background", "neoplastic")


@pytest.fixture
def viewer():
    return ViewerModel()


def add_slide_and_nuclei(viewer, **metadata):
    slide = viewer.add_layer(Image(np.zeros((20, 20, 3), np.uint8), rgb=True, name="slide"))
    facts = result_metadata("hovernet-s", "slide", (0, 0, 20, 20), TYPES) | metadata
    return slide, viewer.add_layer(Labels(np.zeros((20, 20), np.int32), name="nuclei", metadata=facts))


def test_a_viewer_has_one_shelf_and_two_viewers_have_two(viewer):
    assert shelf_of(viewer) is shelf_of(viewer)
    assert shelf_of(viewer) is shelf_of(PublicOnlyProxy(viewer))  # what napari passes to a dock
    assert shelf_of(viewer) is not shelf_of(ViewerModel())


def test_a_shelf_does_not_keep_its_viewer_alive():
    viewer = ViewerModel()
    shelf_of(viewer)
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None


def test_the_packaged_models_are_on_the_shelf(viewer):
    assert [model.source for model in shelf_of(viewer).models] == ["hovernet-s-compact", "hovernet-s"]


def test_recent_models_that_exist_are_on_the_shelf(viewer, tmp_path, monkeypatch):
    here, gone = tmp_path / "here.tar", tmp_path / "gone.tar"
    here.touch()
    recent = Preferences(recent_models=(str(gone), str(here)))
    monkeypatch.setattr(shelf_module, "read_preferences", lambda: recent)
    assert [model.name for model in shelf_of(viewer).models[2:]] == ["here.tar"]


def test_a_model_is_added_once_and_has_a_unique_name(viewer, tmp_path):
    shelf, changes = shelf_of(viewer), []
    shelf.models_changed.connect(lambda: changes.append(len(shelf.models)))
    paths = [tmp_path / part for part in ("small.safetensors", "b/small.safetensors", "c/small.safetensors", "a.tar")]
    added = [shelf.add_model(path) for path in (*paths, paths[0])]
    assert added[-1] is added[0]
    assert changes == [3, 4, 5, 6]
    assert [model.name for model in added[:4]] == ["small", "small (b)", "small (c)", "a.tar"]
    assert added[0].source == str(paths[0])
    assert shelf.add_model("hovernet-s").source == "hovernet-s"


def test_names_are_numbered_where_folders_have_the_same_name(viewer, tmp_path):
    shelf = shelf_of(viewer)
    names = [shelf.add_model(tmp_path / part / "x" / "m.safetensors").name for part in "abc"]
    assert names == ["m", "m (x)", "m (2)"]


def test_a_relative_path_is_made_absolute(viewer):
    assert Path(shelf_of(viewer).add_model("other.pth").source).is_absolute()


def test_a_finished_layer_joins_the_shelf_and_leaves_it_with_its_layer(viewer):
    shelf = shelf_of(viewer)
    slide, nuclei = add_slide_and_nuclei(viewer)
    [result] = shelf.results
    assert (result.layer, result.slide, result.region) == (nuclei, slide, (0, 0, 20, 20))
    assert (result.name, result.model, result.type_names) == ("nuclei", "hovernet-s", TYPES)
    viewer.layers.remove(nuclei)
    assert shelf.results == ()


def test_layers_that_were_there_before_the_shelf_are_on_it(viewer):
    add_slide_and_nuclei(viewer)
    assert len(shelf_of(viewer).results) == 1


def test_a_result_leaves_the_shelf_with_its_slide(viewer):
    slide, _ = add_slide_and_nuclei(viewer)
    shelf = shelf_of(viewer)
    viewer.layers.remove(slide)
    assert shelf.results == ()


@pytest.mark.parametrize("facts", [{"is_finished": False}, {"slide": "another"}, {"region": ()}])
def test_other_layers_do_not_join_the_shelf(viewer, facts):
    add_slide_and_nuclei(viewer, **facts)
    assert shelf_of(viewer).results == ()


def test_a_result_of_the_same_layer_replaces_the_older_one(viewer):
    slide, nuclei = add_slide_and_nuclei(viewer)
    shelf, changes = shelf_of(viewer), []
    shelf.results_changed.connect(lambda: changes.append(shelf.results))
    shelf.add_result(ShelfResult("again", "m", PublicOnlyProxy(nuclei), PublicOnlyProxy(slide), (0, 0, 5, 5), ()))
    [result] = shelf.results
    assert result.layer is nuclei
    assert result.slide is slide
    assert (result.name, len(changes)) == ("again", 1)
