"""The device that a network runs on."""

from __future__ import annotations

from typing import Final

import torch

_DEVICES: Final = ("auto", "cpu", "cuda", "mps")


def find_device(name: str) -> torch.device:
    """Return a device by name; "auto" is the fastest one available.

    Parameters
    ----------
    name
        ``"auto"`` (CUDA, else MPS, else CPU), ``"cpu"``, ``"cuda"`` (or ``"cuda:1"``) or ``"mps"``.

    Raises
    ------
    ValueError
        If there is no such device.

    Examples
    --------
    >>> find_device("cpu")
    device(type='cpu')
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, is_here in available.items() if is_here))
    kind, _, number = name.partition(":")
    if kind not in available or (number and not (kind == "cuda" and number.isdigit())):
        raise ValueError(f"got device {name!r}; choose one of {', '.join(_DEVICES)}")
    if not available[kind] or (number and int(number) >= torch.cuda.device_count()):
        here = ", ".join(kind for kind, is_here in available.items() if is_here)
        raise ValueError(f"got device {name!r}, which this machine does not have; choose auto or one of: {here}")
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """Return a device in words, with its name or its number of threads.

    Examples
    --------
    >>> describe_device(torch.device("cpu")).startswith("CPU, ")
    True
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "GPU of this Mac (MPS)"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread" + "s" * (threads != 1)
