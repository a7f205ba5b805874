"""A preview states the sizes and widths that the engine's cut then has."""

import pytest

from napari_pathprune.plugin.jobs.compress import cut_preview as module
from napari_pathprune.plugin.jobs.compress.cut_preview import CutSettings, cut_model, preview_cut, read_model
from napari_pathprune.plugin.jobs.compress.speed_curve import SpeedCurve
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


def test_widths_set_by_hand_stay_and_the_others_make_up_the_target(read):
    before = {width.name: width for width in preview_cut(read, CutSettings("macs", 0.3)).widths}
    name = max(before, key=lambda name: before[name].dense_width)
    count = before[name].dense_width - before[name].splits
    preview = preview_cut(read, CutSettings("macs", 0.3, widths=((name, count),)))
    after = {width.name: width.width for width in preview.widths}
    assert after[name] == count != before[name].width
    assert preview.macs[1] / preview.macs[0] == pytest.approx(0.3, rel=0.02)
    assert cut_model(read, preview.plan).params == preview.params[1]


def test_a_share_of_the_time_is_reached_by_the_macs_that_a_curve_predicts(read):
    with pytest.raises(ValueError, match="is being measured"):
        preview_cut(read, CutSettings("latency", 0.5))
    curve = SpeedCurve(((0.1, 0.3), (1.0, 1.0)), "CPU, 1 thread")
    preview = preview_cut(read, CutSettings("latency", 0.5), curve)
    share = preview.macs[1] / preview.macs[0]
    assert share == pytest.approx(curve.find_macs(0.5), rel=0.02)
    assert curve.predict(share) == pytest.approx(0.5, rel=0.02)
    with pytest.raises(ValueError, match=r"only 4\.5 times faster; ask for less"):
        preview_cut(read, CutSettings("latency", 0.1), SpeedCurve(((0.1, 1 / 4.5), (1.0, 1.0)), "CPU"))


def test_the_reason_for_a_device_is_stated(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert module.explain_device("cpu").endswith(": chosen in Preferences")
    assert module.explain_device("auto").endswith(": no GPU (CUDA or MPS) was found")
    with pytest.raises(ValueError, match="which this machine does not have"):
        module.explain_device("cuda")


def test_a_criterion_that_needs_images_has_widths_and_no_plan(read):
    preview = preview_cut(read, CutSettings(keep=0.3, criterion="taylor"))
    assert preview.plan is None
    assert preview.recipe.criterion == ""
    assert preview.widths == preview_cut(read, CutSettings(keep=0.3)).widths


def test_an_impossible_target_states_why(read):
    with pytest.raises(ValueError, match="these limits leave at least"):
        preview_cut(read, CutSettings(keep=0.05, max_skip_ratio=0.1))


def test_the_choices_are_those_of_the_engine():
    assert set(module.CRITERIA) == {*CRITERIA, "taylor"}
    assert set(module.DECIDERS) == set(Decider.__args__)
