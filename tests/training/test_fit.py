"""The fit loop: it learns, it resumes exactly, it stops where it must."""

import copy
import dataclasses
import errno
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.models.hovernet.hovernet import HoVerNet
from napari_pathprune.training.fit import NotFinite, check_fit, fit
from napari_pathprune.training.fit_events import FitDone, StepDone, Validated
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.training.learning_rate import learning_rate_at
from napari_pathprune.training.losses import hovernet_losses
from napari_pathprune.training.random_patches import RandomPatches

SETTINGS = FitSettings(steps=8, batch=2, learning_rate=0.02, averaging=0.9, save_every=3, accelerator="cpu")


class Points(Dataset):
    """Small pictures whose nuclear map is their own brightness."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        image = torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(index))
        return {"image": image, "nuclear": image.mean(0)}


class Small(nn.Module):
    """Two convolutions with a batch norm, so that there are running statistics to average and to resume."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1))

    def forward(self, images):
        return {"np": self.layers(images)}


def squares(maps, batch):
    return {"np_mse": (maps["np"][:, 0] - batch["nuclear"]).square().mean()}


@pytest.fixture
def model():
    torch.manual_seed(3)
    return Small()


def run(model, settings=SETTINGS, *, until=None, state=None, losses=squares, **more):
    """Fit until the end, or leave after some steps as a user does who closes the window."""
    events = []
    stream = fit(model, Points(settings.steps * settings.batch), losses, settings, state=state, **more)
    for event in stream:
        events.append(event)
        if until is not None and isinstance(event, StepDone) and event.step == until:
            stream.close()
            break
    return events


def values(events):
    return [(e.step, dict(e.losses), e.learning_rate) for e in events if isinstance(e, StepDone)]


def same_weights(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_events_count_the_steps_and_end(model):
    events = run(model)
    assert [e.step for e in events[:-1]] == list(range(1, 9))
    assert {e.steps for e in events} == {8}
    assert isinstance(events[-1], FitDone)
    assert all(e.seconds >= 0 for e in events)
    assert [e.learning_rate for e in events[:-1]] == [learning_rate_at(step, SETTINGS) for step in range(8)]
    assert not model.training


def test_the_loss_falls(model):
    settings = dataclasses.replace(SETTINGS, steps=60)
    losses = [loss["np_mse"] for _, loss, _ in values(run(model, settings))]
    assert np.mean(losses[-10:]) < 0.2 * np.mean(losses[:5])


def test_the_averaged_model_is_good_too(model):
    batch = {name: torch.stack([Points(9)[i][name] for i in range(9)]) for name in ("image", "nuclear")}
    before = squares(model.eval()(batch["image"]), batch)["np_mse"].item()
    run(model, dataclasses.replace(SETTINGS, steps=60))
    assert squares(model(batch["image"]), batch)["np_mse"].item() < 0.5 * before


@pytest.mark.parametrize(("until", "saved"), [(3, 3), (5, 3), (7, 6), (8, 8)])
def test_a_stopped_run_resumes_exactly(model, tmp_path, until, saved):
    straight, state = copy.deepcopy(model), tmp_path / "fit.state"
    expected = values(run(straight))
    run(copy.deepcopy(model), until=until, state=state)
    fresh = Small()  # another process has other weights at hand
    assert values(run(fresh, state=state)) == expected[saved:]
    assert same_weights(fresh, straight)
    assert [path.name for path in tmp_path.iterdir()] == ["fit.state"]


def test_a_run_stopped_before_its_first_state_starts_again(model, tmp_path):
    straight, state = copy.deepcopy(model), tmp_path / "fit.state"
    expected = values(run(straight))
    run(copy.deepcopy(model), until=2, state=state)
    assert not state.exists()
    assert values(run(model, state=state)) == expected


def test_the_moments_of_the_optimizer_are_resumed_too(model, tmp_path):
    """Resuming with fresh moments would give other weights: the test above has teeth."""
    straight, forgetful, state = copy.deepcopy(model), copy.deepcopy(model), tmp_path / "fit.state"
    run(straight)
    run(copy.deepcopy(model), until=4, state=state)
    content = torch.load(state, weights_only=True)
    for moments in content["optimizer"]["state"].values():
        moments["exp_avg"].zero_()
    torch.save(content, state)
    run(forgetful, state=state)
    assert not same_weights(forgetful, straight)


def test_a_finished_run_is_not_run_again(model, tmp_path):
    state = tmp_path / "fit.state"
    run(model, state=state)
    other = Small()
    events = run(other, state=state)
    assert [type(e) for e in events] == [FitDone]
    assert same_weights(other, model)


@pytest.mark.parametrize("change", [{"weight_decay": 0.5}, {"steps": 9}, {"batch": 1}])
def test_a_state_of_other_settings_is_refused(model, tmp_path, change):
    state = tmp_path / "fit.state"
    run(model, until=4, state=state)
    before = state.read_bytes()
    with pytest.raises(ValueError, match=rf"with {next(iter(change))} = .*remove the file"):
        run(Small(), dataclasses.replace(SETTINGS, **change), state=state)
    assert state.read_bytes() == before


def test_a_state_of_other_data_is_refused(model, tmp_path):
    state = tmp_path / "fit.state"
    patches = Points(SETTINGS.steps * SETTINGS.batch)
    stream = fit(model, patches, squares, SETTINGS, state=state, about={"data": "a"})
    for _ in range(4):
        next(stream)
    stream.close()
    with pytest.raises(ValueError, match="with data = a, but it is b now"):
        next(fit(Small(), patches, squares, SETTINGS, state=state, about={"data": "b"}))


def test_a_state_is_written_at_least_every_minute(model, tmp_path, monkeypatch):
    state = tmp_path / "fit.state"
    monkeypatch.setattr("napari_pathprune.training.fit.SAVE_AFTER_S", 0.0)
    run(model, dataclasses.replace(SETTINGS, save_every=1000), until=2, state=state)
    assert torch.load(state, weights_only=True)["step"] == 2


def test_a_full_disk_leaves_no_half_state(model, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="disk full"):
        run(model, state=tmp_path / "fit.state")
    assert list(tmp_path.iterdir()) == []


def test_a_state_of_another_model_is_refused(model, tmp_path):
    state = tmp_path / "fit.state"
    run(model, until=4, state=state)
    other = Small()
    other.layers[0] = nn.Conv2d(3, 4, 5, padding=2)
    with pytest.raises(ValueError, match="another model"):
        run(other, state=state)


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_file_that_is_no_state_is_refused(model, tmp_path, content):
    state = tmp_path / "fit.state"
    if content is None:
        torch.save([1, 2], state)
    else:
        state.write_bytes(content)
    with pytest.raises(ValueError, match="not the state of a fit"):
        run(model, state=state)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_state(model, tmp_path, bad):
    state, steps = tmp_path / "fit.state", iter(range(100))

    def breaks(maps, batch):
        return {name: value * (bad if next(steps) == 4 else 1.0) for name, value in squares(maps, batch).items()}

    with pytest.raises(NotFinite, match=r"loss is not finite at step 5: .* lower learning rate.*fit\.state"):
        run(model, state=state, losses=breaks)
    content = torch.load(state, weights_only=True)
    assert content["step"] == 3
    lower = dataclasses.replace(SETTINGS, learning_rate=SETTINGS.learning_rate / 10)
    first, *_ = run(model, lower, state=state)
    assert isinstance(first, StepDone)
    assert (first.step, first.learning_rate) == (4, learning_rate_at(3, lower))
    assert all(t.isfinite().all() for t in content["model"].values())


def test_a_gradient_that_is_not_finite_stops_before_it_spoils_the_weights(model, tmp_path):
    state, steps = tmp_path / "fit.state", iter(range(100))

    def breaks(maps, batch):
        zero = (maps["np"] * 0.0).sum()  # the slope of a root at zero is infinite
        return squares(maps, batch) | {"root": zero.sqrt() if next(steps) == 5 else zero}

    with pytest.raises(ValueError, match="gradient is not finite at step 6"):
        run(model, state=state, losses=breaks)
    assert all(t.isfinite().all() for t in torch.load(state, weights_only=True)["model"].values())
    assert all(p.isfinite().all() for p in model.parameters())


def test_after_a_loss_that_is_not_finite_the_model_has_the_last_good_average(model):
    good, steps = copy.deepcopy(model), iter(range(100))
    *_, done = run(good, dataclasses.replace(SETTINGS, steps=4, schedule="constant", warmup=0.0))

    def breaks(maps, batch):
        bad = float("nan") if next(steps) == 4 else 1.0
        return {name: value * bad for name, value in squares(maps, batch).items()}

    with pytest.raises(NotFinite):
        run(model, dataclasses.replace(SETTINGS, schedule="constant", warmup=0.0), losses=breaks)
    assert done.steps == 4
    assert not model.training
    assert same_weights(model, good)


def test_without_a_state_the_message_names_none(model):
    with pytest.raises(ValueError, match="not finite") as caught:
        run(model, losses=lambda maps, _: {"x": maps["np"].sum() * float("nan")})
    assert "last good state" not in str(caught.value)


def test_the_model_ends_with_the_average_of_its_weights(model):
    """Worked by hand from the weights after each step: shares of 1 - (1 + n) / (10 + n) until the decay is reached."""
    average = None
    stream = fit(model, Points(16), squares, SETTINGS)
    for event in stream:
        if isinstance(event, StepDone):
            now = model.layers[0].weight.detach().clone()
            count = event.step - 1
            decay = min(SETTINGS.averaging, (1 + count) / (10 + count))
            average = now if average is None else decay * average + (1 - decay) * now
    torch.testing.assert_close(model.layers[0].weight.detach(), average)
    assert not torch.equal(now, average)


def test_a_hovernet_learns_two_discs(two_discs):
    """The whole training side together: patches, targets, losses and the loop, on one picture."""
    torch.manual_seed(0)
    pixels = np.where((two_discs > 0)[..., None], (90, 60, 130), (230, 200, 220)).astype(np.uint8)
    types = np.array([0, -1, -1, 1, -1, -1, -1, 2])
    image = AnnotatedImage("discs", pixels, two_discs, types)
    model = HoVerNet(num_types=3, width=0.0625)
    for layer in model.output_layers().values():
        nn.init.zeros_(layer.weight)
    settings = FitSettings(steps=8, batch=1, learning_rate=1e-2, accelerator="cpu")
    patches = RandomPatches([image], 104, 12, length=8, seed=1)
    losses = [e.losses for e in fit(model, patches, hovernet_losses, settings) if isinstance(e, StepDone)]
    assert list(losses[0]) == ["np_ce", "np_dice", "hv_mse", "hv_msge", "tp_ce", "tp_dice"]
    for name in ("np_ce", "tp_ce"):
        assert losses[-1][name] < 0.9 * losses[0][name], name


class Marks:
    """Gives the scores of an examination in turn, and remembers who sat it."""

    def __init__(self, *marks):
        self.marks, self.seen = list(marks), []

    def __call__(self, model):
        assert not model.training
        self.seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return {"pq": self.marks[len(self.seen) - 1], "other": -1.0}


def test_the_best_validation_is_kept_and_the_last_told(model):
    marks = Marks(0.2, 0.6, 0.5, 0.4)
    events = run(model, dataclasses.replace(SETTINGS, validate_every=2), validate=marks)
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
    alone, judged = copy.deepcopy(model), model

    def spoils(scored):
        for tensor in scored.state_dict().values():
            tensor.zero_()
        return {"pq": 0.0}

    expected = values(run(alone))
    assert values(run(judged, dataclasses.replace(SETTINGS, validate_every=2), validate=spoils)) == expected


def test_without_validate_every_it_is_validated_once_at_the_end(model):
    marks = Marks(0.3)
    events = run(model, validate=marks)
    assert [e.step for e in events if isinstance(e, Validated)] == [8]


def test_it_stops_early_when_nothing_gets_better(model, tmp_path):
    settings = dataclasses.replace(SETTINGS, validate_every=1, patience=2)
    state, marks = tmp_path / "fit.state", Marks(0.5, 0.4, 0.6, 0.6, 0.1)
    events = run(model, settings, validate=marks, state=state)
    assert (events[-1].steps, events[-1].best_step) == (5, 3)
    again = run(Small(), settings, validate=Marks(), state=state)
    assert [type(e) for e in again] == [FitDone]
    assert again[0].best_step == 3


def test_what_a_validation_gave_is_in_the_state(model, tmp_path):
    settings = dataclasses.replace(SETTINGS, validate_every=3, save_every=1000)
    state = tmp_path / "fit.state"
    stream = fit(model, Points(settings.steps * settings.batch), squares, settings, validate=Marks(0.5), state=state)
    assert next(event for event in stream if isinstance(event, Validated)).best
    assert torch.load(state, weights_only=True)["best_score"] == 0.5


@pytest.mark.parametrize("until", [3, 5, 6])
def test_a_resumed_run_remembers_its_best(model, tmp_path, until):
    settings = dataclasses.replace(SETTINGS, validate_every=2, save_every=1)

    def score(scored):  # rises to step 4 or so and falls
        return {"pq": -abs(float(scored.layers[0].weight.detach().std()) - 0.19)}

    straight, state = copy.deepcopy(model), tmp_path / "fit.state"
    expected = run(straight, settings, validate=score)
    run(model, settings, validate=score, state=state, until=until)
    fresh = Small()
    events = run(fresh, settings, validate=score, state=state)
    assert events[-1].best_step == expected[-1].best_step
    assert same_weights(fresh, straight)


def test_frozen_parameters_stay_and_their_norms_follow(model):
    before = copy.deepcopy(model)
    settings = dataclasses.replace(SETTINGS, frozen=("layers.0.*", "layers.1.*"))
    run(model, settings)
    after, old = model.state_dict(), before.state_dict()
    assert torch.equal(after["layers.0.weight"], old["layers.0.weight"])
    assert torch.equal(after["layers.1.weight"], old["layers.1.weight"])
    assert not torch.equal(after["layers.1.running_mean"], old["layers.1.running_mean"])
    assert not torch.equal(after["layers.3.weight"], old["layers.3.weight"])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_pattern_that_freezes_nothing_is_named(model):
    with pytest.raises(ValueError, match=r"frozen = 'encoder\.\*', which no parameter"):
        run(model, dataclasses.replace(SETTINGS, frozen=("encoder.*",)))


def test_a_penalty_shrinks_what_it_is_on(model):
    plain, shrunk = copy.deepcopy(model), model
    settings = dataclasses.replace(SETTINGS, steps=30)
    run(plain, settings)
    events = run(shrunk, settings, penalty=lambda: 0.5 * shrunk.layers[1].weight.abs().sum())
    assert events[0].losses["penalty"] == pytest.approx(0.5 * 4)
    assert shrunk.layers[1].weight.abs().sum() < 0.95 * plain.layers[1].weight.abs().sum()


def test_patches_made_beside_the_training_are_the_same(model):
    alone, helped = copy.deepcopy(model), model
    assert values(run(alone)) == values(run(helped, dataclasses.replace(SETTINGS, workers=1)))


def test_half_precision_learns_nearly_the_same(model):
    whole, half = copy.deepcopy(model), model
    *first, _ = run(whole)
    *second, _ = run(half, dataclasses.replace(SETTINGS, precision="bf16-mixed"))
    expected, given = ([event.losses["np_mse"] for event in events] for events in (first, second))
    assert given != expected
    assert given == pytest.approx(expected, rel=0.1)
    assert all(parameter.dtype == torch.float32 for parameter in half.parameters())


def test_an_accelerator_that_is_not_there_is_named(model):
    with pytest.raises(ValueError, match=r"got accelerator 'tpu'.*which this machine does not have"):
        run(model, dataclasses.replace(SETTINGS, accelerator="tpu"))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"frozen": ("encoder.*",)}, "which no parameter"), ({"precision": "32-treu"}, "precision '32-treu'")],
)
def test_a_mistake_in_a_later_phase_is_told_at_once(model, change, words):
    check_fit(model, SETTINGS, dataclasses.replace(SETTINGS, frozen=("layers.0.*",), precision="bf16-mixed"))
    assert all(parameter.requires_grad for parameter in model.parameters())
    with pytest.raises(ValueError, match=words):
        check_fit(model, SETTINGS, dataclasses.replace(SETTINGS, **change))


def test_the_time_before_a_stop_counts(model, tmp_path):
    state = tmp_path / "fit.state"
    run(model, until=4, state=state)
    content = torch.load(state, weights_only=True)
    assert 0.0 < content["seconds"] < 1000.0
    torch.save(content | {"seconds": 1000.0}, state)
    *_, done = run(Small(), state=state)
    assert 1000.0 < done.seconds < 2000.0
    (done,) = run(Small(), state=state)
    assert 1000.0 < done.seconds < 2000.0


def test_a_state_from_before_times_were_kept_goes_on(model, tmp_path):
    state = tmp_path / "fit.state"
    run(model, until=4, state=state)
    content = torch.load(state, weights_only=True)
    del content["seconds"]
    torch.save(content, state)
    assert run(Small(), state=state)[0].step == 4
