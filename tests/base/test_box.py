"""Boxes are four ordered whole numbers, and are clipped to the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_pathprune.base.box import check_box, clip_box


def test_numpy_integers_become_python_integers() -> None:
    box = check_box(tuple(np.array([1, 2, 3, 4])))
    assert box == (1, 2, 3, 4)
    assert {type(side) for side in box} == {int}


@pytest.mark.parametrize("box", [(1, 2, 3), (1, 2, 3, 4, 5), (1.0, 2, 3, 4), ("1", 2, 3, 4), 7, None])
def test_four_whole_numbers_are_expected(box: Any) -> None:
    with pytest.raises(ValueError, match="four whole numbers"):
        check_box(box)


@pytest.mark.parametrize("box", [(3, 0, 2, 1), (0, 3, 1, 2)])
def test_sides_in_the_wrong_order_are_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="y0 <= y1 and x0 <= x1"):
        check_box(box)


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        ((2, 3, 8, 9), (2, 3, 8, 9)),
        ((-5, -6, 4, 50), (0, 0, 4, 20)),
        ((30, 2, 40, 9), (10, 2, 10, 9)),
        ((-9, -9, -2, -2), (0, 0, 0, 0)),
    ],
)
def test_a_box_is_clipped_to_the_plane(box: tuple[int, int, int, int], clipped: tuple[int, int, int, int]) -> None:
    assert clip_box(box, (10, 20)) == clipped
