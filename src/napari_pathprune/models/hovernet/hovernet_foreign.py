"""Checkpoints of other implementations of HoVer-Net; no other module knows their keys.

The original implementation (Graham et al. 2019) saves ``{"desc": state dict, ...}``, sometimes with the prefix
``module.`` from data-parallel training. TIAToolbox saves the state dict itself. Others wrap it again, add prefixes, or
leave out the counters of the batch norms; MONAI uses other names, see `hovernet_monai`. The first two have the constant
``upsample2x.unpool_mat``, which this network does not need. All other keys are the same as here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from napari_pathprune.models.hovernet.hovernet_monai import is_monai, rename_monai

UNPOOL: Final = "upsample2x.unpool_mat"
PUBLISHED_STEM: Final = 64
WRAPPERS: Final = ("desc", "state_dict", "model_state_dict", "model", "net", "network", "ema", "weights")
"""Keys below which other programs store the state dict."""
PREFIXES: Final = frozenset({"module", "model", "net", "network", "_orig_mod", "hovernet"})
"""What wrappers of a network, such as Lightning, data-parallel training and `torch.compile`, put before its names."""


def convert_hovernet_weights(content: Any, source: str) -> dict[str, Tensor]:  # noqa: ANN401 - a file can hold anything
    """Convert the content of a foreign checkpoint to a state dict of `HoVerNet`.

    Parameters
    ----------
    content
        Content of the file.
    source
        Name of the file, for messages.

    Raises
    ------
    ValueError
        If the content is not a state dict of a HoVer-Net.

    Examples
    --------
    >>> list(convert_hovernet_weights({"desc": {"module.conv_bot.weight": torch.ones(1)}}, "net.tar"))
    ['conv_bot.weight']
    """
    content = _unwrap(content)
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise ValueError(
            f"{source} holds no state dict of a HoVer-Net; expected tensors, or {{'desc': tensors}}; "
            f"found {_list_keys(content) if isinstance(content, Mapping) else type(content).__name__}"
        )
    tensors = {str(name): tensor for name, tensor in content.items()}
    weights = _add_counters(_rename_foreign(_remove_prefixes(tensors)))
    unpool = weights.pop(UNPOOL, None)
    if unpool is not None and not torch.equal(unpool.float(), torch.ones(2, 2)):
        raise ValueError(
            f"{source} has an {UNPOOL} that does not repeat pixels; expected a HoVer-Net of the original "
            "implementation or of TIAToolbox"
        )
    return weights


def _unwrap(content: Any) -> Any:  # noqa: ANN401 - a file can hold anything
    """Return the state dict inside the wrappers of other programs."""
    for _ in range(3):
        if not isinstance(content, Mapping):
            return content
        inner = next((content[name] for name in WRAPPERS if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            return content
        content = inner
    return content


def _remove_prefixes(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights without prefixes of wrappers that all of them, or all those of one submodule, have in front."""
    found = dict(weights)
    while True:
        heads = {name.partition(".")[0] for name in found}
        networks = [head for head in heads if head in PREFIXES]
        if not networks:
            return found
        first = max(networks, key=lambda head: sum(name.startswith(f"{head}.") for name in found))
        # a Lightning module also holds the weights of losses and metrics, which are not the network's
        found = {n.removeprefix(f"{first}."): t for n, t in found.items() if n.startswith(f"{first}.")}


def _rename_foreign(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return rename_monai(weights) if is_monai(weights) else weights


def _add_counters(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add the counters of batch norms, which converted checkpoints lack and which do not change results."""
    norms = [name.removesuffix("running_mean") for name in weights if name.endswith("running_mean")]
    missing = [f"{norm}num_batches_tracked" for norm in norms if f"{norm}num_batches_tracked" not in weights]
    return weights | {name: torch.tensor(0) for name in missing}


def _list_keys(content: Mapping[Any, Any], most: int = 4) -> str:
    keys = [str(name)[:60] for name in content]
    return f"{len(keys)} keys ({', '.join(keys[:most])}{', ...' if len(keys) > most else ''})" if keys else "no keys"


def default_type_names(count: int) -> tuple[str, ...]:
    """Return names for types that a checkpoint only numbers: the background, ``type 1``, ``type 2`` and so on.

    Examples
    --------
    >>> default_type_names(3)
    ('background', 'type 1', 'type 2')
    """
    return tuple(f"type {number}" if number else "background" for number in range(count))


def infer_hovernet_config(weights: Mapping[str, Tensor], source: str) -> dict[str, Any]:
    """Infer mode, number of types and width from the shapes of a dense HoVer-Net's weights.

    Parameters
    ----------
    weights
        State dict of the network.
    source
        Name of the file, for messages.

    Returns
    -------
    dict
        Settings of `HoVerNet`.

    Raises
    ------
    ValueError
        If the shapes are not those of a HoVer-Net. The message names the key that is missing or wrong.
    """
    types = weights.get("decoder.tp.u0.conv.weight")
    needed = ["conv0./.weight", "decoder.np.u3.conva.weight", "decoder.hv.u0.conv.weight"]
    for key in needed if types is None else [*needed, "decoder.tp.u0.conv.weight"]:
        if key not in weights or weights[key].ndim != 4:
            raise ValueError(f"{source} is not a HoVer-Net: it has no convolution {key!r}; found {_list_keys(weights)}")
    kernel_px = weights["decoder.np.u3.conva.weight"].shape[-1]
    if kernel_px not in {3, 5}:
        raise ValueError(f"{source} has decoder kernels of {kernel_px} px; expected 3 (fast) or 5 (original)")
    return {
        "mode": "fast" if kernel_px == 3 else "original",
        "num_types": None if types is None else types.shape[0],
        "width": weights["conv0./.weight"].shape[0] / PUBLISHED_STEM,
    }
