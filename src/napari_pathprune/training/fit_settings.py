"""Settings of the fit loop."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SCHEDULES: Final = ("cosine", "one-cycle", "step", "constant")
NORMS: Final = ("batch", "kept")


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Settings of one training phase.

    Attributes
    ----------
    steps
        Number of optimiser steps.
    batch
        Patches per step, over all devices.
    learning_rate
        Maximum learning rate of AdamW.
    schedule
        Course of the learning rate; see `learning_rate.learning_rate_at`.
    warmup
        Share of the steps during which the learning rate rises.
    weight_decay
        Weight decay of AdamW.
    averaging
        Decay of the moving average of the weights (Polyak averaging). The average is what is validated and kept.
    clip
        Maximum norm of the gradient.
    frozen
        Patterns of the names of parameters that are not trained, such as ``"d[1-3].*"``. The running statistics of
        batch norms still follow the data.
    norms
        Statistics that batch norms use: ``"batch"`` for those of each batch, or ``"kept"`` for the running statistics
        of the initial model, as in inference. The statistics of a small batch of differently stained patches are far
        from those of all images, and a network that was trained with the former only is less accurate with the latter.
    validate_every
        Steps between two validations; 0 to validate at the end only.
    patience
        Number of validations without a better score after which the fit stops; 0 to never stop early. Requires
        `validate_every`.
    save_every
        Steps between two states from which an interrupted fit can resume.
    workers
        Number of processes that prepare patches during training, on Linux; 0 prepares them in the main process,
        which is enough for a CPU. Requires a system that can fork processes.
    accelerator
        Device, as Lightning Fabric names it: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    devices
        Number of GPUs, or of processes on a CPU, that share every batch.
    precision
        Precision of the numbers, as Lightning Fabric names it, such as ``"16-mixed"``.

    Raises
    ------
    ValueError
        If a number is out of range or has no effect, or if the schedule or `norms` is unknown.

    Examples
    --------
    >>> FitSettings(steps=0)
    Traceback (most recent call last):
    ValueError: got steps = 0; give 1 or more
    """

    steps: int = 1000
    batch: int = 2
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    warmup: float = 0.05
    weight_decay: float = 1e-4
    averaging: float = 0.995
    clip: float = 10.0
    frozen: tuple[str, ...] = ()
    norms: str = "batch"
    validate_every: int = 0
    patience: int = 0
    save_every: int = 50
    workers: int = 0
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "32-true"

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[Callable[[float], bool], tuple[str, ...]]] = {
            "1 or more": (lambda value: value >= 1, ("steps", "batch", "save_every", "devices")),
            "a number above 0": (lambda value: value > 0.0, ("learning_rate", "clip")),
            "a share between 0 and 1": (lambda value: 0.0 <= value <= 1.0, ("warmup", "averaging")),
            "0 or more": (lambda value: value >= 0, ("weight_decay", "validate_every", "patience", "workers")),
        }
        for expected, (fits, names) in ranges.items():
            wrong = [name for name in names if not fits(getattr(self, name))]
            if wrong:
                raise ValueError(f"got {wrong[0]} = {getattr(self, wrong[0])}; give {expected}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"got schedule {self.schedule!r}; give one of {', '.join(SCHEDULES)}")
        if self.norms not in NORMS:
            raise ValueError(f"got norms {self.norms!r}; give one of {', '.join(NORMS)}")
        if self.batch % self.devices:
            raise ValueError(
                f"got a batch of {self.batch} for {self.devices} devices; give a multiple of {self.devices}"
            )
        if self.patience and not self.validate_every:
            raise ValueError(
                f"got patience = {self.patience}, but validate_every = 0 validates at the end only; give "
                "validate_every too, the steps between two validations"
            )
        if self.workers and "fork" not in multiprocessing.get_all_start_methods():
            raise ValueError(f"got workers = {self.workers}, but this system cannot fork processes; give workers = 0")
