"""The difference of two segmentations as labels."""

import numpy as np

from napari_pathprune.workflows.compare import compare as module
from napari_pathprune.workflows.compare.compare import compare
from napari_pathprune.workflows.compare.difference import STATUS_COLOURS, paint_block, paint_difference
from napari_pathprune.workflows.compare.disagreements import Status


def test_every_nucleus_is_painted_with_its_status(dense, compact, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_PX", 64)
    *_, end = compare(dense, compact)
    painted = np.zeros(dense.slide_shape, np.int32)
    for (y0, x0, y1, x1), labels in paint_difference(end.comparison, dense, compact):
        painted[y0:y1, x0:x1] = labels
    expected = {(30, 30): Status.AGREED, (100, 100): Status.ONLY_A, (60, 200): Status.ONLY_B}
    assert {place: painted[place] for place in expected} == expected
    assert painted[30, 90] == Status.TYPE_CHANGED
    assert ((painted > 0) == ((dense.labels > 0) | (compact.labels > 0))).all()
    assert (painted == paint_block(end.comparison, dense, compact, (0, 0, *dense.slide_shape))).all()


def test_every_status_has_a_colour_of_its_own():
    assert set(STATUS_COLOURS) == set(Status)
    assert len(set(STATUS_COLOURS.values())) == 4
