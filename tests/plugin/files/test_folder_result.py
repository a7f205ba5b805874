"""Result folders as the data and attributes of a layer."""

import json

import numpy as np
import pytest

from napari_pathprune.instances.export import write_parquet
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.files.folder_result import read_folder_result


@pytest.fixture
def folder(tmp_path, two_discs):
    with LabelsWriter(tmp_path / "labels.ome.zarr", two_discs.shape, (0.25, 0.25)) as writer:
        writer.paint((0, 0, *two_discs.shape), two_discs)
    table = InstanceTable.from_instance_map(two_discs)
    write_parquet(table, tmp_path / "instances.parquet", (0.25, 0.25), ("background", "tumour"))
    run = {"slide": "s.svs", "model": "tiny", "region_yxyx_px": [0, 0, 64, 80], "shape_px": [64, 80]}
    (tmp_path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return tmp_path


def test_labels_features_and_model_are_read(folder, two_discs):
    read = read_folder_result(folder)
    np.testing.assert_array_equal(read.data, two_discs)
    assert [number for number in read.attributes["features"]["index"] if number > 0] == [3, 7]
    assert (read.segmentation.model, read.segmentation.mpp) == ("tiny", (0.25, 0.25))


def test_editing_a_small_result_leaves_its_files_alone(folder, two_discs):
    read_folder_result(folder).data[:] = 9
    np.testing.assert_array_equal(read_folder_result(folder).data, two_discs)


def test_what_is_no_finished_result_is_refused(folder):
    with pytest.raises(ValueError, match="expected a result folder"):
        read_folder_result(folder / "run.json")
    (folder / "instances.parquet").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="is damaged"):
        read_folder_result(folder)
    (folder / "instances.parquet").unlink()
    with pytest.raises(ValueError, match=r"has no instances\.parquet"):
        read_folder_result(folder)
