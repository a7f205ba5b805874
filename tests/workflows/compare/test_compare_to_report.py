"""Comparison of results on disk."""

import json
import os

import cv2
import numpy as np
import pytest

from napari_pathprune.instances.export import write_parquet
from napari_pathprune.instances.label_pyramid import LabelsWriter
from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.workflows.compare.compare_to_report import ReportWritten, compare_to_report


def save_result(folder, labels, slide_path=None, model="tiny"):
    """Write a result folder."""
    folder.mkdir()
    with LabelsWriter(folder / "labels.ome.zarr", labels.shape, (0.25, 0.25)) as writer:
        writer.paint((0, 0, *labels.shape), labels)
    write_parquet(InstanceTable.from_instance_map(labels), folder / "instances.parquet", (0.25, 0.25), ())
    run = {
        "slide": "slide.png",
        "slide_path": slide_path and str(slide_path),
        "model": model,
        "region_yxyx_px": [0, 0, *labels.shape],
        "shape_px": list(labels.shape),
    }
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


@pytest.fixture
def slide(tmp_path, two_discs):
    path = tmp_path / "slide.png"
    cv2.imwrite(str(path), np.full((*two_discs.shape, 3), 180, np.uint8))
    return path


@pytest.fixture
def results(tmp_path, two_discs, slide):
    other = np.where(two_discs == 3, 0, two_discs)
    return save_result(tmp_path / "dense", two_discs, slide), save_result(tmp_path / "compact", other, slide)


def run(*arguments, **options):
    *events, end = compare_to_report(*arguments, **options)
    assert isinstance(end, ReportWritten)
    assert events[-1].done == events[-1].total
    return end


def test_report_and_csv_are_written_and_equal_names_are_told_apart(results, tmp_path):
    end = run(*results, tmp_path / "new" / "report.html")
    (one,) = end.comparisons
    assert (one.name_a, one.name_b) == ("dense", "compact")  # both are of the model "tiny"
    assert [file.name for file in end.files] == ["report.html", "report.csv"]
    assert "plain background" not in end.files[0].read_text(encoding="utf-8")  # the slide was found
    assert len(end.files[1].read_text().splitlines()) == 2
    assert json.dumps(end.to_dict())


def test_a_truth_scores_both(results, tmp_path, two_discs):
    np.save(tmp_path / "truth.npy", two_discs)
    end = run(*results, tmp_path / "report.html", truth=tmp_path / "truth.npy")
    assert [one.word for one in end.comparisons] == ["agreement", "accuracy", "accuracy"]
    assert [one.panoptic.pq for one in end.comparisons] == pytest.approx([2 / 3, 1.0, 2 / 3])
    assert [file.name for file in end.files[1:]] == ["report.csv", "report.truth-a.csv", "report.truth-b.csv"]


def test_a_slide_that_moved_is_left_out_and_a_wrong_one_refused(results, tmp_path, slide):
    slide.rename(tmp_path / "moved.png")
    end = run(*results, tmp_path / "report.html")
    assert "plain background" in end.files[0].read_text(encoding="utf-8")
    end = run(*results, tmp_path / "report.html", slide=tmp_path / "moved.png")
    assert "plain background" not in end.files[0].read_text(encoding="utf-8")
    cv2.imwrite(str(tmp_path / "other.png"), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ValueError, match="9 x 9 px, the results 64 x 80 px"):
        run(*results, tmp_path / "report.html", slide=tmp_path / "other.png")


def test_a_report_needs_the_name_of_an_html_file(results, tmp_path):
    with pytest.raises(ValueError, match=r"name it report.html"):
        run(*results, tmp_path / "report.pdf")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (os.fsdecode(b"report-\xff.html"), ValueError),
        ("x" * 252 + ".html", ValueError),
        ("file/report.html", NotADirectoryError),
        ("taken.html", IsADirectoryError),
        ("csv.html", IsADirectoryError),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_compared(
    results, tmp_path, monkeypatch, name, error
):
    (tmp_path / "file").touch()
    (tmp_path / "taken.html").mkdir()
    (tmp_path / "csv.csv").mkdir()

    def read(path):
        pytest.fail(f"{path} was read")

    monkeypatch.setattr("napari_pathprune.workflows.compare.compare_to_report.read_segmentation", read)
    with pytest.raises(error):
        run(*results, tmp_path / name)
