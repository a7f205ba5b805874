"""A whole slide in a process of its own: the command, and the nuclei read from its tiles."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pathprune.base.packaged_file import packaged_file
from napari_pathprune.plugin.jobs.slide_job import (
    FALLBACK,
    GrowingSlide,
    SlideRun,
    check_folder,
    find_slide_jobs,
    start_slide,
    suggest_folder,
)
from napari_pathprune.slides.reader import open_slide
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.segment.result_folder import segment_to_folder


@pytest.fixture
def opened(slide):
    """The same, open."""
    with open_slide(slide, mpp=0.499) as found:
        yield found


@pytest.fixture
def slide(tmp_path):
    """A file of 160 px of the packaged slide, of 0.499 um."""
    path = tmp_path / "crop.tif"
    with open_slide(packaged_file("CMU-1-Small-Region.svs")) as whole:
        tifffile.imwrite(path, whole.read((750, 1050, 910, 1210)), tile=(64, 64), photometric="rgb")
    return path


def test_the_command_states_everything_that_differs_from_the_defaults(tmp_path):
    run = SlideRun(tmp_path / "a.svs", "m", tmp_path / "out", 0.25, "cpu", tissue_only=False)
    words = run.arguments()
    assert words[:2] == ("segment", str(tmp_path / "a.svs"))
    assert words[words.index("--mpp") + 1] == "0.25"
    assert words[words.index("--device") + 1] == "cpu"
    assert "--everywhere" in words
    assert words[-1] == "--resume"


def test_a_folder_is_suggested_beside_the_slide_and_is_new(slide):
    first = suggest_folder(slide, "tiny")
    assert first == slide.parent / "crop-tiny"
    first.mkdir()
    assert suggest_folder(slide, "tiny") == slide.parent / "crop-tiny-2"


def test_nothing_is_written_beside_the_packaged_slide():
    assert suggest_folder(packaged_file("CMU-1-Small-Region.svs"), "m").parent == Path.home() / FALLBACK


def test_a_finished_result_and_a_place_that_is_a_file_are_refused(tmp_path, slide):
    check_folder(tmp_path / "new")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="holds a result already"):
        check_folder(tmp_path / "old")
    with pytest.raises(ValueError, match="cannot be written"):
        check_folder(slide / "inside")


def test_tiles_of_a_stopped_run_are_painted_once_each_with_their_types(tmp_path, opened):
    out, model = tmp_path / "out", load("hovernet-s-compact")
    events = segment_to_folder(opened, model, out, model_name="compact", device="cpu")
    tiles = []
    for event in events:
        if hasattr(event, "table"):
            tiles.append(event)
            break
    events.close()
    growing = GrowingSlide(opened, out)
    assert [event.tiles for event in growing.read_tiles()] == [1]
    assert [event.tiles for event in growing.read_tiles()] == [0]
    assert growing.type_names == model.type_names
    assert int(growing.counts.sum()) == len(tiles[0].table) > 10
    y0, x0, y1, x1 = tiles[0].box
    painted = growing.canvas.data[y0:y1, x0:x1]
    np.testing.assert_array_equal(painted > 0, tiles[0].labels > 0)
    kind = dict(zip(tiles[0].table.id.tolist(), tiles[0].table.type.tolist(), strict=True))
    for number in np.unique(tiles[0].labels[tiles[0].labels > 0]):
        (label,) = np.unique(painted[tiles[0].labels == number])
        assert label == (kind[int(number)] or len(model.type_names))


def test_nothing_is_read_before_the_first_tile(tmp_path, opened):
    growing = GrowingSlide(opened, tmp_path / "none")
    assert [event.tiles for event in growing.read_tiles()] == [0]
    assert growing.type_names == ()


def test_a_started_process_is_found_by_its_notes(tmp_path, slide, monkeypatch):
    from napari_pathprune.plugin.jobs.processes import process_job

    monkeypatch.setattr(process_job, "MODULE", "this")  # prints a poem and ends
    run = SlideRun(slide, "tiny", tmp_path / "out")
    job = start_slide(run, tmp_path / "jobs")
    assert job.notes["out"] == str(tmp_path / "out")
    (found,) = find_slide_jobs(tmp_path / "jobs")
    assert found.folder == job.folder
    job.dismiss()
    assert find_slide_jobs(tmp_path / "jobs") == ()
