import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QFileDialog

from napari_pathprune.plugin.docks.open_slide_dialog import ask_for_slide

pytestmark = pytest.mark.gui


@pytest.fixture
def choose(monkeypatch):
    return lambda path: monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))


def test_a_plain_tiff_is_opened_as_a_slide(tmp_path, tissue, choose):
    tifffile.imwrite(tmp_path / "a.tif", tissue, photometric="rgb")
    viewer = ViewerModel()
    choose(tmp_path / "a.tif")
    ask_for_slide(viewer)
    ask_for_slide(viewer)  # it is open already
    (layer,) = viewer.layers
    np.testing.assert_array_equal(np.asarray(layer.data), tissue)


def test_a_damaged_file_is_one_line(tmp_path, choose):
    (tmp_path / "a.svs").write_text("no slide")
    choose(tmp_path / "a.svs")
    viewer = ViewerModel()
    ask_for_slide(viewer)
    assert len(viewer.layers) == 0
    assert "a.svs" in notification_manager.records[-1].message


def test_nothing_happens_without_a_choice(choose):
    viewer = ViewerModel()
    choose("")
    ask_for_slide(viewer)
    assert len(viewer.layers) == 0
