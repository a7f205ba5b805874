"""The learning rate of every step, as a function of the step alone: resuming needs no memory of it."""

from __future__ import annotations

import math
from typing import Final

from napari_pathprune.training.fit_settings import FitSettings

LEAST_WARMUP: Final = 8
"""Steps; AdamW's memory of the gradients is empty at first, and a full step by a few of them does harm."""


def learning_rate_at(step: int, settings: FitSettings) -> float:
    """Give the rate of a step.

    It rises to the highest rate over the `warmup`, which is at least 8 steps, or a third of a phase shorter than 24,
    unless it is 0, and then goes on as the schedule says:

    - ``cosine``: linear rise, half a cosine down to a hundredth (Loshchilov and Hutter 2017, arXiv 1608.03983);
    - ``one-cycle``: from a 25th up and down to a ten-thousandth, both as half a cosine (Smith and Topin 2019,
      arXiv 1708.07120); a warmup of 0.3 is usual;
    - ``step``: a tenth from the middle on, as HoVer-Net was trained (Graham et al. 2019);
    - ``constant``.

    Parameters
    ----------
    step
        From 0 to ``settings.steps - 1``.
    settings
        Give the highest rate, the warmup and the schedule.

    Examples
    --------
    >>> settings = FitSettings(steps=100, learning_rate=1.0, warmup=0.1)
    >>> [round(learning_rate_at(step, settings), 2) for step in (0, 9, 55, 99)]
    [0.1, 1.0, 0.5, 0.01]
    """
    least = min(LEAST_WARMUP, settings.steps // 3) if settings.warmup else 0
    rise = max(1, least, round(settings.warmup * settings.steps))
    if step < rise:
        share = (step + 1) / rise
        if settings.schedule == "one-cycle":
            share = _between(1.0 / 25.0, 1.0, share)
        return settings.learning_rate * share
    gone = min(1.0, (step - rise) / max(1, settings.steps - 1 - rise))
    match settings.schedule:
        case "cosine":
            left = _between(1.0, 0.01, gone)
        case "one-cycle":
            left = _between(1.0, 1e-4, gone)
        case "step":
            left = 1.0 if step < settings.steps / 2 else 0.1
        case _:
            left = 1.0
    return settings.learning_rate * left


def _between(start: float, end: float, share: float) -> float:
    """Half a cosine from one value to another."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))
