"""Weights that hold NaN or infinity."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


def check_finite(model: nn.Module) -> None:
    """Raise if a model has diverged before it is trained, so that no setting of the training is blamed.

    Raises
    ------
    ValueError
        The message names the first such weights.
    """
    broken = find_not_finite(model.state_dict())
    if broken:
        raise ValueError(f"the model holds NaN or infinity in {broken} before the first step; start from another model")


def find_not_finite(weights: Mapping[str, Tensor]) -> str:
    """Return the name of the first weights that hold NaN or infinity, or an empty text.

    Examples
    --------
    >>> import torch
    >>> find_not_finite({"a": torch.ones(2), "b": torch.tensor([0.0, float("nan")])})
    'b'
    """
    return next((name for name, values in weights.items() if not bool(values.isfinite().all())), "")


def choose_good(average: Mapping[str, Tensor], best: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return the averaged weights, or those of the best validation if the average has diverged as well."""
    return best if best and find_not_finite(average) else average
