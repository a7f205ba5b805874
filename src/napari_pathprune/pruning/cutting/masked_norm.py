"""Norms over channels in a masked model, which leave the silenced channels out of their statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self, SupportsIndex

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd


def make_kept_weight(weight: Tensor, gone: NDArray[np.int64], requires_grad: bool) -> nn.Parameter:  # noqa: FBT001
    """Return the weight of a norm that runs over the channels that stay.

    Parameters
    ----------
    weight
        (channels,) weight of the dense norm.
    gone
        Channels to leave out. The output of the norm is zero there.
    requires_grad
        As for any parameter.
    """
    parameter = KeptWeight(weight, requires_grad)
    parameter.kept = torch.from_numpy(np.delete(np.arange(len(weight)), gone))
    return parameter


class KeptWeight(nn.Parameter):
    """The weight of a norm that knows which channels stay, whatever module or function applies it."""

    kept: Tensor

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if id(self) not in memo:
            copy = type(self)(self.detach().clone(), self.requires_grad)
            copy.kept = self.kept
            memo[id(self)] = copy
        known: Self = memo[id(self)]
        return known

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        del protocol
        return _rebuild_weight, (self.detach().as_subclass(Tensor), self.kept, self.requires_grad)

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (functions of torch return anything)
        del types
        norm = MASKED_NORMS.get(getattr(func, "__name__", ""))
        with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 (as torch's documentation recommends)
            return (norm or func)(*args, **(kwargs or {}))


def _rebuild_weight(weight: Tensor, kept: Tensor, requires_grad: bool) -> KeptWeight:  # noqa: FBT001
    parameter = KeptWeight(weight, requires_grad)
    parameter.kept = kept
    return parameter


def use_masked_norms(model: nn.Module) -> None:
    """Make the norms of torch that have such a weight ones that save and export their rule.

    Those of transformer layers stay, because such a layer hands its weights to a fused operation, which only weights
    of another type prevent.
    """
    fused = {norm for layer in model.modules() if isinstance(layer, _FUSED) for norm in layer.children()}
    for module in set(model.modules()) - fused:
        weight = module._parameters.get("weight")  # noqa: SLF001 (without computing it)
        masked = _MASKED_MODULES.get(type(module))
        if masked is not None and isinstance(weight, KeptWeight):
            module.__class__ = masked
            module.weight = nn.Parameter(weight.detach().as_subclass(Tensor), weight.requires_grad)
            module.register_buffer("kept", weight.kept.to(weight.device), persistent=False)


def leave_out_inputs(model: nn.Module, gone: Mapping[str, NDArray[np.int64]]) -> None:
    """Make convolutions whose weight has lost channels of its input pick those that stay."""
    for name, channels in gone.items():
        conv = model.get_submodule(name.rpartition(".")[0])
        assert isinstance(conv, _ConvNd)
        conv.register_forward_pre_hook(PickInputs(np.delete(np.arange(conv.in_channels), channels)))
        conv.in_channels -= len(channels)


class PickInputs:
    """A hook that picks channels of the input of a module."""

    def __init__(self, kept: NDArray[np.int64]) -> None:
        self.kept = torch.from_numpy(kept)

    def __call__(self, module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments with fewer channels."""
        del module
        x = given[0]
        return (x.index_select(1, self.kept.to(x.device)), *given[1:])


def _layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: KeptWeight,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: object,
) -> Tensor:
    assert len(normalized_shape) == 1
    return _narrow_norm(x, weight.kept.to(x.device), weight, bias, eps)


def _narrow_norm(x: Tensor, kept: Tensor, weight: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    narrow = F.layer_norm(x[..., kept], (len(kept),), weight[kept], _keep_rows(bias, kept), eps)
    return torch.zeros_like(x).index_copy(-1, kept, narrow)


def _rms_norm(x: Tensor, normalized_shape: Sequence[int], weight: KeptWeight, eps: float | None = None) -> Tensor:
    assert len(normalized_shape) == 1
    return _narrow_rms_norm(x, weight.kept.to(x.device), weight, eps)


def _narrow_rms_norm(x: Tensor, kept: Tensor, weight: Tensor, eps: float | None) -> Tensor:
    narrow = F.rms_norm(x[..., kept], (len(kept),), weight[kept], eps)
    return torch.zeros_like(x).index_copy(-1, kept, narrow)


def _group_norm(
    x: Tensor, num_groups: int, weight: KeptWeight, bias: Tensor | None = None, eps: float = 1e-5, *_: object
) -> Tensor:
    assert num_groups == 1
    return _narrow_group_norm(x, weight.kept.to(x.device), weight, bias, eps)


def _narrow_group_norm(x: Tensor, kept: Tensor, weight: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    narrow = F.group_norm(x[:, kept], 1, weight[kept], _keep_rows(bias, kept), eps)
    return torch.zeros_like(x).index_copy(1, kept, narrow)


def _keep_rows(bias: Tensor | None, kept: Tensor) -> Tensor | None:
    return None if bias is None else bias[kept]


MASKED_NORMS: Final[dict[str, Callable[..., Tensor]]] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
}


class MaskedLayerNorm(nn.LayerNorm):
    """A layer norm over the channels that stay."""

    kept: Tensor

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102 (as in torch)
        return _narrow_norm(x, self.kept, self.weight, self.bias, self.eps)


class MaskedRMSNorm(nn.RMSNorm):
    """A root mean square norm over the channels that stay."""

    kept: Tensor

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102 (as in torch)
        return _narrow_rms_norm(x, self.kept, self.weight, self.eps)


class MaskedGroupNorm(nn.GroupNorm):
    """A norm over all channels that stay, and all pixels."""

    kept: Tensor

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102 (as in torch)
        return _narrow_group_norm(x, self.kept, self.weight, self.bias, self.eps)


_FUSED: Final = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
_MASKED_MODULES: Final[dict[type[nn.Module], type[nn.Module]]] = {
    nn.LayerNorm: MaskedLayerNorm,
    nn.RMSNorm: MaskedRMSNorm,
    nn.GroupNorm: MaskedGroupNorm,
}
