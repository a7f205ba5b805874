"""A preview states the sizes and widths that the engine's cut then has."""

import pytest

from napari_pathprune.plugin.jobs.compress import cut_preview as module
from napari_pathprune.plugin.jobs.compress.cut_preview import CutSettings, cut_model, preview_cut, read_model
from napari_pathprune.pruning.scoring.criteria import CRITERIA
from napari_pathprune.pruning.scoring.deciders import Decider
from napari_pathprune.workflows.checkpoint import Checkpoint, save


@pytest.fixture
def read(tiny_hovernet, tmp_path):
    config = {"mode": "fast", "num_types": 4, "width": 0.0625}
    names = ("background", "neoplastic", "inflammatory", "connective")
    save(Checkpoint("hovernet", config, tiny_hovernet.state_dict(), type_names=names), tmp_path / "tiny.safetensors")
    (read,) = read_model(str(tmp_path / "tiny.safetensors"))
    return read


def test_the_cut_model_has_the_size_of_the_preview(read):
    preview = preview_cut(read, CutSettings("params", 0.3))
    small = cut_model(read, preview.plan)
    assert preview.params == (read.checkpoint.params, small.params)
    assert small.params / read.checkpoint.params == pytest.approx(0.3, rel=0.02)
    assert sum(width.width < width.dense_width for width in preview.widths) > 20
    small.model()  # the weights fit


def test_settings_reach_the_engine(read):
    skip = [
        width for width in preview_cut(read, CutSettings(keep=0.5, max_skip_ratio=0.0)).widths if width.kind == "skip"
    ]
    assert skip
    assert all(width.width == width.dense_width for width in skip)
    name = next(
        width.name for width in preview_cut(read, CutSettings(keep=0.3)).widths if width.width < width.dense_width
    )
    whole = {width.name: width for width in preview_cut(read, CutSettings(keep=0.3, whole=(name,))).widths}
    assert whole[name].width == whole[name].dense_width


def test_a_criterion_that_needs_images_has_widths_and_no_plan(read):
    preview = preview_cut(read, CutSettings(keep=0.3, criterion="taylor"))
    assert preview.plan is None
    assert preview.widths == preview_cut(read, CutSettings(keep=0.3)).widths


def test_an_impossible_target_states_why(read):
    with pytest.raises(ValueError, match="these limits leave at least"):
        preview_cut(read, CutSettings(keep=0.05, max_skip_ratio=0.1))


def test_the_choices_are_those_of_the_engine():
    assert set(module.CRITERIA) == {*CRITERIA, "taylor"}
    assert set(module.DECIDERS) == set(Decider.__args__)
