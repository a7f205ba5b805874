"""Registry of the networks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from torch import nn

from napari_pathprune.models.hovernet.hovernet import HoVerNet

_ARCHITECTURES: Final[Mapping[str, Callable[..., nn.Module]]] = MappingProxyType({"hovernet": HoVerNet})


def list_architectures() -> tuple[str, ...]:
    """Return the names of the networks that `build` knows."""
    return tuple(_ARCHITECTURES)


def build(name: str, **config: Any) -> nn.Module:  # noqa: ANN401 - each network has its own settings
    """Build a network with fresh weights.

    Parameters
    ----------
    name
        Name of the network, one of `list_architectures()`.
    **config
        Settings of the network, such as ``mode``, ``num_types`` and ``width`` of `HoVerNet`.

    Raises
    ------
    ValueError
        If the name or a setting is unknown, or a setting is out of range.

    Examples
    --------
    >>> build("hovernet", mode="fast", num_types=4, width=0.125).num_types
    4
    """
    if name not in _ARCHITECTURES:
        raise ValueError(f"got architecture {name!r}; expected one of {', '.join(_ARCHITECTURES)}")
    try:
        return _ARCHITECTURES[name](**config)
    except TypeError as error:
        raise ValueError(f"{name} cannot be built with the settings {config}: {error}") from error
