"""The fit loop: a generator of small events around Lightning Fabric, with exact resume."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from napari_pathprune.base.allocator import keep_freed_memory
from napari_pathprune.training.averaging import start_average
from napari_pathprune.training.backward import Backward, Batch, Losses
from napari_pathprune.training.fit_events import BatchSplit, FitDone, FitEvent, StepDone, Validated
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.training.fit_state import FitState, restore_state, write_state
from napari_pathprune.training.learning_rate import learning_rate_at
from napari_pathprune.training.memory_layout import layout_for

SAVE_AFTER_S: Final = 60.0
"""A state is written at least this often: a stopped fit loses no more."""

Validate = Callable[[nn.Module], Mapping[str, float]]


class NotFinite(ValueError):  # noqa: N818 - what happened is the error
    """The loss or its gradient is not finite; the model carries the last good averaged weights."""


def fit(
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

    With several devices the same program runs once for each; only the first one yields events and writes files.

    Parameters
    ----------
    model
        Returns named maps. It ends with the moving average of its weights (that of the best validation, if there is
        one), in eval mode, on the CPU.
    patches
        Item ``i`` belongs to step ``i // batch``, and always is the same: that makes resuming exact. The model is
        given its ``image``.
    losses
        Maps and patches to scalar terms; their sum is minimised.
    settings
        See `FitSettings`.
    penalty
        A term on the weights alone, added once a step, such as that of network slimming.
    validate
        Scores the averaged model, in eval mode; the first score counts, and higher is better.
    state
        File that a stopped fit resumes from; written every `FitSettings.save_every` steps, at every validation and at
        the end. Only the learning rate, the device, ``save_every`` and ``workers`` may differ from before.
    about
        What the fit depends on beside the settings, by name: the first weights, the data. A state of something else is
        refused.

    Yields
    ------
    StepDone, BatchSplit, Validated, FitDone

    Raises
    ------
    NotFinite
        If the loss or its gradient is not finite; the last good state is kept.
    ValueError
        If the state is none, or belongs to other settings or another model; or if memory runs out with one patch.
    OSError
        If the state cannot be written, such as on a full disk.
    """
    fabric = _begun(settings)
    _freeze(model.train().to(memory_format=layout_for(model)), settings.frozen)
    average = start_average(model, settings.averaging)
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer: Optimizer = AdamW(learnt, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    wrapped, optimizer = fabric.setup(model, optimizer)
    average.to(fabric.device)
    about = dict(about or {})
    precision = fabric.strategy.precision
    now = restore_state(state, settings, about, model, average, optimizer, precision)
    batches = fabric.setup_dataloaders(
        DataLoader(
            patches,
            settings.batch // settings.devices,
            sampler=_turns(now.step, settings, fabric.global_rank),
            num_workers=settings.workers,
            multiprocessing_context="fork" if settings.workers else None,  # images are mapped, not sent
        ),
        use_distributed_sampler=False,
    )
    backward = Backward(fabric, wrapped, losses, now.pieces)
    last = saved = time.perf_counter()
    begin = last - now.seconds  # as if it had never been stopped
    stop = _waited_enough(now, settings)
    for batch in () if stop else batches:
        rate = learning_rate_at(now.step, settings)
        _set_rate(optimizer, rate)
        terms = backward(optimizer, batch)
        terms |= _penalised(fabric, penalty)
        broken = _broken(fabric, wrapped, optimizer, terms, settings)
        if broken:
            _end(model, average.module.state_dict())
            raise NotFinite(_not_finite(broken, now.step, settings, state))
        optimizer.step()
        average.update_parameters(model)
        now.step += 1
        events: list[FitEvent] = [StepDone(now.step, settings.steps, terms, rate, time.perf_counter() - last)]
        if backward.pieces != now.pieces:
            now.pieces = backward.pieces
            events.insert(0, BatchSplit(now.step, settings.steps, now.pieces))
        if validate is not None and _validation_due(now.step, settings):
            if fabric.is_global_zero:
                events.append(_validated(validate, average, now, settings))
            stop = fabric.broadcast(_waited_enough(now, settings))
        last = time.perf_counter()
        # what comes of a validation, a best model for instance, does not lie there without the state that it belongs to
        due = isinstance(events[-1], Validated) or _state_due(now.step, last - saved, settings)
        if state is not None and fabric.is_global_zero and due:
            now.seconds = last - begin
            write_state(state, now, settings, about, model, average, optimizer, precision)
            saved = last
        if fabric.is_global_zero:
            yield from events
        if stop:
            break
    end = _copied(average.module)
    _end(model, now.best_weights or end)
    if fabric.is_global_zero:
        yield FitDone(now.step, now.best_step or now.step, now.best_scores, time.perf_counter() - begin, end)


def check_fit(model: nn.Module, *phases: FitSettings) -> None:
    """Refuse at once what `fit` would refuse when its turn comes; nothing is changed.

    Parameters
    ----------
    model
        To be trained.
    phases
        One after the other.

    Raises
    ------
    ValueError
        If this machine has no such device or precision, or a pattern freezes nothing.

    Examples
    --------
    >>> check_fit(nn.Conv2d(3, 1, 1), FitSettings(frozen=("bias",), accelerator="cpu"))
    """
    for settings in phases:
        _fabric(settings)
        _frozen(model, settings.frozen)


def _fabric(settings: FitSettings) -> Fabric:
    """Find the devices that are asked for."""
    try:
        return Fabric(accelerator=settings.accelerator, devices=settings.devices, precision=settings.precision)
    except (ImportError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"got accelerator {settings.accelerator!r}, {settings.devices} devices, precision {settings.precision!r}, "
            f"which this machine does not have: {error}"
        ) from error


def _begun(settings: FitSettings) -> Fabric:
    fabric = _fabric(settings)
    fabric.launch()
    keep_freed_memory()
    return fabric


def _end(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    model.load_state_dict(weights)
    _freeze(model, ())
    model.eval().to("cpu")


def _set_rate(optimizer: Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _validation_due(step: int, settings: FitSettings) -> bool:
    return step == settings.steps or (settings.validate_every > 0 and step % settings.validate_every == 0)


def _state_due(step: int, seconds: float, settings: FitSettings) -> bool:
    return step == settings.steps or step % settings.save_every == 0 or seconds > SAVE_AFTER_S


def _penalised(fabric: Fabric, penalty: Callable[[], Tensor] | None) -> dict[str, float]:
    """Add the gradient of the term on the weights alone."""
    if penalty is None:
        return {}
    term = penalty()
    fabric.backward(term)
    return {"penalty": float(term.detach())}


def _freeze(model: nn.Module, patterns: tuple[str, ...]) -> None:
    frozen = _frozen(model, patterns)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)


def _frozen(model: nn.Module, patterns: tuple[str, ...]) -> set[str]:
    """Give the names of the parameters that stay as they are."""
    frozen: set[str] = set()
    for pattern in patterns:
        hits = {name for name, _ in model.named_parameters() if fnmatchcase(name, pattern)}
        if not hits:
            raise ValueError(f"got frozen = {pattern!r}, which no parameter of the model matches; correct or remove it")
        frozen |= hits
    return frozen


def _turns(start: int, settings: FitSettings, rank: int) -> list[int]:
    """Give the patches that one of the devices sees, in their order."""
    own = settings.batch // settings.devices
    return [step * settings.batch + rank * own + place for step in range(start, settings.steps) for place in range(own)]


def _broken(
    fabric: Fabric, model: nn.Module, optimizer: Optimizer, terms: Mapping[str, float], settings: FitSettings
) -> str:
    """Name what is not finite, if anything; clip the gradient."""
    finite = torch.tensor(list(terms.values())).isfinite().all()
    # if one device has to stop, all of them do: they would wait for it for ever
    if float(fabric.all_reduce(finite.float().to(fabric.device), reduce_op="sum")) < fabric.world_size:
        return "loss"
    norm = fabric.clip_gradients(model, optimizer, max_norm=settings.clip, error_if_nonfinite=False)
    # with a gradient scaler such steps are usual: it leaves them out
    scaled = getattr(fabric.strategy.precision, "scaler", None) is not None
    return "" if scaled or norm is None or bool(torch.isfinite(norm)) else "gradient"


def _not_finite(what: str, step: int, settings: FitSettings, state: Path | None) -> str:
    kept = f"; it goes on from the last good state, {state}" if state is not None and state.exists() else ""
    rate = settings.learning_rate
    return f"the {what} is not finite at step {step + 1}: start again with a lower learning rate than {rate:g}{kept}"


def _validated(validate: Validate, average: AveragedModel, now: FitState, settings: FitSettings) -> Validated:
    scored = copy.deepcopy(average.module).eval()  # who scores may move it to where it likes
    scores = dict(validate(scored))
    weights = _copied(scored)
    score = next(iter(scores.values()))
    best = score > now.best_score
    if best:
        now.best_score, now.best_scores, now.best_step, now.best_weights = score, scores, now.step, weights
        now.waited = 0
    else:
        now.waited += 1
    return Validated(now.step, settings.steps, scores, best, weights)


def _waited_enough(now: FitState, settings: FitSettings) -> bool:
    return 0 < settings.patience <= now.waited


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}
