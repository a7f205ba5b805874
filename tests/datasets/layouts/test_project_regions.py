"""Which regions of a project may teach."""

import json

import pytest

from napari_pathprune.datasets.layouts.project_regions import (
    RegionRecord,
    find_test_region,
    read_regions,
    select_regions,
)


def record(box, part="train", revision=1, slide="s", path=""):
    name = f"{slide}_{'_'.join(map(str, box))}_r{revision}"
    return RegionRecord(name, slide, path, box, (0.5, 0.5), 0.5, part, revision)


A, INSIDE_A, BESIDE_A = (0, 0, 10, 10), (2, 2, 4, 4), (0, 10, 10, 20)


def test_only_the_latest_revision_of_a_region_counts():
    records = [record(A, revision=2), record(A), record(A, slide="other"), record(A, revision=10)]
    assert [r.name for r in select_regions(records)] == ["other_0_0_10_10_r1", "s_0_0_10_10_r10"]


def test_a_region_that_was_a_test_region_never_teaches_even_if_a_later_revision_is_training():
    records = [record(A, "test"), record(A, "train", 2)]
    assert select_regions(records, "train") == ()
    assert select_regions(records, "test") == ()


def test_a_region_overlapping_a_test_region_of_the_same_slide_does_not_teach():
    others = [record(INSIDE_A), record(BESIDE_A), record(INSIDE_A, slide="other")]
    teaching = select_regions([record(A, "test"), *others], "train")
    assert {region.name for region in teaching} == {region.name for region in others[1:]}


def test_slides_of_one_path_are_one_slide_whatever_their_names():
    test = record(A, "test", slide="a", path="/slides/1.svs")
    assert find_test_region(record(INSIDE_A, slide="b", path="/slides/1.svs"), [test]) is test
    assert find_test_region(record(INSIDE_A, slide="b"), [test]) is None


def test_a_record_is_read_as_it_was_written(tmp_path):
    (tmp_path / "regions").mkdir()
    original = record(A, "test", path="/slides/1.svs")
    (tmp_path / "regions" / f"{original.name}.json").write_text(json.dumps(original.to_json()))
    assert read_regions(tmp_path) == (original,)


@pytest.mark.parametrize("change", [{"part": "other"}, {"box_yxyx_px": [3, 0, 1, 1]}, {"slide_mpp": 1}])
def test_a_damaged_record_is_named(tmp_path, change):
    (tmp_path / "regions").mkdir()
    path = tmp_path / "regions" / "a.json"
    path.write_text(json.dumps({**record(A).to_json(), **change}))
    with pytest.raises(ValueError, match=r"a\.json is not a record of an annotated region"):
        read_regions(tmp_path)
