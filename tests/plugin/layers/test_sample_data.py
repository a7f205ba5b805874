from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Layer

from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers import sample_data
from napari_pathprune.plugin.layers.sample_data import (
    NUCLEI,
    load_nuclei,
    open_cmu_region,
    open_cmu_region_with_nuclei,
    save_nuclei,
)


def test_the_packaged_slide_opens():
    [(data, attributes, kind)] = open_cmu_region()
    layer = Layer.create(data, attributes, kind)
    assert layer.rgb
    assert layer.data.shape == (2967, 2220, 3)
    np.testing.assert_allclose(layer.scale, 0.499)


@pytest.fixture
def saved(tmp_path):
    labels = np.zeros((40, 50), np.int32)
    labels[5:10, 5:10] = 3
    labels[20:30, 20:25] = 70000
    table = InstanceTable.from_instance_map(labels)
    table = replace(table, type=np.array([2, 1], np.int16), type_probability=np.array([0.5, 0.75], np.float32))
    path = tmp_path / "some.npz"
    save_nuclei(path, labels, table, ("background", "a", "b"))
    return path, labels


def test_saved_nuclei_are_loaded_unchanged(saved):
    path, labels = saved
    again, table, names = load_nuclei(path)
    np.testing.assert_array_equal(again, labels)
    assert again.dtype == np.int32
    assert table.id.tolist() == [3, 70000]
    assert table.type.tolist() == [2, 1]
    assert table.type_probability.tolist() == [0.5, 0.75]
    assert table.area.tolist() == [25, 50]
    assert names == ("background", "a", "b")
    assert [file.name for file in path.parent.iterdir()] == ["some.npz"]


def test_a_missing_file_of_nuclei_is_an_error(monkeypatch):
    monkeypatch.setattr(sample_data, "NUCLEI", "nowhere.npz")
    with pytest.raises(ValueError, match=r"nowhere\.npz is missing; open the sample slide"):
        open_cmu_region_with_nuclei()


@pytest.mark.skipif(
    not packaged_file(NUCLEI).exists(), reason="the packaged nuclei are made when the models are trained"
)
def test_the_packaged_nuclei_are_aligned_with_the_slide():
    slide, nuclei = (Layer.create(*layer) for layer in open_cmu_region_with_nuclei())
    assert nuclei.data.shape == slide.data.shape[:2]
    np.testing.assert_allclose(nuclei.scale, slide.scale)
    assert nuclei.units == slide.units
    inside = np.asarray(slide.data)[nuclei.data > 0].mean()
    assert inside < np.asarray(slide.data)[nuclei.data == 0].mean() - 40  # nuclei are dark
    assert len(nuclei.features) > 500
    assert set(nuclei.features["index"]) == set(np.unique(nuclei.data)) - {0}
