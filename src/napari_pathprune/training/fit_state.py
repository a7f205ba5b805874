"""State from which an interrupted fit resumes exactly."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from lightning_fabric.plugins.precision import Precision
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.ledger import check_unchanged
from napari_pathprune.training.fit_settings import FitSettings

MAY_CHANGE = frozenset({"learning_rate", "accelerator", "devices", "save_every", "workers"})
"""Settings that may differ when a fit resumes: an unstable fit can continue at a lower rate, on any device."""

_DEFAULTS: Final = {f.name: f.default for f in dataclasses.fields(FitSettings)}
"""Values of the settings that an older state lacks."""


@dataclass(slots=True)
class FitState:
    """Progress of a fit, apart from its current weights.

    Attributes
    ----------
    step
        Number of steps done.
    best_score, best_scores, best_step, best_weights
        Result of the best validation; empty before the first one.
    waited
        Number of validations since the best one.
    pieces
        Number of pieces in which a batch is computed; more than 1 if memory ran out.
    seconds
        Time spent so far in all runs, in seconds.
    """

    step: int = 0
    best_score: float = float("-inf")
    best_scores: Mapping[str, float] = field(default_factory=dict)
    best_step: int = 0
    best_weights: Mapping[str, Tensor] = field(default_factory=dict)
    waited: int = 0
    pieces: int = 1
    seconds: float = 0.0


def write_state(
    path: Path,
    state: FitState,
    settings: FitSettings,
    about: Mapping[str, str],
    model: nn.Module,
    average: AveragedModel,
    optimizer: Optimizer,
    precision: Precision,
) -> None:
    """Write the state of a fit, including the gradient scale of mixed precision.

    An existing state is replaced only when the new one is complete.

    Raises
    ------
    OSError
        If the file cannot be written, for example because the disk is full.
    """
    content = {
        **{f.name: getattr(state, f.name) for f in dataclasses.fields(FitState)},
        "settings": dataclasses.asdict(settings),
        "about": dict(about),
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "precision": precision.state_dict(),
    }
    file = io.BytesIO()  # torch turns a full disk into a RuntimeError
    torch.save(content, file)
    with write_atomically(path) as part:
        part.write_bytes(file.getbuffer())


def restore_state(
    path: Path | None,
    settings: FitSettings,
    about: Mapping[str, str],
    model: nn.Module,
    average: AveragedModel,
    optimizer: Optimizer,
    precision: Precision,
) -> FitState:
    """Restore the model, its average, the optimiser and the precision of an interrupted fit.

    Without a file nothing is changed, and the returned state is that of a new fit.

    Raises
    ------
    ValueError
        If the file is not a state, or if it belongs to other settings, other data or another model.
    """
    if path is None or not path.exists():
        return FitState()
    content = _read(path)
    before = {**_DEFAULTS, **content["settings"], **content["about"]}
    now = {**dataclasses.asdict(settings), **about}
    asked = {name: now[name] for name in sorted(now.keys() - MAY_CHANGE)}
    check_unchanged(before, asked, path, "remove the file to start again")
    try:
        model.load_state_dict(content["model"])
        average.load_state_dict(content["average"])
    except RuntimeError as error:
        raise ValueError(f"{path} belongs to another model; remove it to start again") from error
    optimizer.load_state_dict(content["optimizer"])
    if content["precision"]:
        precision.load_state_dict(content["precision"])
    return FitState(**{f.name: content[f.name] for f in dataclasses.fields(FitState) if f.name in content})


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        for name in ("settings", "about", "model", "average", "optimizer", "precision", "step"):
            content[name]
    except Exception as error:  # other kinds of files can raise anything
        raise ValueError(f"{path} is not the state of a fit, or is damaged; remove it to start again") from error
    found: dict[str, Any] = content
    return found
