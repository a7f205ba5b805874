"""A view that cannot be segmented is explained, and a second run hides the first layer of the same model."""

import pytest

pytestmark = [pytest.mark.gui, pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning")]


def test_a_slide_without_a_pixel_size_is_explained(make_napari_viewer, tissue, qtbot):
    from napari_pathprune.plugin.jobs.view_job import NamedModel
    from napari_pathprune.plugin.widgets.compress.view_panel import ViewPanel
    from napari_pathprune.workflows.checkpoint import Checkpoint

    viewer = make_napari_viewer(show=True)
    panel = ViewPanel(viewer, "Look", "Look at it")
    viewer.window.add_dock_widget(panel)
    assert not panel.is_ready
    slide = viewer.add_image(tissue, rgb=True, name="discs")
    assert panel.is_ready
    config = {"mode": "fast", "num_types": None, "width": 0.0625}
    from napari_pathprune.models import build

    weights = build("hovernet", **config).state_dict()
    model = NamedModel("tiny", "tiny", lambda: Checkpoint("hovernet", config, weights))
    panel.start([model])
    assert "has no pixel size" in panel.progress.line.text()
    slide.scale, slide.units = (0.25, 0.25), ("um", "um")
    viewer.scene.camera.zoom = 1.0  # the whole slide is in view, whatever else the window shows
    for _ in range(2):
        panel.start([model])
        qtbot.waitUntil(lambda: not panel.runner.is_running, timeout=60_000)
    first, second = (layer for layer in viewer.layers if layer.name.startswith("nuclei (tiny)"))
    assert (first.visible, second.visible) == (False, True)
    panel.close_down()
