"""Segmentations from result folders and label images."""

import json

import numpy as np
import pytest
import tifffile

from napari_pathprune.instances.export import write_parquet
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.workflows.compare.read_segmentation import read_segmentation


@pytest.fixture
def folder(tmp_path, two_discs):
    """A result folder of two discs."""
    table = InstanceTable.from_instance_map(two_discs)
    with LabelsWriter(tmp_path / "labels.ome.zarr", two_discs.shape, (0.25, 0.25)) as writer:
        writer.paint((0, 0, *two_discs.shape), two_discs)
    write_parquet(table, tmp_path / "instances.parquet", (0.25, 0.25), ("background", "tumour"))
    run = {"slide": "s.svs", "model": "tiny", "region_yxyx_px": [0, 0, 64, 80], "shape_px": [64, 80]}
    (tmp_path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return tmp_path


def test_a_result_folder_is_read(folder, two_discs):
    found = read_segmentation(folder)
    assert (found.name, found.slide, found.mpp, found.region) == ("tiny", "s.svs", (0.25, 0.25), (0, 0, 64, 80))
    assert found.type_names == ("background", "tumour")
    assert found.ids.tolist() == [3, 7]
    np.testing.assert_array_equal(found.read((0, 0, 64, 80)), two_discs)
    assert found.boxes.tolist() == [[11, 13, 30, 32], [28, 43, 53, 68]]


def test_an_unfinished_folder_is_refused(folder):
    (folder / "run.json").unlink()
    with pytest.raises(ValueError, match=r"has no run.json; expected a finished result"):
        read_segmentation(folder)


def test_a_damaged_record_is_refused(folder):
    (folder / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"run.json is damaged"):
        read_segmentation(folder)


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_a_label_image_is_read(tmp_path, two_discs, suffix):
    path = tmp_path / f"truth{suffix}"
    np.save(path, two_discs) if suffix == ".npy" else tifffile.imwrite(path, two_discs)
    found = read_segmentation(path)
    assert (found.name, found.region, found.slide_shape, found.type_names) == ("truth", (0, 0, 64, 80), (64, 80), ())
    np.testing.assert_array_equal(found.read((0, 0, 64, 80)), two_discs)


def test_a_colour_image_and_other_files_are_refused(tmp_path):
    np.save(tmp_path / "colour.npy", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match=r"expected \(H, W\) integers"):
        read_segmentation(tmp_path / "colour.npy")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match=r"expected a result folder"):
        read_segmentation(tmp_path / "notes.txt")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_segmentation(tmp_path / "missing")
