"""Nuclei are saved by napari itself, and come back as they were."""

import csv
import json

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pathprune.instances.outlines.read_outlines import read_outlines
from napari_pathprune.plugin.files.nuclei_reader import get_nuclei_reader
from napari_pathprune.plugin.files.nuclei_writers import save_result_folder
from napari_pathprune.plugin.shelf.shelf import result_metadata
from napari_pathprune.workflows.compare.read_segmentation import read_segmentation

pytestmark = pytest.mark.usefixtures("plugin")
NAMES = ("background", "neoplastic", "inflammatory")
REGION = (100, 200, 164, 280)


@pytest.fixture(params=[False, True], ids=["one scale", "multiscale"])
def layer(two_discs, request):
    data = [two_discs, two_discs[::2, ::2]] if request.param else two_discs
    place = {"scale": (0.5, 0.5), "translate": (50, 100), "units": ("um", "um")}
    metadata = {**result_metadata("m", "slide", REGION, NAMES), "mpp": (0.5, 0.5)}
    layer = ViewerModel().add_labels(data, multiscale=request.param, metadata=metadata, **place)
    layer.features = {"index": [3, 7], "type": ["neoplastic", "inflammatory"], "probability": [0.5, 1.0]}
    return layer


def open_again(path):
    [(data, attributes, kind)] = get_nuclei_reader(str(path))(str(path))
    assert kind == "labels"
    return ViewerModel().add_labels(data, **attributes)


def test_a_result_folder_comes_back_as_it_was(layer, two_discs, tmp_path):
    [path] = layer.save(str(tmp_path / "a.pathprune"), plugin="napari-pathprune")
    found = read_segmentation(tmp_path / "a.pathprune")
    np.testing.assert_array_equal(found.read(REGION), two_discs)
    assert (found.region, found.type_names, found.mpp, found.slide) == (REGION, NAMES, (0.5, 0.5), "slide")
    again = open_again(path)
    assert list(again.features["type"][again.features["index"] > 0]) == ["neoplastic", "inflammatory"]
    np.testing.assert_allclose(again.colormap.map(3)[:3], np.divide((237, 28, 36), 255), atol=1e-6)
    assert again.metadata["region"] == REGION
    np.testing.assert_allclose(again.scale, (0.5, 0.5))
    finest = again.data[0] if again.multiscale else again.data
    np.testing.assert_array_equal(np.asarray(finest)[100:164, 200:280], two_discs)


@pytest.mark.parametrize("name", ["a.geojson", "a.geojson.gz", "a.xml"])
def test_outlines_are_saved_for_qupath_and_imagescope(layer, two_discs, tmp_path, name):
    layer.save(str(tmp_path / name), plugin="napari-pathprune")
    assert read_outlines(tmp_path / name).type_names == ("background", "neoplastic", "inflammatory")
    again = open_again(tmp_path / name)
    y0, x0, *_ = again.metadata["region"]
    whole = np.zeros((200, 300), int)
    whole[y0 : y0 + again.data.shape[0], x0 : x0 + again.data.shape[1]] = again.data
    np.testing.assert_array_equal(whole[100:164, 200:280] > 0, two_discs > 0)


def test_labels_are_saved_with_types_and_pixel_size(layer, two_discs, tmp_path):
    layer.save(str(tmp_path / "a.ome.zarr"), plugin="napari-pathprune")
    again = open_again(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(again.data[100:164, 200:280], two_discs)
    np.testing.assert_allclose(again.scale, (0.5, 0.5))
    assert list(again.features["type"][again.features["index"] > 0]) == ["neoplastic", "inflammatory"]


def test_a_table_has_positions_types_and_colours(layer, tmp_path):
    layer.save(str(tmp_path / "a.csv"), plugin="napari-pathprune")
    with (tmp_path / "a.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["id"], first["y"], first["x"], first["y_um"]) == ("3", "120.0", "222.0", "60.25")
    assert (first["type_name"], first["colour"], first["type_probability"]) == ("neoplastic", "#ed1c24", "0.5")
    assert second["type"] == "2"


def test_a_folder_of_something_else_is_not_touched(layer, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="not a result folder"):
        save_result_folder(str(tmp_path), *layer.as_layer_data_tuple()[:2])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_record_counts_the_types(layer, tmp_path):
    save_result_folder(str(tmp_path / "r"), *layer.as_layer_data_tuple()[:2])
    run = json.loads((tmp_path / "r" / "run.json").read_text())
    assert run["nuclei_by_type"] == {"no type": 0, "neoplastic": 1, "inflammatory": 1}
    assert run["shape_px"] == [164, 280]
