"""Checkpoints of other implementations of HoVer-Net; no other module knows their keys.

The original implementation (Graham et al. 2019) saves ``{"desc": state dict, ...}``, sometimes with the prefix
``module.`` from data-parallel training. TIAToolbox saves the state dict itself. Both contain the constant
``upsample2x.unpool_mat``, which this network does not need. All other keys are the same as here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

UNPOOL: Final = "upsample2x.unpool_mat"
PUBLISHED_STEM: Final = 64


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
    if isinstance(content, Mapping) and isinstance(content.get("desc"), Mapping):
        content = content["desc"]
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise ValueError(f"{source} holds no state dict of a HoVer-Net; expected tensors, or {{'desc': tensors}}")
    weights = {str(name).removeprefix("module."): tensor for name, tensor in content.items()}
    unpool = weights.pop(UNPOOL, None)
    if unpool is not None and not torch.equal(unpool.float(), torch.ones(2, 2)):
        raise ValueError(
            f"{source} has an {UNPOOL} that does not repeat pixels; expected a HoVer-Net of the original "
            "implementation or of TIAToolbox"
        )
    return weights


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
            raise ValueError(f"{source} is not a HoVer-Net: it has no convolution {key!r}")
    kernel_px = weights["decoder.np.u3.conva.weight"].shape[-1]
    if kernel_px not in {3, 5}:
        raise ValueError(f"{source} has decoder kernels of {kernel_px} px; expected 3 (fast) or 5 (original)")
    return {
        "mode": "fast" if kernel_px == 3 else "original",
        "num_types": None if types is None else types.shape[0],
        "width": weights["conv0./.weight"].shape[0] / PUBLISHED_STEM,
    }
