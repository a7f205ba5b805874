"""Norms over channels in a masked model, which leave the silenced channels out of their statistics."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self, SupportsIndex

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode


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
        norm = _NARROW.get(getattr(func, "__name__", ""))
        weight = (kwargs or {}).get("weight", args[2] if len(args) > 2 else None) if norm else None
        with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 (as torch's documentation recommends)
            if norm is None or not isinstance(weight, KeptWeight):
                return func(*args, **(kwargs or {}))
            return norm(weight.kept, *args, **(kwargs or {}))


def _rebuild_weight(weight: Tensor, kept: Tensor, requires_grad: bool) -> KeptWeight:  # noqa: FBT001
    parameter = KeptWeight(weight, requires_grad)
    parameter.kept = kept
    return parameter


def use_masked_norms(model: nn.Module) -> None:
    """Make all norms that have such a weight ones that save and export their rule.

    Norms of torch become masked modules. Those of transformer layers stay, because such a layer hands its weights to a
    fused operation, which only weights of another type prevent. For these, and for norms that a model's own code
    applies, the rule is in force while the model runs, because an exporter ignores the type of a weight.
    """
    fused = {norm for layer in model.modules() if isinstance(layer, _FUSED) for norm in layer.children()}
    for module in set(model.modules()) - fused:
        weight = module._parameters.get("weight")  # noqa: SLF001 (without computing it)
        masked = _MASKED_MODULES.get(type(module))
        if masked is not None and isinstance(weight, KeptWeight):
            module.__class__ = masked
            module.weight = nn.Parameter(weight.detach().as_subclass(Tensor), weight.requires_grad)
            module.register_buffer("kept", weight.kept.to(weight.device), persistent=False)
    own = {name: weight.kept for name, weight in model.named_parameters() if isinstance(weight, KeptWeight)}
    if own:
        rule = NormRule(own)
        model.register_forward_pre_hook(rule.start)
        model.register_forward_hook(rule.stop, always_call=True)


def leave_out_inputs(model: nn.Module, gone: Mapping[str, NDArray[np.int64]]) -> None:
    """Make convolutions whose weight has lost channels of its input pick those that stay."""
    for name, channels in gone.items():
        conv = model.get_submodule(name.rpartition(".")[0])
        assert isinstance(conv, _ConvNd)
        conv.register_forward_pre_hook(PickInputs(np.delete(np.arange(conv.in_channels), channels)))
        conv.in_channels -= len(channels)


class NormRule:
    """Hooks of a masked model, between which norms with certain weights leave out the silenced channels.

    Attributes
    ----------
    kept
        Name of a weight to the channels that stay.
    """

    def __init__(self, kept: Mapping[str, Tensor]) -> None:
        self.kept = dict(kept)
        self._running = threading.local()

    def __reduce__(self) -> tuple[Any, ...]:
        return NormRule, (self.kept,)

    def start(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        """Put the rule into force before the model runs."""
        del given
        mode = _NormMode(module, self.kept)
        self._running.modes = [*getattr(self._running, "modes", ()), mode]
        mode.__enter__()  # type: ignore[no-untyped-call]

    def stop(self, *_: object) -> None:
        """End the rule after the model has run."""
        if getattr(self._running, "modes", None):
            self._running.modes.pop().__exit__(None, None, None)


class _NormMode(TorchFunctionMode):
    def __init__(self, model: nn.Module, kept: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.model, self.kept = model, kept

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (functions of torch return anything)
        del types
        norm = _NARROW.get(getattr(func, "__name__", ""))
        weight = (kwargs or {}).get("weight", args[2] if len(args) > 2 else None) if norm else None
        kept = None if weight is None else self._find_kept(weight)
        if norm is None or kept is None:
            return func(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001 (as torch's documentation recommends)
            return norm(kept, *args, **(kwargs or {}))

    def _find_kept(self, weight: Tensor) -> Tensor | None:
        """Return the channels that stay, by the name of the weight: an exporter puts others in its place."""
        for name, kept in self.kept.items():
            if operator.attrgetter(name)(self.model) is weight:
                return kept
        return None


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
    kept: Tensor,
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: object,
) -> Tensor:
    assert len(normalized_shape) == 1
    return _narrow_norm(x, kept.to(x.device), weight, bias, eps)


def _narrow_norm(x: Tensor, kept: Tensor, weight: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    narrow = F.layer_norm(x[..., kept], (len(kept),), weight[kept], _keep_rows(bias, kept), eps)
    return torch.zeros_like(x).index_copy(-1, kept, narrow)


def _rms_norm(
    kept: Tensor, x: Tensor, normalized_shape: Sequence[int], weight: Tensor, eps: float | None = None
) -> Tensor:
    assert len(normalized_shape) == 1
    return _narrow_rms_norm(x, kept.to(x.device), weight, eps)


def _narrow_rms_norm(x: Tensor, kept: Tensor, weight: Tensor, eps: float | None) -> Tensor:
    narrow = F.rms_norm(x[..., kept], (len(kept),), weight[kept], eps)
    return torch.zeros_like(x).index_copy(-1, kept, narrow)


def _group_norm(
    kept: Tensor, x: Tensor, num_groups: int, weight: Tensor, bias: Tensor | None = None, eps: float = 1e-5, *_: object
) -> Tensor:
    assert num_groups == 1
    return _narrow_group_norm(x, kept.to(x.device), weight, bias, eps)


def _narrow_group_norm(x: Tensor, kept: Tensor, weight: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    narrow = F.group_norm(x[:, kept], 1, weight[kept], _keep_rows(bias, kept), eps)
    return torch.zeros_like(x).index_copy(1, kept, narrow)


def _keep_rows(bias: Tensor | None, kept: Tensor) -> Tensor | None:
    return None if bias is None else bias[kept]


_NARROW: Final[dict[str, Callable[..., Tensor]]] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
}


MASKED_NORMS: Final = frozenset(_NARROW)
"""Operations that a masked model runs over the channels that stay."""


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
