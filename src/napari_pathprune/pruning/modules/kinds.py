"""Models that are not plain modules: compiled, scripted, quantised or lazy ones."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parameter import is_lazy


def check_kind(model: object) -> None:
    """Raise if a model hides its operations or its weights.

    Raises
    ------
    ValueError
        If the model, or a part of it, is compiled, scripted, quantised or lazy, or is not a module at all.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(  # noqa: TRY004 (the user's mistake)
            f"got a {type(model).__name__}; expected an nn.Module: give the network itself"
        )
    for name, module in model.named_modules():
        where = f"part {name!r} of the model" if name else "the model"
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(  # noqa: TRY004
                f"got {where} as TorchScript, which cannot be traced; give the module that it was made from"
            )
        if "_orig_mod" in module._modules:  # noqa: SLF001 (how torch.compile wraps)
            raise ValueError(
                f"got {where} compiled; give the original module ('._orig_mod'), and compile after the cut"
            )
        if ".quantized" in type(module).__module__:
            raise ValueError(f"got {where} quantised, whose weights are packed; cut the float model, then quantise it")
        if any(is_lazy(p) for p in module.parameters(recurse=False)):
            raise ValueError(f"got {where} with weights of unknown size (lazy); run the model once, then trace it")
