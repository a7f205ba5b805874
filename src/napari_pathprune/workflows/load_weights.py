"""Weights of a dense or compact model, loaded into the architecture that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from napari_pathprune.models import build
from napari_pathprune.pruning import reshape

LARGEST_DENSE: Final = 200_000_000
"""Parameters of the largest dense model that is built for weights of any size; the published one has 38 million."""

USUAL_WIDTH: Final = 2.0
"""Multiplier of the widths up to which no network here exceeds `LARGEST_DENSE`."""


def check_size(architecture: str, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Raise if a model's settings make a dense model far larger than its weights; nothing is allocated.

    Raises
    ------
    ValueError
        If the settings are wrong or too large.
    """
    numbers = (value for name, value in config.items() if name != "num_types" and isinstance(value, int | float))
    if all(value <= USUAL_WIDTH for value in numbers):
        return  # a build without memory takes longer than a small real one
    with torch.device("meta"):
        dense = sum(values.numel() for values in build(architecture, **config).parameters())
    given = sum(values.numel() for values in weights.values())
    if dense > max(LARGEST_DENSE, 20 * given):
        raise ValueError(
            f"{architecture} with {dict(config)} has {dense / 1e6:,.0f} million parameters, but the file holds "
            f"{given / 1e6:,.1f} million; the header does not belong to the weights"
        )


def check_names(architecture: str, config: Mapping[str, Any], weights: Mapping[str, Tensor], source: str) -> None:
    """Raise if weights have other names than those of an architecture.

    Raises
    ------
    ValueError
        The message names the file and the keys that are missing or unknown.
    """
    check_size(architecture, config, weights)
    expected = set(build(architecture, **config).state_dict())
    _compare_names(expected, set(weights), f"{source} does not hold a {architecture} with {dict(config)}")


def load_weights(dense: nn.Module, weights: Mapping[str, Tensor], name: str) -> nn.Module:
    """Return a model with the given weights, whose shapes determine its widths.

    Parameters
    ----------
    dense
        The dense model. It is changed in place, and returned if the weights have its shapes.
    weights
        State dict of this model, or of a compact one made from it.
    name
        Name of the architecture and its settings, for messages.

    Returns
    -------
    nn.Module
        In eval mode.

    Raises
    ------
    ValueError
        If the weights do not fit; the message names the keys.

    Examples
    --------
    >>> compact = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 1, 1)).state_dict()
    >>> load_weights(nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 1, 1)), compact, "net")[0].out_channels
    2
    """
    _compare_names(set(dense.state_dict()), set(weights), f"the weights are not those of a {name}")
    shapes = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    widest = {key: tuple(tensor.shape) for key, tensor in dense.state_dict().items()}
    misfits = sorted(key for key, shape in shapes.items() if not _is_narrower(shape, widest[key]))
    if misfits:
        first = misfits[0]
        raise ValueError(
            f"the weights are not those of a {name}: {len(misfits)} have another shape{_list_some(misfits)}; "
            f"{first} is {shapes[first]}, not {widest[first]}"
        )
    model = dense if shapes == widest else reshape(dense, shapes)
    model.load_state_dict(dict(weights))
    return model.eval()


def _compare_names(expected: set[str], given: set[str], problem: str) -> None:
    if expected != given:
        missing, extra = sorted(expected - given), sorted(given - expected)
        raise ValueError(
            f"{problem}: "
            f"{len(missing)} keys are missing{_list_some(missing)}, {len(extra)} are unknown{_list_some(extra)}"
        )


def _is_narrower(shape: tuple[int, ...], dense: tuple[int, ...]) -> bool:
    """Return whether a shape is the dense one with fewer channels: the kernel is the same, and nothing is larger."""
    return (
        len(shape) == len(dense)
        and shape[2:] == dense[2:]
        and all(0 < size <= limit for size, limit in zip(shape, dense, strict=True))
    )


def _list_some(keys: list[str]) -> str:
    return f" ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})" if keys else ""
