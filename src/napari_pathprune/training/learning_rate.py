"""Learning rate as a function of the step alone, so that a resumed fit needs no state for it."""

from __future__ import annotations

import math
from typing import Final

from napari_pathprune.training.fit_settings import FitSettings

LEAST_WARMUP: Final = 8
"""Fewest warmup steps. AdamW's moments are empty at first, and full steps based on few gradients do harm."""


def learning_rate_at(step: int, settings: FitSettings) -> float:
    """Return the learning rate of a step.

    The rate rises to its maximum during the warmup. Unless ``settings.warmup`` is 0, the warmup takes at least 8
    steps, or a third of a phase of fewer than 24 steps. After it the rate follows the schedule:

    - ``cosine``: linear rise, then half a cosine down to 1/100 (Loshchilov and Hutter 2017, arXiv 1608.03983);
    - ``one-cycle``: up from 1/25 and down to 1/10,000, both as half a cosine (Smith and Topin 2019,
      arXiv 1708.07120); a warmup of 0.3 is usual;
    - ``step``: 1/10 from the middle of the phase on, as HoVer-Net was trained (Graham et al. 2019);
    - ``constant``.

    Parameters
    ----------
    step
        Step, from 0 to ``settings.steps - 1``.
    settings
        Number of steps, maximum rate, warmup and schedule.

    Examples
    --------
    >>> settings = FitSettings(steps=100, learning_rate=1.0, warmup=0.1)
    >>> [round(learning_rate_at(step, settings), 2) for step in (0, 9, 55, 99)]
    [0.1, 1.0, 0.5, 0.01]
    """
    fewest = min(LEAST_WARMUP, settings.steps // 3) if settings.warmup else 0
    rise = max(1, fewest, round(settings.warmup * settings.steps))
    if step < rise:
        share = (step + 1) / rise
        if settings.schedule == "one-cycle":
            share = _interpolate(1.0 / 25.0, 1.0, share)
        return settings.learning_rate * share
    progress = min(1.0, (step - rise) / max(1, settings.steps - 1 - rise))
    match settings.schedule:
        case "cosine":
            factor = _interpolate(1.0, 0.01, progress)
        case "one-cycle":
            factor = _interpolate(1.0, 1e-4, progress)
        case "step":
            factor = 1.0 if step < settings.steps / 2 else 0.1
        case _:
            factor = 1.0
    return settings.learning_rate * factor


def _interpolate(start: float, end: float, share: float) -> float:
    """Interpolate between two values along half a cosine."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))
