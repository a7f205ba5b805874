"""Counts and their scores."""

import pytest

from napari_pathprune.instances.score_counts import DetectionCounts, PanopticCounts, TypeCounts


@pytest.mark.parametrize(
    ("one", "two", "score"),
    [
        (PanopticCounts(3, 1, 0, 2.4), PanopticCounts(1, 0, 1, 0.6), lambda c: c.pq),
        (DetectionCounts(3, 1, 0), DetectionCounts(1, 0, 1), lambda c: c.f1),
        (TypeCounts(3, 1, 0, 0, 0), TypeCounts(1, 0, 0, 1, 1), lambda c: c.f1),
    ],
)
def test_counts_can_be_added(one, two, score):
    assert score(one + two) == score(two + one)
    assert min(score(one), score(two)) < score(one + two) < max(score(one), score(two))
    assert one + type(one)() == one


def test_scores_of_an_example():
    counts = PanopticCounts(tp=3, fp=1, fn=3, iou_sum=2.4)
    assert (counts.truth, counts.found) == (6, 4)
    assert (counts.dq, counts.sq, counts.pq) == pytest.approx((0.6, 0.8, 0.48))
    detection = DetectionCounts(tp=3, fp=1, fn=3)
    assert (detection.f1, detection.precision, detection.recall) == pytest.approx((0.6, 0.75, 0.5))
    # a wrong type of a pair has twice the weight of an unpaired nucleus
    assert TypeCounts(tp=4, fp=1, fn=2, fp_alone=1, fn_alone=1).f1 == pytest.approx(8 / (8 + 2 + 4 + 1 + 1))


def test_empty_counts_score_one_and_errors_alone_score_zero():
    for empty in (PanopticCounts(), DetectionCounts(), TypeCounts()):
        assert (empty.pq if isinstance(empty, PanopticCounts) else empty.f1) == 1.0
    assert (PanopticCounts(fp=1).sq, PanopticCounts(fn=1).pq) == (0.0, 0.0)
    assert (DetectionCounts(fp=1).recall, DetectionCounts(fn=1).precision) == (0.0, 0.0)
