"""Names are the same in whatever spelling, and a class is the first of its names that the model has."""

import pytest

from napari_pathprune.datasets.type_names import UNKNOWN_TYPE, number_of, numbering, plain


@pytest.mark.parametrize("name", ["Connective/Soft_tissue", "connective  soft-tissue", " CONNECTIVE SOFT TISSUE "])
def test_case_and_what_parts_words_do_not_count(name):
    assert plain(name) == "connective soft tissue"


def test_the_first_name_that_the_model_has_counts():
    numbers = numbering(["background", "epithelial", "Healthy epithelial"])
    assert number_of(("healthy-epithelial", "epithelial"), numbers) == 2
    assert number_of(("malignant epithelial", "epithelial"), numbers) == 1
    assert number_of(("muscle",), numbers) == number_of((), numbers) == UNKNOWN_TYPE


def test_of_two_types_that_differ_in_spelling_alone_the_exact_one_counts():
    numbers = numbering(["background", "Muscle", "muscle"])
    assert [number_of((name,), numbers) for name in ("Muscle", "muscle")] == [1, 2]
