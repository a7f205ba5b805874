"""How long, how fast and where to learn."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SCHEDULES: Final = ("cosine", "one-cycle", "step", "constant")


@dataclass(frozen=True, slots=True)
class FitSettings:
    """One phase of a training.

    Attributes
    ----------
    steps
        Optimiser steps in all.
    batch
        Patches a step, all devices together.
    learning_rate
        Highest rate of AdamW.
    schedule
        How the rate moves; see `learning_rate.learning_rate_at`.
    warmup
        Share of the steps over which the rate rises.
    weight_decay
        Of AdamW.
    averaging
        Decay of the moving average of the weights (Polyak averaging), which is what is validated and kept.
    clip
        Largest norm of the gradient.
    frozen
        Patterns of parameters that stay as they are, such as ``"d[1-3].*"``; batch norms still follow the data.
    validate_every
        Steps between two validations; 0 validates at the end only.
    patience
        Stop after so many validations without a better score; 0 never stops early. Wants `validate_every`.
    save_every
        Steps between two states from which a stopped fit resumes.
    workers
        Processes that make patches beside the training, on Linux; 0 makes them in between, which is enough for a
        CPU. Refused where processes cannot be forked.
    accelerator, devices, precision
        Of Lightning Fabric: such as ``"cuda"``, 2 and ``"16-mixed"``.

    Raises
    ------
    ValueError
        If a number is out of its range or has no effect, or the schedule is not known.
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
        for wanted, (fits, names) in ranges.items():
            strange = [name for name in names if not fits(getattr(self, name))]
            if strange:
                raise ValueError(f"got {strange[0]} = {getattr(self, strange[0])}; give {wanted}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"got schedule {self.schedule!r}; the schedules are {', '.join(SCHEDULES)}")
        if self.batch % self.devices:
            raise ValueError(f"got a batch of {self.batch} for {self.devices} devices; give a multiple of them")
        if self.patience and not self.validate_every:
            raise ValueError(
                f"got patience = {self.patience}, but validate_every = 0 validates at the end only: give "
                "validate_every too, the steps between two validations"
            )
        if self.workers and "fork" not in multiprocessing.get_all_start_methods():
            raise ValueError(f"got workers = {self.workers}, but this system cannot fork processes: give workers = 0")
