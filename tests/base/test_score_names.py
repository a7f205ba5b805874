"""Scores are named as the literature names them, and written alike everywhere."""

from __future__ import annotations

import math

from napari_pathprune.base.score_names import UNKNOWN, format_score, score_name
from napari_pathprune.workflows.evaluate.score import COLUMNS


def test_the_columns_of_evaluate_carry_the_same_names() -> None:
    names = {score_name(key) for key in ("pq", "dq", "sq", "mpq_plus", "aji", "dice", "f1")}
    assert names <= set(COLUMNS)


def test_an_unknown_score_keeps_its_key() -> None:
    assert score_name("hausdorff") == "hausdorff"


def test_scores_have_three_decimals_and_missing_ones_a_dash() -> None:
    assert format_score(0.0005) == "0.001"
    assert [format_score(score) for score in (None, math.nan, math.inf)] == [UNKNOWN] * 3
