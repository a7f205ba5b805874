"""The fit loop: a generator of events around Lightning Fabric that can resume exactly."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from napari_pathprune.training.averaging import start_average
from napari_pathprune.training.backward import Backward, Batch, Losses
from napari_pathprune.training.finite_weights import check_finite, choose_good
from napari_pathprune.training.fit_events import BatchSplit, FitDone, FitEvent, StepDone, Validated
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.training.fit_state import FitState, restore_state, write_state
from napari_pathprune.training.freezing import freeze, match_parameters
from napari_pathprune.training.learning_rate import learning_rate_at
from napari_pathprune.training.memory_layout import layout_for

SAVE_AFTER_S: Final = 60.0
"""Longest time between two states in seconds, which bounds what an interrupted fit loses."""

Validate = Callable[[nn.Module], Mapping[str, float]]


class NotFinite(ValueError):  # noqa: N818 - the name states what went wrong
    """The loss or its gradient is not finite; the model holds the last finite averaged weights."""


def fit(  # noqa: PLR0915 - a loop over steps that reads from top to bottom
    model: nn.Module,
    patches: Dataset[Batch],
    losses: Losses,
    settings: FitSettings,
    *,
    penalty: Callable[[], Tensor] | None = None,
    validate: Validate | None = None,
    state: Path | None = None,
    about: Mapping[str, str] | None = None,
) -> Iterator[FitEvent]:
    """Train a model in place.

    With several devices the same program runs once per device. Only the first one yields events and writes files.

    Parameters
    ----------
    model
        Network that returns named maps. It ends with the moving average of its weights (of the best validation, if
        there was one), in eval mode and on the CPU.
    patches
        Training patches. Item ``i`` belongs to step ``i // batch`` and must always be the same, which makes resuming
        exact. The model is called with the item's ``image``.
    losses
        Computes scalar terms from maps and patches; their sum is minimised.
    settings
        Settings of the phase.
    penalty
        Term on the weights alone that is added once per step, such as that of network slimming.
    validate
        Scores the averaged model, which is in eval mode. The first score counts, and higher is better.
    state
        File from which an interrupted fit resumes. It is written every `FitSettings.save_every` steps, at least once
        a minute, after every validation and at the end. Only the settings in `fit_state.MAY_CHANGE` may differ when
        resuming.
    about
        What the fit depends on in addition to the settings, by name, such as the initial weights and the data. The
        state of a fit that depends on something else is refused.

    Yields
    ------
    StepDone, BatchSplit, Validated, FitDone

    Raises
    ------
    NotFinite
        If the loss or its gradient is not finite. The last state is kept.
    ValueError
        If `state` is not a state or belongs to other settings, other data or another model, or if memory runs out
        with a single patch.
    OSError
        If the state cannot be written, for example because the disk is full.

    Examples
    --------
    >>> class Brightness(Dataset):
    ...     def __getitem__(self, index):
    ...         image = torch.full((3, 4, 4), float(index % 5))
    ...         return {"image": image, "truth": image.mean(0)}
    ...     def __len__(self):
    ...         return 20
    >>> class Network(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = nn.Conv2d(3, 1, 1)
    ...     def forward(self, images):
    ...         return {"np": self.layer(images)}
    >>> def squares(maps, batch):
    ...     return {"mse": (maps["np"][:, 0] - batch["truth"]).square().mean()}
    >>> events = list(fit(Network(), Brightness(), squares, FitSettings(steps=10, batch=2, accelerator="cpu")))
    >>> [type(event).__name__ for event in events[-2:]], events[-1].steps
    (['StepDone', 'FitDone'], 10)
    """
    check_finite(model)
    fabric = _make_fabric(settings, launch=True)
    _prepare(model, settings)
    average = start_average(model, settings.averaging)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer: Optimizer = AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    wrapped, optimizer = fabric.setup(model, optimizer)
    average.to(fabric.device)
    about = dict(about or {})
    precision = fabric.strategy.precision
    now = restore_state(state, settings, about, model, average, optimizer, precision)
    batches = _load_batches(fabric, patches, now.step, settings)
    backward = Backward(fabric, wrapped, losses, now.pieces)
    last = saved = time.perf_counter()
    begin = last - now.seconds  # includes the time before an interruption
    stop = _is_out_of_patience(now, settings)
    for batch in () if stop else batches:
        rate = learning_rate_at(now.step, settings)
        _set_rate(optimizer, rate)
        terms = backward(optimizer, batch)
        terms |= _add_penalty(fabric, penalty)
        not_finite = _clip_gradient(fabric, wrapped, optimizer, terms, settings)
        if not_finite:
            _finish(model, choose_good(average.module.state_dict(), now.best_weights))
            raise NotFinite(_explain_not_finite(not_finite, now.step, settings, state))
        optimizer.step()
        average.update_parameters(model)
        now.step += 1
        events: list[FitEvent] = [StepDone(now.step, settings.steps, terms, rate, time.perf_counter() - last)]
        if backward.pieces != now.pieces:
            now.pieces = backward.pieces
            events.insert(0, BatchSplit(now.step, settings.steps, now.pieces))
        if validate is not None and _validation_due(now.step, settings):
            if fabric.is_global_zero:
                events.append(_score_average(validate, average, now, settings))
            stop = fabric.broadcast(_is_out_of_patience(now, settings))
        last = time.perf_counter()
        # the state is written first, so that files made from a validation (the best model) never exist without it
        due = isinstance(events[-1], Validated) or _state_due(now.step, last - saved, settings)
        if state is not None and fabric.is_global_zero and due:
            now.seconds = last - begin
            write_state(state, now, settings, about, model, average, optimizer, precision)
            saved = last
        if fabric.is_global_zero:
            yield from events
        if stop:
            break
    last_weights = _copy_weights(average.module)
    _finish(model, now.best_weights or last_weights)
    if fabric.is_global_zero:
        seconds = time.perf_counter() - begin
        yield FitDone(now.step, now.best_step or now.step, now.best_scores, seconds, last_weights)


def check_fit(model: nn.Module, *phases: FitSettings) -> None:
    """Raise if `fit` would refuse the settings of any phase; nothing is changed.

    Parameters
    ----------
    model
        Model to be trained.
    *phases
        Settings of all phases.

    Raises
    ------
    ValueError
        If this machine lacks a device or precision, or if a pattern in ``frozen`` matches no parameter.

    Examples
    --------
    >>> check_fit(nn.Conv2d(3, 1, 1), FitSettings(frozen=("bias",), accelerator="cpu"))
    """
    for settings in phases:
        _make_fabric(settings)
        match_parameters(model, settings.frozen)


def _make_fabric(settings: FitSettings, *, launch: bool = False) -> Fabric:
    """Return a Fabric with the requested devices and precision."""
    try:
        fabric = Fabric(accelerator=settings.accelerator, devices=settings.devices, precision=settings.precision)
    except (ImportError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"got accelerator {settings.accelerator!r}, {settings.devices} devices, precision {settings.precision!r}, "
            f"which this machine does not have: {error}"
        ) from error
    if launch:
        fabric.launch()
    return fabric


def _prepare(model: nn.Module, settings: FitSettings) -> None:
    freeze(model.train().to(memory_format=layout_for(model)), settings.frozen)
    for module in model.modules():
        if isinstance(module, _NormBase) and settings.norms == "kept":
            module.eval()


def _finish(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    model.load_state_dict(weights)
    freeze(model, ())
    model.eval().to("cpu")


def _set_rate(optimizer: Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _validation_due(step: int, settings: FitSettings) -> bool:
    return step == settings.steps or (settings.validate_every > 0 and step % settings.validate_every == 0)


def _state_due(step: int, seconds: float, settings: FitSettings) -> bool:
    return step == settings.steps or step % settings.save_every == 0 or seconds > SAVE_AFTER_S


def _add_penalty(fabric: Fabric, penalty: Callable[[], Tensor] | None) -> dict[str, float]:
    """Add the gradient of the penalty and return its value by name."""
    if penalty is None:
        return {}
    term = penalty()
    fabric.backward(term)
    return {"penalty": float(term.detach())}


def _load_batches(fabric: Fabric, patches: Dataset[Batch], start: int, settings: FitSettings) -> Iterable[Batch]:
    """Return the batches of this device from a step on."""
    loader = DataLoader(
        patches,
        settings.batch // settings.devices,
        sampler=_order_patches(start, settings, fabric.global_rank),
        num_workers=settings.workers,
        multiprocessing_context="fork" if settings.workers else None,  # forked processes share the images
        generator=torch.Generator(),  # leaves torch's global random state alone
    )
    batches: Iterable[Batch] = fabric.setup_dataloaders(loader, use_distributed_sampler=False)
    return batches


def _order_patches(start: int, settings: FitSettings, rank: int) -> list[int]:
    """Return the indices of the patches for one device, in order."""
    own = settings.batch // settings.devices
    return [step * settings.batch + rank * own + place for step in range(start, settings.steps) for place in range(own)]


def _clip_gradient(
    fabric: Fabric, model: nn.Module, optimizer: Optimizer, terms: Mapping[str, float], settings: FitSettings
) -> str:
    """Clip the gradient; return "loss" or "gradient" if one of them is not finite, else an empty text."""
    finite = torch.tensor(list(terms.values())).isfinite().all()
    # if one device has to stop, all must: they would wait for it forever
    if float(fabric.all_reduce(finite.float().to(fabric.device), reduce_op="sum")) < fabric.world_size:
        return "loss"
    norm = fabric.clip_gradients(model, optimizer, max_norm=settings.clip, error_if_nonfinite=False)
    # with a gradient scaler such steps are normal, and it skips them
    scaled = getattr(fabric.strategy.precision, "scaler", None) is not None
    return "" if scaled or norm is None or bool(torch.isfinite(norm)) else "gradient"


def _explain_not_finite(what: str, step: int, settings: FitSettings, state: Path | None) -> str:
    kept = f"; training resumes from the last good state, {state}" if state is not None and state.exists() else ""
    rate = settings.learning_rate
    return f"the {what} is not finite at step {step + 1}; start again with a learning rate below {rate:g}{kept}"


def _score_average(validate: Validate, average: AveragedModel, now: FitState, settings: FitSettings) -> Validated:
    scored = copy.deepcopy(average.module).eval()  # a copy, because scoring may move it to another device
    scores = dict(validate(scored))
    weights = _copy_weights(scored)
    score = next(iter(scores.values()))
    best = score >= now.best_score  # of equal scores the later weights, which have been trained for longer
    if score > now.best_score:
        now.waited = 0
    elif now.best_score > 0:  # before anything is found there is no best model to wait for
        now.waited += 1
    if best:
        now.best_score, now.best_scores, now.best_step, now.best_weights = score, scores, now.step, weights
    return Validated(now.step, settings.steps, scores, best, weights)


def _is_out_of_patience(now: FitState, settings: FitSettings) -> bool:
    return 0 < settings.patience <= now.waited


def _copy_weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}
