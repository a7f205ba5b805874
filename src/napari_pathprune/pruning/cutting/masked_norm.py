"""Norms over channels in a masked model, which leave the silenced channels out of their statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn


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


def _layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: KeptWeight,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: object,
) -> Tensor:
    assert len(normalized_shape) == 1
    kept = weight.kept.to(x.device)
    narrow = F.layer_norm(x[..., kept], (len(kept),), weight[kept], _keep_rows(bias, kept), eps)
    return torch.zeros_like(x).index_copy(-1, kept, narrow)


def _rms_norm(x: Tensor, normalized_shape: Sequence[int], weight: KeptWeight, eps: float | None = None) -> Tensor:
    assert len(normalized_shape) == 1
    kept = weight.kept.to(x.device)
    narrow = F.rms_norm(x[..., kept], (len(kept),), weight[kept], eps)
    return torch.zeros_like(x).index_copy(-1, kept, narrow)


def _group_norm(
    x: Tensor, num_groups: int, weight: KeptWeight, bias: Tensor | None = None, eps: float = 1e-5, *_: object
) -> Tensor:
    assert num_groups == 1
    kept = weight.kept.to(x.device)
    narrow = F.group_norm(x[:, kept], 1, weight[kept], _keep_rows(bias, kept), eps)
    return torch.zeros_like(x).index_copy(1, kept, narrow)


def _keep_rows(bias: Tensor | None, kept: Tensor) -> Tensor | None:
    return None if bias is None else bias[kept]


MASKED_NORMS: Final[dict[str, Callable[..., Tensor]]] = {
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
}
