import numpy as np
import pytest

from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.info.rename_types import check_names, rename_types
from napari_pathprune.workflows.train.named_types import have_same_types

NAMES = ("background", "tumour", "immune")


def test_a_renamed_model_is_a_new_file_with_the_same_weights(model_file, tmp_path):
    before, out = load(model_file), tmp_path / "renamed.safetensors"
    rename_types(str(model_file), NAMES, out)
    after = load(out)
    assert after.type_names == NAMES
    assert after.lineage[-1] == {"step": "types named", "before": list(before.type_names)}
    assert after.fingerprint() == before.fingerprint()
    assert have_same_types(before, after)
    assert load(model_file).type_names == before.type_names


def test_a_file_is_never_overwritten(model_file):
    content = np.fromfile(model_file, np.uint8)
    with pytest.raises(ValueError, match="exists already"):
        rename_types(str(model_file), NAMES, model_file)
    np.testing.assert_array_equal(np.fromfile(model_file, np.uint8), content)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("background", "tumour"), "got 2 names; the model has 3 types"),
        (("background", " ", "immune"), "a type has no name"),
        (("background", "Tumour", "tumour "), "two types are named 'tumour'"),
    ],
)
def test_names_that_do_not_fit_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        check_names(names, ("background", "type 1", "type 2"))
