"""Names are the same in whatever spelling, and a class is the first of its names that the model has."""

import pytest

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, find_type, normalise_name, number_types


@pytest.mark.parametrize("name", ["Connective/Soft_tissue", "connective  soft-tissue", " CONNECTIVE SOFT TISSUE "])
def test_case_and_what_parts_words_do_not_count(name):
    assert normalise_name(name) == "connective soft tissue"


def test_the_first_name_that_the_model_has_counts():
    numbers = number_types(["background", "epithelial", "Healthy epithelial"])
    assert find_type(("healthy-epithelial", "epithelial"), numbers) == 2
    assert find_type(("malignant epithelial", "epithelial"), numbers) == 1
    assert find_type(("muscle",), numbers) == find_type((), numbers) == UNKNOWN_TYPE


def test_of_two_types_that_differ_in_spelling_alone_the_exact_one_counts():
    numbers = number_types(["background", "Muscle", "muscle"])
    assert [find_type((name,), numbers) for name in ("Muscle", "muscle")] == [1, 2]
