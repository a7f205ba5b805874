"""Names of MONAI's HoVerNet (``monai.networks.nets.HoVerNet``), translated to those of the original implementation.

The layers are the same. MONAI interpolates between pixels when it upsamples and places strided convolutions one pixel
further left and up, so that maps of its weights differ slightly here: score such a model before it is relied on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeVar

Value = TypeVar("Value")

BRANCHES: Final[Mapping[str, str]] = {
    "nucleus_prediction": "decoder.np",
    "horizontal_vertical": "decoder.hv",
    "type_prediction": "decoder.tp",
}
_RENAMED: Final = (
    (r"^conv0\.conv\.", "conv0./."),
    (r"^res_blocks\.(d\d)\.", r"\1."),
    (r"^(d\d)\.layers\.denselayer_(\d+)\.layers\.", r"\1.units.\2."),
    (r"^(d\d)\.bna_block\.", r"\1.blk_bna."),
    (r"^bottleneck\.conv_bottleneck\.", "conv_bot."),
    (r"\.decoder_blocks\.decoderblock1\.", ".u3."),
    (r"\.decoder_blocks\.decoderblock2\.", ".u2."),
    (r"\.output_features\.decoderblock3\.", ".u1."),
    (r"\.output_features\.decoderblock4\.", ".u0."),
    (r"\.(u[23])\.bna_block\.", r".\1.dense.blk_bna."),
    (r"(?<=\.)conv1/norm\.", "conv1/bn."),
)


def is_monai(names: Mapping[str, object]) -> bool:
    """Return whether names are those of MONAI's HoVerNet."""
    return any(name.startswith(("res_blocks.d0.", "nucleus_prediction.")) for name in names)


def rename_monai(weights: Mapping[str, Value]) -> dict[str, Value]:
    """Return weights by the names of the original implementation; names that are not known stay.

    Examples
    --------
    >>> list(rename_monai({"res_blocks.d0.layers.denselayer_1.layers.conv1.weight": 0}))
    ['d0.units.1.conv1.weight']
    """
    return {_rename(name): value for name, value in weights.items()}


def _rename(name: str) -> str:
    head, dot, rest = name.partition(".")
    name = BRANCHES.get(head, head) + dot + rest
    for pattern, new in _RENAMED:
        name = re.sub(pattern, new, name)
    return re.sub(r"\.denselayerdecoder(\d+)\.layers\.", lambda m: f".dense.units.{int(m[1]) - 1}.", name)
