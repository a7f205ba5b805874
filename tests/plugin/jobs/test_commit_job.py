"""The workflow behind Commit region."""

import numpy as np
import pytest

from napari_pathprune.plugin.jobs.commit_job import CommitRequest, commit
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.workflows.project.project import open_project


def request(folder, model=""):
    slide = slide_from_arrays((np.full((64, 64, 3), 200, np.uint8),), (0.5, 0.5), "slide")
    labels = np.zeros((32, 32), np.int32)
    labels[8:16, 8:16] = 5
    return CommitRequest(folder, slide, (0, 0, 32, 32), labels, {5: 1}, ("background", "a"), "test", model)


def test_a_new_project_has_the_pixel_size_of_the_model(tmp_path):
    [event] = commit(request(tmp_path / "p", "hovernet-s-compact"))
    assert open_project(tmp_path / "p").mpp == 0.25
    assert event.line.startswith("Committed 1 nucleus as slide_0_0_32_32_r1; 1 for testing in p (new project, 0.25")
    [again] = commit(request(tmp_path / "p"))
    assert again.line == "Committed 1 nucleus as slide_0_0_32_32_r2; 2 for testing in p."


@pytest.mark.parametrize("model", ["", "gone.safetensors"])
def test_without_a_model_it_has_the_pixel_size_of_the_slide(tmp_path, model):
    list(commit(request(tmp_path / "p", model)))
    assert open_project(tmp_path / "p").mpp == 0.5
