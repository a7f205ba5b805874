"""All scores of one image, against slow definitions."""

import math
import time

import numpy as np
import pytest
from drawn_maps import draw_discs, small_maps
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_scores import slow_centre_pairs, slow_iou, slow_panoptic

from napari_pathprune.instances.metrics import (
    aggregated_jaccard_index,
    aggregated_jaccard_index_plus,
    dice,
    panoptic_quality,
)
from napari_pathprune.instances.scores import image_scores


def types_of_ids(lowest):
    """Types of the ids 0 to 6 of a small map."""
    return st.lists(st.integers(lowest, 2), min_size=6, max_size=6).map(lambda types: np.array([0, *types]))


@settings(max_examples=80, deadline=None)
@given(small_maps, small_maps, types_of_ids(-1), types_of_ids(0))
def test_counts_by_definition(truth, prediction, truth_types, found_types):
    scores = image_scores(truth, prediction, truth_types, found_types, num_types=3)
    for counts, wanted in ((scores.panoptic, None), *((scores.panoptic_by_type[c], c) for c in (1, 2))):
        tp, fp, fn, iou_sum = slow_panoptic(truth, prediction, truth_types, found_types, wanted)
        assert (counts.tp, counts.fp, counts.fn) == (tp, fp, fn)
        assert counts.iou_sum == pytest.approx(iou_sum)
    pairs = len(slow_centre_pairs(truth, prediction, 12))
    assert (scores.detection.tp, scores.detection.tp + scores.detection.fn) == (pairs, scores.panoptic.truth)


@settings(max_examples=60, deadline=None)
@given(small_maps, small_maps, types_of_ids(1), types_of_ids(0))
def test_a_type_scores_as_maps_with_nothing_else(truth, prediction, truth_types, found_types):
    by_type = image_scores(truth, prediction, truth_types, found_types, num_types=3).panoptic_by_type
    for wanted in (1, 2):
        alone = panoptic_quality(
            np.where(truth_types[truth] == wanted, truth, 0), np.where(found_types[prediction] == wanted, prediction, 0)
        )
        assert (by_type[wanted].tp, by_type[wanted].fp, by_type[wanted].fn) == (alone.tp, alone.fp, alone.fn)
        assert by_type[wanted].pq == pytest.approx(alone.pq)


@settings(max_examples=40, deadline=None)
@given(small_maps, small_maps)
def test_one_table_gives_what_the_maps_give(truth, prediction):
    scores = image_scores(truth, prediction)
    assert scores.panoptic == panoptic_quality(truth, prediction)
    assert scores.aji == aggregated_jaccard_index(truth, prediction)
    assert scores.aji_plus == aggregated_jaccard_index_plus(truth, prediction)
    assert scores.dice == pytest.approx(dice(truth, prediction))
    assert scores.panoptic_by_type is None


@settings(max_examples=40, deadline=None)
@given(small_maps, small_maps)
def test_the_table_of_nuclei_holds_every_nucleus_once(truth, prediction):
    nuclei = image_scores(truth, prediction).nuclei
    for column, instances in ((nuclei.truth_id, truth), (nuclei.found_id, prediction)):
        assert sorted(column[column > 0].tolist()) == np.unique(instances[instances > 0]).tolist()
    iou = slow_iou(truth, prediction)
    for t, p, value in zip(nuclei.truth_id.tolist(), nuclei.found_id.tolist(), nuclei.iou.tolist(), strict=True):
        assert value == pytest.approx(iou[t, p] if t and p else 0.0)


def test_worked_example_by_type():
    truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0, 3, 3]])
    prediction = np.array([[1, 1, 1, 0, 0, 2, 2, 0, 0, 0]])
    scores = image_scores(truth, prediction, np.array([0, 1, 1, 2]), np.array([0, 1, 2]), num_types=4)
    _, one, two, three = scores.panoptic_by_type
    assert (one.tp, one.fp, one.fn, one.iou_sum) == (1, 0, 1, 0.75)
    assert (two.tp, two.fp, two.fn) == (0, 1, 1)
    assert (three.truth, three.found) == (0, 0)
    assert scores.mpq == pytest.approx((0.75 / 1.5 + 0.0) / 2)  # the truth has no type 3
    assert scores.bpq == scores.panoptic.pq == pytest.approx(1.75 / 2.5)


def test_centres_are_paired_within_3_um():
    truth, prediction = np.zeros((1, 40), int), np.zeros((1, 40), int)
    truth[0, 5], prediction[0, 15] = 1, 1  # 10 px apart
    assert image_scores(truth, prediction, mpp=0.25).detection.tp == 1
    assert image_scores(truth, prediction, mpp=0.5).detection.tp == 0
    with pytest.raises(ValueError, match=r"got 0 um/px"):
        image_scores(truth, prediction, mpp=0)


def test_what_pannuke_skips_is_nan():
    nothing, something, types = np.zeros((4, 4), int), np.eye(4, dtype=int), np.array([0, 1])
    no_truth = image_scores(nothing, something, types, types, num_types=2)
    assert math.isnan(no_truth.bpq)
    assert math.isnan(no_truth.mpq)
    assert no_truth.panoptic.pq == 0.0
    nothing_found = image_scores(something, nothing, types, types, num_types=2)
    assert (nothing_found.bpq, nothing_found.mpq) == (0.0, 0.0)
    assert math.isnan(image_scores(something, nothing).mpq)


def test_1500_nuclei_are_scored_fast():
    small = draw_discs((125, 125), 24, seed=5, radius_px=(6, 11))
    place = np.kron(np.arange(64, dtype=np.int32).reshape(8, 8), np.ones_like(small))
    truth = np.where(np.tile(small, (8, 8)) > 0, np.tile(small, (8, 8)) + 24 * place, 0)
    prediction = np.roll(truth, (2, 1), (0, 1))
    types = np.random.default_rng(6).integers(1, 6, truth.max() + 1)
    types[0] = 0
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        scores = image_scores(truth, prediction, types, types, num_types=6)
        seconds.append(time.process_time() - begin)
    assert scores.panoptic.truth > 1400
    assert min(seconds) < 0.05, "0.02 s on a quiet 2-core machine"
