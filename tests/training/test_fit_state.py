"""An interrupted fit resumes exactly; a state that does not belong to it is refused."""

import copy
import dataclasses

import pytest
import torch
from small_fits import SETTINGS, Points, SmallNetwork, have_same_weights, run_fit, seeded_network, squares, step_values
from torch import nn

from napari_pathprune.training.fit import fit
from napari_pathprune.training.fit_events import FitDone, Validated


@pytest.fixture
def model():
    return seeded_network()


@pytest.mark.parametrize(("until", "saved"), [(3, 3), (5, 3), (7, 6), (8, 8)])
def test_an_interrupted_fit_resumes_exactly(model, tmp_path, until, saved):
    straight, state = copy.deepcopy(model), tmp_path / "fit.state"
    expected = step_values(run_fit(straight))
    run_fit(copy.deepcopy(model), until=until, state=state)
    fresh = SmallNetwork()  # another process starts from other weights
    assert step_values(run_fit(fresh, state=state)) == expected[saved:]
    assert have_same_weights(fresh, straight)
    assert [path.name for path in tmp_path.iterdir()] == ["fit.state"]


def test_a_fit_interrupted_before_its_first_state_starts_again(model, tmp_path):
    straight, state = copy.deepcopy(model), tmp_path / "fit.state"
    expected = step_values(run_fit(straight))
    run_fit(copy.deepcopy(model), until=2, state=state)
    assert not state.exists()
    assert step_values(run_fit(model, state=state)) == expected


def test_the_moments_of_the_optimizer_are_restored(model, tmp_path):
    """Without them the weights would differ."""
    straight, forgetful, state = copy.deepcopy(model), copy.deepcopy(model), tmp_path / "fit.state"
    run_fit(straight)
    run_fit(copy.deepcopy(model), until=4, state=state)
    content = torch.load(state, weights_only=True)
    for moments in content["optimizer"]["state"].values():
        moments["exp_avg"].zero_()
    torch.save(content, state)
    run_fit(forgetful, state=state)
    assert not have_same_weights(forgetful, straight)


def test_a_finished_fit_is_not_repeated(model, tmp_path):
    state = tmp_path / "fit.state"
    run_fit(model, state=state)
    other = SmallNetwork()
    events = run_fit(other, state=state)
    assert [type(e) for e in events] == [FitDone]
    assert have_same_weights(other, model)


@pytest.mark.parametrize("change", [{"weight_decay": 0.5}, {"steps": 9}, {"batch": 1}])
def test_a_state_of_other_settings_is_refused(model, tmp_path, change):
    state = tmp_path / "fit.state"
    run_fit(model, until=4, state=state)
    before = state.read_bytes()
    with pytest.raises(ValueError, match=rf"{next(iter(change))} = .*remove the file"):
        run_fit(SmallNetwork(), dataclasses.replace(SETTINGS, **change), state=state)
    assert state.read_bytes() == before


def test_a_state_of_other_data_is_refused(model, tmp_path):
    state = tmp_path / "fit.state"
    patches = Points(SETTINGS.steps * SETTINGS.batch)
    stream = fit(model, patches, squares, SETTINGS, state=state, about={"data": "a"})
    for _ in range(4):
        next(stream)
    stream.close()
    with pytest.raises(ValueError, match="data = a, but it is b now"):
        next(fit(SmallNetwork(), patches, squares, SETTINGS, state=state, about={"data": "b"}))


def test_a_state_of_another_model_is_refused(model, tmp_path):
    state = tmp_path / "fit.state"
    run_fit(model, until=4, state=state)
    other = SmallNetwork()
    other.layers[0] = nn.Conv2d(3, 4, 5, padding=2)
    with pytest.raises(ValueError, match="another model"):
        run_fit(other, state=state)


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_file_that_is_not_a_state_is_refused(model, tmp_path, content):
    state = tmp_path / "fit.state"
    if content is None:
        torch.save([1, 2], state)
    else:
        state.write_bytes(content)
    with pytest.raises(ValueError, match="not the state of a fit"):
        run_fit(model, state=state)


def test_the_result_of_a_validation_is_in_the_state(model, tmp_path):
    settings = dataclasses.replace(SETTINGS, validate_every=3, save_every=1000)
    state, patches = tmp_path / "fit.state", Points(SETTINGS.steps * SETTINGS.batch)
    stream = fit(model, patches, squares, settings, validate=lambda _: {"pq": 0.5}, state=state)
    assert next(event for event in stream if isinstance(event, Validated)).best
    assert torch.load(state, weights_only=True)["best_score"] == 0.5


@pytest.mark.parametrize("until", [3, 5, 6])
def test_a_resumed_fit_keeps_its_best_weights(model, tmp_path, until):
    settings = dataclasses.replace(SETTINGS, validate_every=2, save_every=1)

    def score(scored):  # rises until about step 4, then falls
        return {"pq": -abs(float(scored.layers[0].weight.detach().std()) - 0.19)}

    straight, state = copy.deepcopy(model), tmp_path / "fit.state"
    expected = run_fit(straight, settings, validate=score)
    run_fit(model, settings, validate=score, state=state, until=until)
    fresh = SmallNetwork()
    events = run_fit(fresh, settings, validate=score, state=state)
    assert events[-1].best_step == expected[-1].best_step
    assert have_same_weights(fresh, straight)


def test_a_state_without_times_and_norms_can_be_resumed(model, tmp_path):
    """Older states have neither ``seconds`` nor the setting ``norms``."""
    state = tmp_path / "fit.state"
    run_fit(model, until=4, state=state)
    content = torch.load(state, weights_only=True)
    del content["seconds"], content["settings"]["norms"]
    torch.save(content, state)
    assert run_fit(SmallNetwork(), state=state)[0].step == 4
