"""Results come back on their slide, and other files are left to other readers."""

import json

import numpy as np
import pytest
import tifffile
from napari.layers import Labels

from napari_pathprune.plugin.files import nuclei_reader
from napari_pathprune.plugin.files.nuclei_reader import get_nuclei_reader, read_nuclei
from napari_pathprune.plugin.files.nuclei_writers import save_result_folder
from napari_pathprune.plugin.shelf.shelf import result_metadata, shelf_of


@pytest.fixture
def slide_file(tmp_path):
    path = tmp_path / "slide.tif"
    resolution = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, np.full((128, 160, 3), 200, np.uint8), tile=(64, 64), photometric="rgb", **resolution)
    return path


@pytest.fixture
def result(two_discs, tmp_path, slide_file):
    """A result folder of a region of the slide."""
    names = ("background", "neoplastic")
    metadata = {**result_metadata("m", "slide", (10, 20, 74, 100), names), "mpp": (0.5, 0.5)}
    layer = Labels(two_discs, metadata=metadata, features={"index": [3, 7], "type": ["neoplastic"] * 2})
    save_result_folder(str(tmp_path / "result"), *layer.as_layer_data_tuple()[:2])
    record = tmp_path / "result" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "slide_path": str(slide_file)}))
    return tmp_path / "result"


@pytest.fixture
def viewer(monkeypatch):
    from napari.components import ViewerModel

    viewer = ViewerModel()
    monkeypatch.setattr(nuclei_reader.napari, "current_viewer", lambda: viewer)
    return viewer


def add(viewer, layers):
    for data, attributes, kind in layers:
        getattr(viewer, f"add_{kind}")(data, **attributes)


@pytest.mark.parametrize("name", ["", "labels.ome.zarr", "instances.parquet", "nuclei.geojson"])
def test_any_part_of_a_result_folder_opens_it_with_its_slide(result, viewer, name):
    path = str(result / name)
    assert get_nuclei_reader(path) is read_nuclei
    add(viewer, read_nuclei(path))
    assert [layer.name for layer in viewer.layers] == ["slide", "nuclei (m)"]
    assert list(viewer.layers[1].features["type"]) == ["neoplastic"] * 2
    [on_shelf] = shelf_of(viewer).results
    assert on_shelf.region == (10, 20, 74, 100)


def test_nuclei_lie_on_the_open_slide_wherever_it_is(result, viewer):
    slide = viewer.add_image(
        np.zeros((128, 160, 3), np.uint8), name="slide", scale=(2, 2), rotate=30, translate=(7, 9), units=("um", "um")
    )
    add(viewer, read_nuclei(str(result)))
    assert len(viewer.layers) == 2
    for point in ((0, 0), (40, 70)):
        np.testing.assert_allclose(viewer.layers[1].data_to_world(point), slide.data_to_world(point))


def test_outlines_alone_lie_on_the_only_slide(result, viewer, tmp_path):
    alone = tmp_path / "alone.geojson"
    alone.write_bytes((result / "nuclei.geojson").read_bytes())
    slide = viewer.add_image(np.zeros((128, 160, 3), np.uint8), name="s", scale=(0.5, 0.5), units=("um", "um"))
    add(viewer, read_nuclei(str(alone)))
    y0, x0, *_ = viewer.layers[1].metadata["region"]
    np.testing.assert_allclose(viewer.layers[1].data_to_world((0, 0)), slide.data_to_world((y0, x0)))
    assert viewer.layers[1].features["area_um2"].tolist() == pytest.approx([63.25, 110.25], rel=0.1)


def test_a_table_alone_is_painted(result, tmp_path):
    alone = tmp_path / "alone.parquet"
    alone.write_bytes((result / "instances.parquet").read_bytes())
    [(data, attributes, _)] = read_nuclei(str(alone))
    assert sorted(np.unique(data)) == [0, 3, 7]
    np.testing.assert_allclose(attributes["scale"], (0.5, 0.5))


def test_other_files_and_folders_are_declined(tmp_path, slide_file):
    (tmp_path / "images.zarr").mkdir()
    assert get_nuclei_reader(str(tmp_path)) is None
    assert get_nuclei_reader(str(tmp_path / "images.zarr")) is None
    assert get_nuclei_reader(str(slide_file)) is None
    assert get_nuclei_reader(["a.geojson", "b.geojson"]) is None


def test_a_damaged_result_is_named(result):
    (result / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="is damaged"):
        read_nuclei(str(result))
