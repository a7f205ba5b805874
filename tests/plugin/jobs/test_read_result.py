"""Result folders as data of a layer."""

import json

import numpy as np
import pytest

from napari_pathprune.instances.export import write_parquet
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.jobs.read_result import read_result


def test_a_folder_is_read_with_labels_and_features(tmp_path, two_discs):
    with LabelsWriter(tmp_path / "labels.ome.zarr", two_discs.shape, (0.25, 0.25)) as writer:
        writer.paint((0, 0, *two_discs.shape), two_discs)
    table = InstanceTable.from_instance_map(two_discs)
    write_parquet(table, tmp_path / "instances.parquet", (0.25, 0.25), ("background", "tumour"))
    run = {"slide": "s.svs", "model": "tiny", "region_yxyx_px": [0, 0, 64, 80], "shape_px": [64, 80]}
    (tmp_path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    (read,) = read_result(tmp_path)
    np.testing.assert_array_equal(np.asarray(read.data), two_discs)
    assert [number for number in read.attributes["features"]["index"] if number > 0] == [3, 7]
    assert read.line.endswith("2 nuclei")


def test_a_file_is_refused(tmp_path, two_discs):
    np.save(tmp_path / "labels.npy", two_discs)
    with pytest.raises(ValueError, match="expected a result folder"):
        next(read_result(tmp_path / "labels.npy"))
