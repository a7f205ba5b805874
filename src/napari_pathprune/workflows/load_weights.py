"""Weights of a dense or compact model, loaded into the architecture that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from napari_pathprune.base.error_line import first_line
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
    if shapes == widest:
        dense.load_state_dict(dict(weights))
        return dense.eval()
    _check_outputs(dense, shapes, name)
    model = reshape(dense, shapes).eval()
    model.load_state_dict(dict(weights))
    _check_fit(model, name)
    return model


def _check_outputs(dense: nn.Module, shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Raise if a map of a compact model has other channels than that of the dense one, which no cut changes."""
    list_layers = getattr(dense, "output_layers", dict)
    layers = {id(layer): output for output, layer in list_layers().items()}
    for path, module in dense.named_modules():
        shape = shapes.get(f"{path}.weight", ())
        if id(module) in layers and shape and shape[0] != module.weight.shape[0]:
            raise ValueError(
                f"the weights are not those of a {name}: {path}.weight has {shape[0]} channels, but the map "
                f"{layers[id(module)]!r} has {module.weight.shape[0]}"
            )


def _check_fit(model: nn.Module, name: str) -> None:
    """Raise if layers of a compact model differ in the number of channels that they pass on; takes a small image."""
    nearest_sizes = getattr(model, "nearest_sizes", None)
    if nearest_sizes is None:
        return
    reached = ""

    def check_layer(path: str, module: nn.Conv2d | nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        nonlocal reached
        reached = path
        channels = len(module.weight) if isinstance(module, nn.BatchNorm2d) else module.weight.shape[1] * module.groups
        if inputs[0].shape[1] != channels:
            raise ValueError(f"{path} takes {channels} channels, but gets {inputs[0].shape[1]}")

    hooks = [
        module.register_forward_pre_hook(partial(check_layer, path))
        for path, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    side = nearest_sizes(1)[1]
    try:
        with torch.inference_mode():
            model(torch.zeros(1, 3, side, side))
    except (RuntimeError, ValueError, IndexError) as error:
        where = "" if isinstance(error, ValueError) else f"at {reached}, "
        raise ValueError(
            f"the weights of this {name} do not fit each other: {where}{first_line(error)}; the file is damaged"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()


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
