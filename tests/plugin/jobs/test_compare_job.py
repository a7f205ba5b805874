"""The workflow of the Compare dock, without a window."""

from dataclasses import replace

import numpy as np
import pytest

from napari_pathprune.plugin.jobs.compare_job import ComparisonReady, compare_and_paint, export_comparison
from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.workflows.compare.segmentation import Segmentation


@pytest.fixture
def sides(two_discs):
    a = Segmentation("a", two_discs, (0, 0, 64, 80), (64, 80))
    return a, replace(a, name="b", labels=np.where(two_discs == 3, 0, two_discs))


def test_the_last_event_holds_comparison_and_difference(sides, two_discs):
    *blocks, end = compare_and_paint(*sides, is_truth=False)
    assert isinstance(end, ComparisonReady)
    assert len(blocks) == 1
    assert end.done == end.total
    assert end.comparison.panoptic.pq == pytest.approx(2 / 3)
    np.testing.assert_array_equal(end.difference, np.select([two_discs == 3, two_discs == 7], [2, 1]))


def test_export_writes_report_and_csv(sides, two_discs, tmp_path):
    *_, end = compare_and_paint(*sides, is_truth=True)
    slide = slide_from_arrays([np.full((*two_discs.shape, 3), 200, np.uint8)])
    (written,) = export_comparison(end.comparison, *sides, slide, tmp_path / "r.html")
    assert written.line == "Wrote r.html and r.csv."
    assert "accuracy" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 2
