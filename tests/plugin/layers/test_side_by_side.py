"""Two results for one region side by side: placement, appearance and links."""

import json

import numpy as np
import pytest
import tifffile

from napari_pathprune.instances.export import write_parquet
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.plugin.layers.side_by_side import SIDES, add_side_by_side
from napari_pathprune.workflows.segment.result_files import LABELS, RUN, TABLE

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
NAMES = ("background", "neoplastic")


@pytest.fixture
def slide(tmp_path, tissue):
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, tissue, tile=(64, 64), photometric="rgb", resolution=(20000, 20000), resolutionunit=3)
    return path


@pytest.fixture
def folder(tmp_path, tissue):
    labels = np.zeros(tissue.shape[:2], np.int32)
    labels[30:50, 30:50], labels[70:90, 100:120] = 1, 2
    for side, found in zip(SIDES, (labels, np.where(labels == 1, labels, 0)), strict=True):
        table = InstanceTable.from_instance_map(found, np.stack([found == 0, found > 0]).astype(np.float32))
        with LabelsWriter(tmp_path / side / LABELS, found.shape, (0.5, 0.5)) as writer:
            writer.paint((0, 0, *found.shape), found)
        write_parquet(table, tmp_path / side / TABLE, (0.5, 0.5), NAMES)
        (tmp_path / side / RUN).write_text(json.dumps({"region_yxyx_px": [20, 30, 100, 130]}))
    return tmp_path


def test_dense_and_compact_are_side_by_side(make_napari_viewer, slide, folder):
    viewer = make_napari_viewer()
    add_side_by_side(viewer, slide, folder)
    assert [layer.name for layer in viewer.layers] == [
        "slide (dense)",
        "nuclei (dense)",
        "slide (compact)",
        "nuclei (compact)",
    ]
    _, dense, image, compact = viewer.layers
    np.testing.assert_allclose(compact.scale, image.scale)
    assert [(layer.features["index"] > 0).sum() for layer in (dense, compact)] == [2, 1]
    assert compact.features["type"][compact.features["index"] > 0].tolist() == ["neoplastic"]
    np.testing.assert_allclose(compact.get_color(1)[:3], np.divide((237, 28, 36), 255), atol=1e-6)
    grid = viewer.canvas.grid
    assert grid.enabled
    assert (grid.shape, grid.stride) == ((1, 2), 2)
    np.testing.assert_allclose(viewer.scene.camera.center[1:], (30.0, 40.0))  # the centre of the region in um


def test_opacity_and_contour_are_linked(make_napari_viewer, slide, folder):
    viewer = make_napari_viewer()
    add_side_by_side(viewer, slide, folder)
    _, dense, _, compact = viewer.layers
    dense.opacity, dense.contour = 0.3, 0
    assert (compact.opacity, compact.contour) == (0.3, 0)
