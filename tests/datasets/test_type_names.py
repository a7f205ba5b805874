"""Type names match regardless of spelling, by the first name of a class that the model has."""

import pytest

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, find_type, normalise_name, number_types


@pytest.mark.parametrize("name", ["Connective/Soft_tissue", "connective  soft-tissue", " CONNECTIVE SOFT TISSUE "])
def test_case_and_separators_are_ignored(name):
    assert normalise_name(name) == "connective soft tissue"


def test_the_first_name_that_the_model_has_counts():
    numbers = number_types(["background", "epithelial", "Healthy epithelial"])
    assert find_type(("healthy-epithelial", "epithelial"), numbers) == 2
    assert find_type(("malignant epithelial", "epithelial"), numbers) == 1
    assert find_type(("muscle",), numbers) == find_type((), numbers) == UNKNOWN_TYPE


def test_an_exact_match_comes_before_another_spelling():
    numbers = number_types(["background", "Muscle", "muscle"])
    assert [find_type((name,), numbers) for name in ("Muscle", "muscle")] == [1, 2]
