"""Means and pooled scores of a set of images."""

import math

import numpy as np
import pytest
from drawn_maps import draw_discs
from slow_scores import slow_f1_of_type, slow_panoptic

from napari_pathprune.instances.image_scores import score_image
from napari_pathprune.instances.set_scores import SetScores

NUM_TYPES = 5  # type 4 does not occur


def draw_image(seed):
    """Draw a truth and a prediction whose types mostly agree; some are unknown, and type 3 is only predicted."""
    rng = np.random.default_rng(seed)
    truth = draw_discs((70, 80), 12, seed)
    prediction = np.roll(np.where(rng.random(13)[truth] < 0.8, truth, 0), tuple(rng.integers(-2, 3, 2)), (0, 1))
    extra = draw_discs((70, 80), 3, seed + 1000)
    prediction = np.where((prediction == 0) & (truth == 0) & (extra > 0), extra + 12, prediction)
    truth_types = np.array([0, *rng.choice([-1, 1, 2], 12, p=[0.1, 0.6, 0.3])])
    agrees = rng.random(16) < 0.7
    found_types = np.where(agrees, np.array([0, *truth_types[1:].clip(1), 1, 1, 1]), rng.integers(0, 4, 16))
    found_types[0] = 0
    return truth, prediction, truth_types, found_types


@pytest.fixture(scope="module")
def images():
    return [draw_image(seed) for seed in range(12)]


@pytest.fixture(scope="module")
def scores(images):
    return SetScores(tuple(score_image(*image, num_types=NUM_TYPES) for image in images))


def slow_pq(tp, fp, fn, iou_sum):
    return iou_sum / (tp + fp / 2 + fn / 2)


def test_mpq_plus_follows_its_definition(images, scores):
    pooled = {c: np.sum([slow_panoptic(*image, c) for image in images], axis=0) for c in range(1, NUM_TYPES)}
    expected = [slow_pq(*counts) for counts in pooled.values() if counts[:3].any()]
    assert len(expected) == 3
    assert scores.mpq_plus == pytest.approx(np.mean(expected))


def test_mpq_plus_leaves_out_types_that_the_annotation_cannot_name(images, scores):
    pooled = [np.sum([slow_panoptic(*image, c) for image in images], axis=0) for c in (1, 2)]
    some = SetScores(scores.images, nameable=frozenset({1, 2, 4}))
    assert some.mpq_plus == pytest.approx(np.mean([slow_pq(*counts) for counts in pooled]))
    assert some.mpq_plus > scores.mpq_plus


def test_mpq_follows_its_definition(images, scores):
    of_images = []
    for image in images:
        counts = [slow_panoptic(*image, c) for c in range(1, NUM_TYPES)]
        of_images.append(np.mean([slow_pq(*c) for c in counts if c[0] + c[2]]))
    assert scores.mpq == pytest.approx(np.mean(of_images))
    assert scores.mpq != pytest.approx(scores.mpq_plus)


def test_f1_of_types_follows_its_definition(images, scores):
    for kind in (1, 2, 3):
        expected = slow_f1_of_type(images, kind, radius_px=12)
        assert scores.classified_by_type[kind].f1 == pytest.approx(expected)
    assert scores.classified_by_type[1].f1 > 0.5


def test_tissues_have_equal_weight():
    truth, half, types = np.array([[1, 1, 0, 2, 2]]), np.array([[1, 1, 0, 0, 0]]), np.array([0, 1, 2])
    good = score_image(truth, truth, types, types, num_types=3, tissue="colon")
    poor = score_image(truth, half, types, types, num_types=3, tissue="breast")
    empty = score_image(np.zeros_like(truth), half, types, types, num_types=3, tissue="breast")
    scores = SetScores((good, good, good, poor, empty))
    assert scores.bpq == pytest.approx((1 + 2 / 3) / 2)
    assert scores.mpq == pytest.approx((1 + 1 / 2) / 2)
    assert scores.pq == pytest.approx((3 + 2 / 3 + 0) / 5)
    assert scores.mpq_plus == pytest.approx((4 / (4 + 1 / 2) + 3 / (3 + 1 / 2)) / 2)


def test_means_weigh_images_and_pooled_scores_weigh_nuclei(scores):
    assert scores.aji == pytest.approx(np.mean([image.aji for image in scores.images]))
    assert scores.panoptic.truth == sum(image.panoptic.truth for image in scores.images)
    assert scores.detection.tp == sum(image.detection.tp for image in scores.images)


def test_untyped_images_count_in_scores_without_types_alone():
    truth, types = np.array([[1, 1, 0, 2, 2]]), np.array([0, 1, 2])
    typed = score_image(truth, truth, types, types, num_types=3)
    untyped = score_image(truth, np.zeros_like(truth))
    both = SetScores((typed, untyped))
    assert (both.mpq, both.mpq_plus, both.bpq) == (1.0, 1.0, 0.5)
    assert SetScores((untyped,)).panoptic_by_type == ()
    assert math.isnan(SetScores((untyped,)).mpq_plus)


def test_empty_set_is_rejected():
    with pytest.raises(ValueError, match="no images to score"):
        SetScores(())
