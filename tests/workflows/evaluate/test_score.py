"""A score has a row for a table and values for JSON; undefined scores have a dash and None."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_pathprune.base.score_names import UNKNOWN
from napari_pathprune.instances.image_scores import ImageScores, score_image
from napari_pathprune.instances.set_scores import SetScores
from napari_pathprune.workflows.evaluate.score import COLUMNS, ImageScored, ModelScored, Score


@pytest.fixture
def perfect(two_discs: np.ndarray) -> ImageScores:
    return score_image(two_discs, two_discs, name="a")


def make_score(*images: ImageScores, type_names: tuple[str, ...] = ()) -> Score:
    return Score("tiny", SetScores(images), 2.5, type_names)


def test_a_row_fits_the_columns(perfect: ImageScores) -> None:
    row = dict(zip(COLUMNS, make_score(perfect).row(), strict=True))
    assert (row["model"], row["images"], row["PQ"], row["s / megapixel"]) == ("tiny", "1", "1.000", "2.5")
    assert row["mPQ+"] == UNKNOWN


def test_undefined_scores_are_none_in_json(perfect: ImageScores) -> None:
    content = json.loads(json.dumps(make_score(perfect).to_dict(), allow_nan=False))
    assert (content["pq"], content["mpq_plus"], content["types"]) == (1.0, None, {})


def test_images_of_the_same_name_are_numbered(perfect: ImageScores) -> None:
    assert make_score(perfect, perfect).to_dict()["per_image"] == {"a": 1.0, "a (2)": 1.0}


def test_types_without_a_name_are_shown_by_number(two_discs: np.ndarray) -> None:
    types = np.zeros(8, np.int64)
    types[[3, 7]] = 1, 2
    image = score_image(two_discs, two_discs, types, types, num_types=3, name="a")
    shown = make_score(image, type_names=("background", "round")).to_dict()["types"]
    assert list(shown) == ["round", "2"]
    assert shown["round"] == {"pq_plus": 1.0, "f1": 1.0, "truth": 1, "found": 1}


def test_events_have_a_line(perfect: ImageScores) -> None:
    assert ImageScored("tiny", "a", 0.5, 1, 2).line == "tiny on a: PQ 0.500"
    assert ModelScored(make_score(perfect), 1, 1).line == "tiny: PQ 1.000 on 1 images"
