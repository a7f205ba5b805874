"""Facts that a comparison derives from its matching."""

from napari_pathprune.workflows.compare.compare import compare


def test_types_that_do_not_occur_are_not_shown(dense, compact):
    *_, end = compare(dense, compact)
    assert end.comparison.shown_types() == (1, 2)
    assert end.comparison.density(3) == 3 / end.comparison.area_mm2
