import pytest

from napari_pathprune.plugin.jobs.model_job import describe_model, measure_model, save_renamed
from napari_pathprune.workflows.checkpoint import load
from napari_pathprune.workflows.info import measure_speed as module


def test_a_model_is_described():
    [event] = describe_model("hovernet-s-compact")
    assert event.source == "hovernet-s-compact"
    assert event.description.cost.cost.params == 326_185
    assert (event.done, event.total) == (1, 1)


def test_a_model_that_does_not_exist_raises_an_error():
    with pytest.raises(ValueError, match="there is no model"):
        list(describe_model("nothing"))


def test_the_speed_is_measured_on_the_chosen_device(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "measure_speed", lambda checkpoint, device: asked.append((checkpoint.mpp, device)))
    [event] = measure_model("hovernet-s-compact", "cpu")
    assert asked == [(0.25, "cpu")]
    assert event.speed is None


def test_renamed_types_are_saved_as_a_new_file(tmp_path):
    out = tmp_path / "renamed.safetensors"
    names = ("background", "tumour", "immune", "stroma")
    [event] = save_renamed("hovernet-s-compact", names, out)
    assert (event.source, event.line) == (str(out), "Saved renamed.safetensors.")
    assert load(out).type_names == names
