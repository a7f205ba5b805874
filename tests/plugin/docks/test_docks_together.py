"""All docks of the manifest in one window, on the packaged slide and results."""

import pytest
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_pathprune.plugin.shelf.shelf import shelf_of
from napari_pathprune.plugin.widgets.choosers import ModelChooser

pytestmark = [
    pytest.mark.gui,
    pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB:UserWarning"),  # from napari's random label colours
]
PLUGIN = "napari-pathprune"


@pytest.fixture
def viewer(plugin, make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.open_sample(plugin.name, "cmu_both")
    return viewer


@pytest.fixture
def docks(viewer, plugin, qtbot):
    """The frame and the widget of each dock by name, in the order of the manifest."""
    names = [widget.display_name for widget in plugin.manifest.contributions.widgets]
    docks = {name: viewer.window.add_plugin_dock_widget(PLUGIN, name) for name in names}
    qtbot.wait(50)  # docks join the tabs once the window has placed them
    yield docks
    busy = docks["Model"][1]
    qtbot.waitUntil(lambda: not busy.is_busy, timeout=60_000)


def test_docks_are_tabs_that_share_models_and_results(viewer, docks, tmp_path):
    frames = [frame for frame, _ in docks.values()]
    window = frames[0].window()
    assert isinstance(window, QMainWindow)
    assert all(isinstance(frame, QDockWidget) for frame in frames)
    assert set(window.tabifiedDockWidgets(frames[0])) == set(frames[1:])

    assert [result.model for result in shelf_of(viewer).results] == ["hovernet-s", "hovernet-s-compact"]

    assert docks["Model"][1].model.model == "hovernet-s-compact"
    assert docks["Compress"][1].form.model.model == "hovernet-s"  # what is worth compressing

    choosers = [chooser for _, dock in docks.values() for chooser in dock.findChildren(ModelChooser)]
    assert len(choosers) >= 3
    docks["Segment nuclei"][1].form.model.add_file(tmp_path / "mine.safetensors")
    for chooser in choosers:
        assert chooser.findText("mine") >= 0
