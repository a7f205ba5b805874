"""Committed regions are stored whole, never overwritten, and read by training without the test regions."""

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_pathprune.datasets.read_images import read_images, read_type_names
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.workflows.evaluate.evaluate import evaluate
from napari_pathprune.workflows.project import commit_region as module
from napari_pathprune.workflows.project.commit_region import commit_region
from napari_pathprune.workflows.project.project import open_project

BOX = (8, 16, 40, 64)
NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def slide():
    image = np.full((96, 128, 3), 200, np.uint8)
    image[12:20, 20:32] = (90, 30, 120)
    return slide_from_arrays((image,), (0.25, 0.25), "my slide.svs", "/slides/my slide.svs")


@pytest.fixture
def labels():
    labels = np.zeros((32, 48), np.int32)
    labels[4:12, 4:16] = 7  # the dark rectangle of the slide
    labels[20:30, 20:30] = 9
    return labels


@pytest.fixture
def project(tmp_path):
    return open_project(tmp_path / "project", 0.5)


def commit(project, slide, labels, box=BOX, part="train"):
    return commit_region(project, slide, box, labels, {7: 2}, NAMES, part=part, author="ada", model="hovernet-s")


def test_a_region_is_stored_at_the_pixel_size_of_the_project(project, slide, labels):
    record = commit(project, slide, labels)
    [image] = read_images(project.folder, ("background", "inflammatory"))
    assert image.image.shape == (16, 24, 3)
    assert set(np.unique(image.instances)) == {0, 1, 2}
    np.testing.assert_array_equal(image.instances == 1, image.image[..., 0] == 90)
    assert image.types.tolist() == [0, 1, -1]  # the second nucleus has no known type
    assert read_type_names(project.folder) == ("background", "inflammatory")
    facts = json.loads((project.folder / "regions" / f"{record.name}.json").read_text())
    assert facts["box_yxyx_px"] == list(BOX)
    assert facts["slide_path"] == "/slides/my slide.svs"
    assert (facts["author"], facts["part"], facts["mpp"], facts["nuclei"]) == ("ada", "train", 0.5, 2)
    assert facts["time"][:2] == "20"


def test_a_second_commit_is_a_new_revision_and_the_first_stays(project, slide, labels):
    first = commit(project, slide, labels)
    files = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
    second = commit(project, slide, np.where(labels == 9, 0, labels))
    assert (first.revision, second.revision) == (1, 2)
    assert {path: path.read_bytes() for path in files} == files
    [image] = read_images(project.folder)
    assert (image.name, image.instances.max()) == (second.name, 1)


def test_a_test_region_and_what_overlaps_it_never_teaches(project, slide, labels):
    commit(project, slide, labels, part="test")
    for box in (BOX, (20, 30, 52, 78)):
        with pytest.raises(ValueError, match=r"overlaps the test region .*; commit it as test"):
            commit(project, slide, labels, box)
    beside = commit(project, slide, labels, (40, 64, 72, 112))
    assert [image.name for image in read_images(project.folder, part="train")] == [beside.name]
    assert len(read_images(project.folder)) == 2


def test_evaluation_reads_the_test_regions_only(project, slide, labels):
    commit(project, slide, labels)
    with pytest.raises(ValueError, match="no regions to test"):
        list(evaluate(["hovernet-s-compact"], project.folder))


def test_a_commit_that_fails_leaves_nothing_that_counts(project, slide, labels, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.cv2, "imencode", fail)
    with pytest.raises(OSError, match="disk full"):
        commit(project, slide, labels)
    assert [path.name for path in project.folder.rglob("*") if path.is_file()] == ["project.json"]
    assert not list((project.folder / "regions").iterdir())


def test_files_without_a_record_are_not_overwritten_and_do_not_count(project, slide, labels):
    commit(project, slide, labels)
    stray = project.folder / "images" / f"my_slide_svs_{'_'.join(map(str, BOX))}_r2.png"
    stray.write_bytes(b"a stopped commit")
    assert commit(project, slide, labels).revision == 3
    assert stray.read_bytes() == b"a stopped commit"
    assert len(read_images(project.folder)) == 1


@pytest.mark.parametrize("box", [(-1, 0, 31, 48), (80, 0, 112, 48), (8, 16, 40, 60)])
def test_a_region_that_does_not_fit_is_refused(project, slide, labels, box):
    with pytest.raises(ValueError, match="expected a region within the slide"):
        commit(project, slide, labels, box)


def test_a_slide_without_pixel_size_is_refused(project, slide, labels):
    with pytest.raises(ValueError, match="does not state its pixel size"):
        commit(project, replace(slide, mpp=None), labels)
