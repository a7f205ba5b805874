"""The fit loop trains, averages, validates and stops as its settings ask."""

import copy
import dataclasses
import errno
from pathlib import Path

import numpy as np
import pytest
import torch
from small_fits import SETTINGS, Points, SmallNetwork, have_same_weights, run_fit, seeded_network, squares, step_values
from torch import nn
from two_convolutions import TwoConvolutions

from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.training.fit import NotFinite, check_fit, fit
from napari_pathprune.training.fit_events import FitDone, StepDone, Validated
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.training.learning_rate import learning_rate_at
from napari_pathprune.training.losses import hovernet_losses
from napari_pathprune.training.random_patches import RandomPatches


@pytest.fixture
def model():
    return seeded_network()


def test_events_count_the_steps_and_end(model):
    events = run_fit(model)
    assert [e.step for e in events[:-1]] == list(range(1, 9))
    assert {e.steps for e in events} == {8}
    assert isinstance(events[-1], FitDone)
    assert [e.learning_rate for e in events[:-1]] == [learning_rate_at(step, SETTINGS) for step in range(8)]
    assert not model.training


def test_the_loss_falls(model):
    settings = dataclasses.replace(SETTINGS, steps=60)
    losses = [loss["np_mse"] for _, loss, _ in step_values(run_fit(model, settings))]
    assert np.mean(losses[-10:]) < 0.2 * np.mean(losses[:5])


def test_the_averaged_model_improves_too(model):
    batch = {name: torch.stack([Points(9)[i][name] for i in range(9)]) for name in ("image", "nuclear")}
    before = squares(model.eval()(batch["image"]), batch)["np_mse"].item()
    run_fit(model, dataclasses.replace(SETTINGS, steps=60))
    assert squares(model(batch["image"]), batch)["np_mse"].item() < 0.5 * before


def test_a_state_is_written_after_the_longest_interval(model, tmp_path, monkeypatch):
    state = tmp_path / "fit.state"
    monkeypatch.setattr("napari_pathprune.training.fit.SAVE_AFTER_S", 0.0)
    run_fit(model, dataclasses.replace(SETTINGS, save_every=1000), until=2, state=state)
    assert torch.load(state, weights_only=True)["step"] == 2


def test_a_full_disk_leaves_no_partial_state(model, tmp_path, monkeypatch):
    def fill_disk(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_disk)
    with pytest.raises(OSError, match="disk full"):
        run_fit(model, state=tmp_path / "fit.state")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_state(model, tmp_path, bad):
    state, steps = tmp_path / "fit.state", iter(range(100))

    def break_at_step_5(maps, batch):
        return {name: value * (bad if next(steps) == 4 else 1.0) for name, value in squares(maps, batch).items()}

    with pytest.raises(NotFinite, match=r"loss is not finite at step 5; .* learning rate below 0\.02.*fit\.state"):
        run_fit(model, state=state, losses=break_at_step_5)
    content = torch.load(state, weights_only=True)
    assert content["step"] == 3
    lower = dataclasses.replace(SETTINGS, learning_rate=SETTINGS.learning_rate / 10)
    first, *_ = run_fit(model, lower, state=state)
    assert isinstance(first, StepDone)
    assert (first.step, first.learning_rate) == (4, learning_rate_at(3, lower))
    assert all(t.isfinite().all() for t in content["model"].values())


def test_a_gradient_that_is_not_finite_stops_before_the_weights_change(model, tmp_path):
    state, steps = tmp_path / "fit.state", iter(range(100))

    def break_at_step_6(maps, batch):
        zero = (maps["np"] * 0.0).sum()  # the slope of a square root at zero is infinite
        return squares(maps, batch) | {"root": zero.sqrt() if next(steps) == 5 else zero}

    with pytest.raises(ValueError, match="gradient is not finite at step 6"):
        run_fit(model, state=state, losses=break_at_step_6)
    assert all(t.isfinite().all() for t in torch.load(state, weights_only=True)["model"].values())
    assert all(p.isfinite().all() for p in model.parameters())


def test_after_a_loss_that_is_not_finite_the_model_has_the_last_good_average(model):
    good, steps = copy.deepcopy(model), iter(range(100))
    *_, done = run_fit(good, dataclasses.replace(SETTINGS, steps=4, schedule="constant", warmup=0.0))

    def break_at_step_5(maps, batch):
        bad = float("nan") if next(steps) == 4 else 1.0
        return {name: value * bad for name, value in squares(maps, batch).items()}

    with pytest.raises(NotFinite):
        run_fit(model, dataclasses.replace(SETTINGS, schedule="constant", warmup=0.0), losses=break_at_step_5)
    assert done.steps == 4
    assert not model.training
    assert have_same_weights(model, good)


def test_without_a_state_the_message_names_none(model):
    with pytest.raises(ValueError, match="not finite") as caught:
        run_fit(model, losses=lambda maps, _: {"x": maps["np"].sum() * float("nan")})
    assert "last good state" not in str(caught.value)


def test_a_network_learns_two_discs(two_discs):
    """Patches, targets, losses and the loop together, on one picture."""
    pixels = np.where((two_discs > 0)[..., None], (90, 60, 130), (230, 200, 220)).astype(np.uint8)
    types = np.array([0, -1, -1, 1, -1, -1, -1, 2])
    image = AnnotatedImage("discs", pixels, two_discs, types)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TwoConvolutions(num_types=3, width=0.125)
    for layer in model.output_layers().values():
        nn.init.zeros_(layer.weight)
    settings = FitSettings(steps=20, batch=1, learning_rate=1e-2, accelerator="cpu")
    patches = RandomPatches([image], 64, model.output_shape(64, 64)[0], length=20, seed=1)
    losses = [e.losses for e in fit(model, patches, hovernet_losses, settings) if isinstance(e, StepDone)]
    assert list(losses[0]) == ["np_ce", "np_dice", "hv_mse", "hv_msge", "tp_ce", "tp_dice"]
    for name in ("np_ce", "tp_ce"):
        assert losses[-1][name] < 0.9 * losses[0][name], name


class Marks:
    """Returns the given scores one after the other, and keeps the weights that were scored."""

    def __init__(self, *marks):
        self.marks, self.seen = list(marks), []

    def __call__(self, model):
        assert not model.training
        self.seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return {"pq": self.marks[len(self.seen) - 1], "other": -1.0}


def test_the_best_weights_are_kept_and_the_last_ones_reported(model):
    marks = Marks(0.2, 0.6, 0.5, 0.4)
    events = run_fit(model, dataclasses.replace(SETTINGS, validate_every=2), validate=marks)
    validations = [e for e in events if isinstance(e, Validated)]
    assert [(e.step, e.scores["pq"], e.best) for e in validations] == [
        (2, 0.2, True),
        (4, 0.6, True),
        (6, 0.5, False),
        (8, 0.4, False),
    ]
    done = events[-1]
    assert (done.steps, done.best_step) == (8, 4)
    assert all(torch.equal(model.state_dict()[name], marks.seen[1][name]) for name in marks.seen[1])
    assert all(torch.equal(done.last[name], marks.seen[3][name]) for name in marks.seen[3])


def test_a_validation_does_not_change_the_training(model):
    alone, validated = copy.deepcopy(model), model

    def zero_weights(scored):
        for tensor in scored.state_dict().values():
            tensor.zero_()
        return {"pq": 0.0}

    expected = step_values(run_fit(alone))
    settings = dataclasses.replace(SETTINGS, validate_every=2)
    assert step_values(run_fit(validated, settings, validate=zero_weights)) == expected


def test_without_validate_every_there_is_one_validation_at_the_end(model):
    events = run_fit(model, validate=Marks(0.3))
    assert [e.step for e in events if isinstance(e, Validated)] == [8]


def test_the_fit_stops_early_when_no_score_improves(model, tmp_path):
    settings = dataclasses.replace(SETTINGS, validate_every=1, patience=2)
    state, marks = tmp_path / "fit.state", Marks(0.5, 0.4, 0.6, 0.6, 0.1)
    events = run_fit(model, settings, validate=marks, state=state)
    assert (events[-1].steps, events[-1].best_step) == (5, 4), "of equal scores the later weights"
    again = run_fit(SmallNetwork(), settings, validate=Marks(), state=state)
    assert [type(e) for e in again] == [FitDone]
    assert again[0].best_step == 4


def test_frozen_parameters_stay_and_their_norms_follow(model):
    before = copy.deepcopy(model)
    settings = dataclasses.replace(SETTINGS, frozen=("layers.0.*", "layers.1.*"))
    run_fit(model, settings)
    after, old = model.state_dict(), before.state_dict()
    assert torch.equal(after["layers.0.weight"], old["layers.0.weight"])
    assert torch.equal(after["layers.1.weight"], old["layers.1.weight"])
    assert not torch.equal(after["layers.1.running_mean"], old["layers.1.running_mean"])
    assert not torch.equal(after["layers.3.weight"], old["layers.3.weight"])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_kept_norms_use_the_statistics_of_the_initial_model(model):
    before = copy.deepcopy(model.state_dict())
    run_fit(model, dataclasses.replace(SETTINGS, norms="kept"))
    after = model.state_dict()
    for name in ("running_mean", "running_var"):
        assert torch.equal(after[f"layers.1.{name}"], before[f"layers.1.{name}"])
    assert not torch.equal(after["layers.1.weight"], before["layers.1.weight"])
    run_fit(model)  # a later phase uses the statistics of its batches again
    assert not torch.equal(model.state_dict()["layers.1.running_mean"], before["layers.1.running_mean"])


def test_a_penalty_shrinks_the_weights_it_depends_on(model):
    plain, shrunk = copy.deepcopy(model), model
    settings = dataclasses.replace(SETTINGS, steps=30)
    run_fit(plain, settings)
    events = run_fit(shrunk, settings, penalty=lambda: 0.5 * shrunk.layers[1].weight.abs().sum())
    assert events[0].losses["penalty"] == pytest.approx(0.5 * 4)
    assert shrunk.layers[1].weight.abs().sum() < 0.95 * plain.layers[1].weight.abs().sum()


def test_patches_from_worker_processes_are_the_same(model):
    alone, helped = copy.deepcopy(model), model
    assert step_values(run_fit(alone)) == step_values(run_fit(helped, dataclasses.replace(SETTINGS, workers=1)))


def test_half_precision_gives_nearly_the_same_losses(model):
    full, half = copy.deepcopy(model), model
    *first, _ = run_fit(full)
    *second, _ = run_fit(half, dataclasses.replace(SETTINGS, precision="bf16-mixed"))
    expected, found = ([event.losses["np_mse"] for event in events] for events in (first, second))
    assert found != expected
    assert found == pytest.approx(expected, rel=0.1)
    assert all(parameter.dtype == torch.float32 for parameter in half.parameters())


def test_a_missing_accelerator_is_named(model):
    with pytest.raises(ValueError, match=r"got accelerator 'tpu'.*which this machine does not have"):
        run_fit(model, dataclasses.replace(SETTINGS, accelerator="tpu"))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"frozen": ("encoder.*",)}, "which no parameter"), ({"precision": "32-treu"}, "precision '32-treu'")],
)
def test_a_mistake_in_a_later_phase_is_reported_at_once(model, change, words):
    check_fit(model, SETTINGS, dataclasses.replace(SETTINGS, frozen=("layers.0.*",), precision="bf16-mixed"))
    assert all(parameter.requires_grad for parameter in model.parameters())
    with pytest.raises(ValueError, match=words):
        check_fit(model, SETTINGS, dataclasses.replace(SETTINGS, **change))


def test_fitting_leaves_the_random_state_of_torch_alone(model):
    before = torch.get_rng_state()
    run_fit(model)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock of the fit loop by one that advances by a second at each reading."""
    readings = iter(range(10**6))
    monkeypatch.setattr("napari_pathprune.training.fit.time.perf_counter", lambda: float(next(readings)))


@pytest.mark.usefixtures("clock")
def test_the_time_before_an_interruption_counts(model, tmp_path):
    state = tmp_path / "fit.state"
    straight = run_fit(copy.deepcopy(model))
    assert {e.seconds for e in straight[:-1]} == {1.0}
    run_fit(model, until=4, state=state)
    content = torch.load(state, weights_only=True)
    assert content["seconds"] == 6.0  # two readings a step, and the state is of step 3
    torch.save(content | {"seconds": 1000.0}, state)
    *_, done = run_fit(SmallNetwork(), state=state)
    assert done.seconds == 1000.0 + 2.0 * 5 + 1.0  # five steps, and the end
    (again,) = run_fit(SmallNetwork(), state=state)
    assert again.seconds == 1000.0 + 2.0 * 5 + 1.0


def test_zeros_of_the_start_do_not_use_up_the_patience(model, tmp_path):
    settings = dataclasses.replace(SETTINGS, validate_every=1, patience=2)
    events = run_fit(model, settings, validate=Marks(0.0, 0.0, 0.0, 0.4, 0.3, 0.2), state=tmp_path / "fit.state")
    assert (events[-1].steps, events[-1].best_step) == (6, 4)


def test_a_model_that_has_diverged_is_not_trained(model):
    next(model.parameters()).data.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"holds NaN or infinity in layers\.0\.weight before the first step"):
        run_fit(model, SETTINGS)
