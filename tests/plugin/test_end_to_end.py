"""From the menu entry to nuclei on the slide, with a real network (of random weights) and no stand-ins."""

import sys

import numpy as np
import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def model(tmp_path, tiny_hovernet):
    from napari_pathprune.workflows.checkpoint import Checkpoint, save

    config = {"mode": "fast", "num_types": 4, "width": 0.0625}
    names = ("background", "neoplastic", "inflammatory", "connective")
    path = tmp_path / "tiny.safetensors"
    save(Checkpoint("hovernet", config, tiny_hovernet.state_dict(), type_names=names), path)
    return path


@pytest.mark.usefixtures("plugin")
@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning")
def test_the_sample_slide_opens_and_its_current_view_is_segmented(make_napari_viewer, model, qtbot):
    viewer = make_napari_viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-pathprune", "Segment nuclei")
    [slide] = viewer.open_sample("napari-pathprune", "cmu_region")
    viewer.scene.camera.center = (0.0, *slide.data_to_world((900, 1000)))
    viewer.scene.camera.zoom = min(viewer.canvas.size) / (60 * 0.499)
    dock.form.model.add_file(model)
    qtbot.waitUntil(dock.run.isEnabled)
    dock.run.click()
    qtbot.waitUntil(lambda: not dock.is_running, timeout=120_000)
    assert "torch" in sys.modules
    assert "nuclei in " in dock.progress.line.text()
    (layer,) = (layer for layer in viewer.layers if layer.name.endswith(": tiny"))
    assert (layer.features["index"] > 0).sum() == len(np.unique(layer.data)) - 1
    y0, x0, y1, x1 = layer.metadata["region"]
    assert layer.data.shape == (y1 - y0, x1 - x0)
    assert min(y1 - y0, x1 - x0) in {60, 61}
    np.testing.assert_allclose(layer.data_to_world((0, 0)), slide.data_to_world((y0, x0)))
