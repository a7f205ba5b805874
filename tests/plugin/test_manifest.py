import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest
from npe2 import PluginManifest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def manifest():
    return PluginManifest.from_file(ROOT / "napari.yaml")


def test_npe2_validates_the_manifest_and_its_imports():
    command = [sys.executable, "-m", "npe2", "validate", "--imports", "--debug", str(ROOT / "napari.yaml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "valid!" in result.stdout


def test_the_manifest_in_the_package_is_the_one_at_the_root():
    inside = resources.files("napari_pathprune").joinpath("napari.yaml").read_text()
    assert inside == (ROOT / "napari.yaml").read_text()


def test_the_installed_manifest_is_the_one_at_the_root(manifest):
    try:
        distribution = metadata.distribution("napari-pathprune")
    except metadata.PackageNotFoundError:
        pytest.skip("the package is not installed; it is imported from its sources")
    assert "napari.manifest" in {entry.group for entry in distribution.entry_points}
    installed = PluginManifest.from_distribution("napari-pathprune")
    assert installed.contributions == manifest.contributions
    assert installed.name == manifest.name == distribution.metadata["Name"]


def test_every_command_is_contributed_and_callable(manifest):
    given = manifest.contributions
    used = [given.readers, given.writers, given.sample_data, given.widgets]
    commands = {item.command for items in used for item in items}
    commands |= {item.command for item in given.menus["napari/file/io_utilities"]}
    assert {command.id for command in manifest.contributions.commands} == commands
    for command in manifest.contributions.commands:
        assert command.title[0].isupper()
        module, name = command.python_name.split(":")
        assert callable(getattr(__import__(module, fromlist=[name]), name))


def test_every_dock_is_in_one_submenu_of_the_layers_menu_and_opens_as_a_tab(manifest):
    [item] = manifest.contributions.menus["napari/layers/segment"]
    assert [item.submenu] == [submenu.id for submenu in manifest.contributions.submenus] == ["pathprune"]
    docks = [item.command for item in manifest.contributions.menus["pathprune"]]
    assert sorted(docks) == sorted(widget.command for widget in manifest.contributions.widgets)
    orders = [item.group for item in manifest.contributions.menus["pathprune"]]
    assert len(set(orders)) == len(docks)
    assert all(widget.tabify for widget in manifest.contributions.widgets)


@pytest.mark.parametrize("dock", ["model", "compress", "segment", "compare", "annotate"])
def test_importing_a_dock_imports_nothing_that_is_slow(dock):
    slow = "{'torch', 'scipy', 'skimage', 'zarr', 'dask', 'pyarrow', 'shapely', 'cv2'}"
    code = (
        "import sys, napari.layers, napari.qt.threading, napari.settings, superqt.utils; before = set(sys.modules); "
        f"import napari_pathprune.plugin.docks.{dock}_dock; print(sorted({slow} & (set(sys.modules) - before)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_opening_a_slide_does_not_import_torch():
    code = "import sys, napari_pathprune.plugin.layers.sample_data; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
