"""Parameters that are not trained, selected by patterns of their names."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Disable the gradients of all parameters that match a pattern, and enable those of the others.

    Parameters
    ----------
    model
        Model to be trained.
    patterns
        Patterns of parameter names, such as ``"d[1-3].*"``; none to train all parameters.

    Raises
    ------
    ValueError
        If a pattern matches no parameter.
    """
    frozen = match_parameters(model, patterns)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)


def match_parameters(model: nn.Module, patterns: Sequence[str]) -> set[str]:
    """Return the names of the parameters that match any of the patterns.

    Raises
    ------
    ValueError
        If a pattern matches no parameter.

    Examples
    --------
    >>> sorted(match_parameters(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), ["1.*"]))
    ['1.bias', '1.weight']
    """
    found: set[str] = set()
    for pattern in patterns:
        hits = {name for name, _ in model.named_parameters() if fnmatchcase(name, pattern)}
        if not hits:
            raise ValueError(f"got frozen = {pattern!r}, which no parameter of the model matches; correct or remove it")
        found |= hits
    return found
