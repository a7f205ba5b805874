"""The fit loop: a generator of small events around Lightning Fabric, with exact resume."""

from __future__ import annotations

import dataclasses
import io
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from napari_pathprune.atomic import whole_file

SAVE_AFTER_S: Final = 60.0
"""A state is written at least this often: a stopped fit loses no more."""

Losses = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Mapping[str, Tensor]]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How long and how fast to learn.

    Attributes
    ----------
    steps
        Optimiser steps in all.
    batch
        Patches a step.
    learning_rate
        Highest rate of AdamW; it rises over `warmup` and falls by a cosine to a hundredth.
    warmup
        Share of the steps over which the rate rises.
    weight_decay
        Of AdamW.
    averaging
        Decay of the moving average of the weights (Polyak averaging), which is what is kept in the end.
    clip
        Largest norm of the gradient.
    save_every
        Steps between two states from which a stopped fit resumes.
    accelerator, precision
        Of Lightning Fabric.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    steps: int = 1000
    batch: int = 2
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 1e-4
    averaging: float = 0.995
    clip: float = 10.0
    save_every: int = 50
    accelerator: str = "auto"
    precision: str = "32-true"

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch", 1), ("save_every", 1), ("learning_rate", 0.0), ("clip", 0.0)):
            value = getattr(self, name)
            if not value >= least or value == 0:
                raise ValueError(f"got {name} = {value}; give {'a number above 0' if least == 0 else '1 or more'}")
        for name in ("warmup", "averaging"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"got {name} = {getattr(self, name)}; give a share between 0 and 1")


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimiser step: its number (from 1), all steps, the loss' terms, the rate and the time it took."""

    step: int
    steps: int
    losses: Mapping[str, float]
    learning_rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class FitDone:
    """The end: the model now carries the averaged weights."""

    steps: int
    seconds: float


FitEvent = StepDone | FitDone


def learning_rate_at(step: int, settings: FitSettings) -> float:
    """Give the rate of a step: a linear rise, then half a cosine down to a hundredth of the highest.

    Examples
    --------
    >>> settings = FitSettings(steps=100, learning_rate=1.0, warmup=0.1)
    >>> [round(learning_rate_at(step, settings), 2) for step in (0, 9, 55, 99)]
    [0.1, 1.0, 0.5, 0.01]
    """
    rise = max(1, round(settings.warmup * settings.steps))
    if step < rise:
        return settings.learning_rate * (step + 1) / rise
    share = (step - rise) / max(1, settings.steps - 1 - rise)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share))))


def fit(
    model: nn.Module,
    patches: Dataset[Mapping[str, Tensor]],
    losses: Losses,
    settings: FitSettings,
    *,
    state: Path | None = None,
    about: Mapping[str, str] | None = None,
) -> Iterator[FitEvent]:
    """Train a model in place.

    Parameters
    ----------
    model
        Returns named maps. It ends with the moving average of its weights, in eval mode, on the CPU.
    patches
        Item ``i`` belongs to step ``i // batch``, and always is the same: that makes resuming exact.
    losses
        Maps and targets to scalar terms; their sum is minimised.
    settings
        See `FitSettings`.
    state
        File that a stopped fit resumes from; written every `FitSettings.save_every` steps and at the end. The
        learning rate may differ from before, nothing else.
    about
        What the fit depends on beside the settings, by name: the first weights, the data. A state of something else is
        refused.

    Yields
    ------
    StepDone, FitDone

    Raises
    ------
    ValueError
        If the state is none, or belongs to other settings or another model, or if the loss or its gradient is not
        finite; in that case the last good state is kept.
    OSError
        If the state cannot be written, such as on a full disk.
    """
    fabric = Fabric(accelerator=settings.accelerator, devices=1, precision=settings.precision)
    model.train().to(memory_format=torch.channels_last)
    average = AveragedModel(model, multi_avg_fn=_polyak(settings.averaging), use_buffers=True)
    optimizer: Optimizer = AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    wrapped, optimizer = fabric.setup(model, optimizer)
    average.to(fabric.device)
    about = dict(about or {})
    start = _restore(state, settings, about, model, average, optimizer)
    steps = range(start * settings.batch, settings.steps * settings.batch)
    loader = fabric.setup_dataloaders(DataLoader(patches, settings.batch, sampler=steps))
    begin = last = saved = time.perf_counter()
    for step, batch in enumerate(loader, start):
        rate = learning_rate_at(step, settings)
        for group in optimizer.param_groups:
            group["lr"] = rate
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        terms = losses(wrapped(image), batch)
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            raise ValueError(_not_finite("loss", step, rate, state))
        optimizer.zero_grad()
        fabric.backward(total)
        norm = fabric.clip_gradients(wrapped, optimizer, max_norm=settings.clip, error_if_nonfinite=False)
        # in 16-mixed such steps are usual: the gradient scaler leaves them out
        if not (torch.isfinite(norm) or settings.precision == "16-mixed"):
            raise ValueError(_not_finite("gradient", step, rate, state))
        optimizer.step()
        average.update_parameters(model)
        now = time.perf_counter()
        due = (step + 1) % settings.save_every == 0 or step + 1 == settings.steps or now - saved > SAVE_AFTER_S
        if state is not None and due:
            _save(state, step + 1, settings, about, model, average, optimizer)
            saved = now
        values = {name: float(term.detach()) for name, term in terms.items()}
        yield StepDone(step + 1, settings.steps, values, rate, now - last)
        last = now
    model.load_state_dict(average.module.state_dict())
    model.eval().to("cpu")
    yield FitDone(settings.steps, time.perf_counter() - begin)


def _not_finite(what: str, step: int, rate: float, state: Path | None) -> str:
    kept = f"; it goes on from the last good state, {state}" if state is not None and state.exists() else ""
    return f"the {what} is not finite at step {step + 1}: start again with a lower learning rate than {rate:g}{kept}"


Tensors = tuple[Tensor, ...] | list[Tensor]


def _polyak(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """Average with a decay that starts low, so that the first weights are soon forgotten."""

    @torch.no_grad()
    def update(averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
        share = 1.0 - min(decay, (1.0 + int(count)) / (10.0 + int(count)))
        for old, new in zip(averaged, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new.to(old.dtype), share)
            else:
                old.copy_(new)

    return update


def _save(
    path: Path,
    step: int,
    settings: FitSettings,
    about: Mapping[str, str],
    model: nn.Module,
    average: AveragedModel,
    optimizer: Optimizer,
) -> None:
    content = {
        "step": step,
        "settings": dataclasses.asdict(settings),
        "about": dict(about),
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    file = io.BytesIO()  # torch makes RuntimeErrors of a full disk
    torch.save(content, file)
    with whole_file(path) as part:
        part.write_bytes(file.getbuffer())


def _restore(
    path: Path | None,
    settings: FitSettings,
    about: Mapping[str, str],
    model: nn.Module,
    average: AveragedModel,
    optimizer: Optimizer,
) -> int:
    if path is None or not path.exists():
        return 0
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        before = {**content["settings"], **content["about"]}
    except Exception as error:  # a file of another kind can raise anything
        raise ValueError(f"{path} is not the state of a fit, or is damaged: remove it to start again") from error
    now = {**dataclasses.asdict(settings), **about}
    # the learning rate may change: a fit that was stopped since it became unstable goes on with a lower one
    other = sorted(name for name in now.keys() - {"learning_rate"} if before.get(name) != now[name])
    if other:
        raise ValueError(
            f"{path} was written with {other[0]} = {before.get(other[0])}, but it is {now[other[0]]} now: "
            "use the same settings, or remove the file to start again"
        )
    try:
        model.load_state_dict(content["model"])
        average.load_state_dict(content["average"])
    except RuntimeError as error:
        raise ValueError(f"{path} belongs to another model: remove it to start again") from error
    optimizer.load_state_dict(content["optimizer"])
    return int(content["step"])
