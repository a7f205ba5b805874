"""Projects are created in empty folders and keep their pixel size."""

import pytest

from napari_pathprune.workflows.project.project import open_project


def test_a_project_keeps_its_pixel_size(tmp_path):
    folder = tmp_path / "new" / "project"
    assert open_project(folder, 0.5).mpp == 0.5
    assert open_project(folder, 0.25).mpp == 0.5
    assert {path.name for path in folder.iterdir()} == {"images", "labels", "classes", "regions", "project.json"}


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not an annotation project"):
        open_project(tmp_path, 0.5)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("mpp", [None, 0.0, float("nan")])
def test_a_new_project_needs_a_pixel_size(tmp_path, mpp):
    with pytest.raises(ValueError, match="pixel size"):
        open_project(tmp_path / "p", mpp)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("content", ["{", '{"mpp": -1}', "[]"])
def test_damaged_settings_are_named(tmp_path, content):
    (tmp_path / "project.json").write_text(content)
    with pytest.raises(ValueError, match=r"project\.json"):
        open_project(tmp_path)
