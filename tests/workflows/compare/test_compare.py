"""Scores, counts and disagreements of two drawn segmentations."""

from dataclasses import replace

import numpy as np
import pytest

from napari_pathprune.instances.image_scores import score_image
from napari_pathprune.workflows.compare import compare as module
from napari_pathprune.workflows.compare.compare import BlockCompared, CompareFinished, compare, list_blocks


def finish(a, b, **options):
    *_, end = compare(a, b, **options)
    assert isinstance(end, CompareFinished)
    return end.comparison


def test_scores_equal_those_of_whole_maps(dense, compact, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_PX", 37)  # nuclei are cut by many blocks
    one = finish(dense, compact)
    whole = score_image(dense.labels, compact.labels, mpp=0.5)
    assert one.panoptic == whole.panoptic
    assert (one.panoptic.tp, one.panoptic.fp, one.panoptic.fn) == (3, 1, 1)
    assert (one.aji, one.aji_plus, one.dice) == pytest.approx((whole.aji, whole.aji_plus, whole.dice))
    assert one.detection == whole.detection


def test_boundary_f1_does_not_depend_on_blocks(dense, compact, monkeypatch):
    whole = finish(dense, compact).boundary
    monkeypatch.setattr(module, "BLOCK_PX", 41)
    assert finish(dense, compact).boundary == whole
    assert 0.5 < whole.f1 < 1


def test_disagreements_name_place_size_and_types(dense, compact):
    one = finish(dense, compact)
    rows = one.disagreements
    assert rows.status.tolist() == [2, 3, 4]  # only A, only B, type changed
    assert rows.id_a.tolist() == [3, 0, 2]
    assert rows.id_b.tolist() == [0, 30, 20]
    assert list(zip(rows.y.tolist(), rows.x.tolist(), strict=True)) == [(100, 100), (60, 200), (30, 90)]
    assert rows.area_a[0] == (dense.labels == 3).sum()
    assert [one.type_names[kind] for kind in rows.type_a] == ["stroma", "no type", "tumour"]
    assert [one.type_names[kind] for kind in rows.type_b] == ["no type", "stroma", "stroma"]
    assert rows.probability_b[1] == pytest.approx(compact.probabilities[2])
    assert one.agreed == 2


def test_types_are_compared_by_name(dense, compact):
    one = finish(dense, compact)
    assert one.type_names == ("no type", "tumour", "stroma")
    assert one.by_type_a.tolist() == [0, 2, 2]
    assert one.by_type_b.tolist() == [0, 1, 3]
    assert one.confusion.tolist() == [[0, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert one.type_agreement == pytest.approx(2 / 3)


def test_without_types_on_one_side_no_type_changes(dense, compact):
    one = finish(dense, replace(compact, type_names=(), types=np.zeros(4, np.int64)))
    assert one.type_agreement is None
    assert one.disagreements.status.tolist() == [2, 3]
    assert one.agreed == 3


def test_only_the_common_region_counts_and_nuclei_on_its_edge_are_whole(dense, compact):
    part = replace(compact, region=(0, 0, 200, 94), labels=np.where(compact.labels == 20, 20, 0))
    one = finish(dense, part)
    assert one.region == (0, 0, 200, 94)
    assert one.matching.pairs.tolist() == [[2, 20]]
    assert one.matching.iou[0] == finish(dense, compact).matching.iou[1]  # not cut at column 94
    assert one.nuclei_a == 2  # the centre of nucleus 3 is outside


def test_a_segmentation_agrees_with_itself(dense):
    one = finish(dense, replace(dense, name="again"), is_truth=True)
    scores = one.scores()
    assert set(scores.values()) == {1.0}
    assert one.word == "accuracy"
    assert len(one.disagreements) == 0
    assert one.worst == ()


def test_empty_segmentations_agree(dense):
    empty = replace(dense, labels=np.zeros(dense.slide_shape, np.int32))
    one = finish(empty, empty)
    assert one.panoptic.pq == one.boundary.f1 == 1.0
    assert finish(dense, empty).panoptic.pq == 0.0


def test_events_count_blocks(dense, compact, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_PX", 100)
    events = list(compare(dense, compact))
    assert [(event.done, event.total) for event in events] == [(done, 7) for done in (*range(1, 7), 7)]
    assert all(isinstance(event, BlockCompared) for event in events[:-1])
    assert events[-1].line == "PQ 0.671: 2 of 5 nuclei agree"


def test_blocks_without_nuclei_are_skipped_and_nothing_changes(dense, compact, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_PX", 50)
    boxes = [
        np.array([[y - 8, x - 8, y + 9, x + 9] for y, x in places])
        for places in (((30, 30), (30, 90), (100, 100), (150, 250)), ((30, 30), (31, 90), (60, 200), (150, 251)))
    ]
    a, b = (replace(side, boxes=box) for side, box in zip((dense, compact), boxes, strict=True))
    assert len(list_blocks((0, 0, 200, 300), dense, compact)) == 24
    assert len(list_blocks((0, 0, 200, 300), a, b)) < 16
    assert finish(a, b).to_dict() == finish(dense, compact).to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slide": "other.svs"}, r"dense is of slide slide.svs, compact of other.svs"),
        ({"slide_shape": (200, 301)}, r"200 x 300 px, compact of 200 x 301 px"),
    ],
)
def test_other_slides_are_refused(dense, compact, change, message):
    with pytest.raises(ValueError, match=message):
        next(compare(dense, replace(compact, **change)))


def test_regions_that_do_not_overlap_are_refused(dense, compact):
    with pytest.raises(ValueError, match="compare results that overlap"):
        next(compare(replace(dense, region=(0, 0, 9, 9)), replace(compact, region=(9, 0, 20, 20))))


def test_numbers_as_json(dense, compact):
    content = finish(dense, compact).to_dict()
    assert content["scores_are"] == "agreement"
    assert content["nuclei"] == {"a": 4, "b": 4}
    assert content["types"]["tumour"]["a"] == 2
    assert content["area_mm2"] == pytest.approx(0.015)
    assert content["types"]["tumour"]["b_per_mm2"] == pytest.approx(1 / 0.015)
    assert content["confusion"]["tumour"] == {"tumour": 1, "stroma": 1}
    assert (content["only_a"], content["only_b"], content["type_changed"], content["agreed"]) == (1, 1, 1, 2)


def test_unknown_pixel_size_leaves_out_what_needs_it(dense, compact):
    one = finish(replace(dense, mpp=None), replace(compact, mpp=None))
    assert one.scores()["f1"] is None
    assert one.density(3) is None
    assert one.area_mm2 is None
