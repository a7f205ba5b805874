"""The names of MONAI's HoVerNet are translated one to one."""

from __future__ import annotations

import re

from napari_pathprune.models.hovernet.hovernet import HoVerNet
from napari_pathprune.models.hovernet.hovernet_monai import is_monai, rename_monai

BACK = {"np": "nucleus_prediction", "hv": "horizontal_vertical", "tp": "type_prediction"}


def to_monai(name: str) -> str:
    """Write a name as MONAI builds it, level by level."""
    if name.startswith("conv0."):
        return name.replace("conv0./.", "conv0.conv.")
    if name.startswith("conv_bot."):
        return "bottleneck.conv_bottleneck.weight"
    if re.match(r"d\d\.", name):
        name = "res_blocks." + name.replace(".blk_bna.", ".bna_block.")
        return re.sub(r"\.units\.(\d+)\.", r".layers.denselayer_\1.layers.", name)
    _, branch, level, rest = name.split(".", 3)
    if level in {"u1", "u0"}:
        return f"{BACK[branch]}.output_features.decoderblock{3 if level == 'u1' else 4}.{rest}"
    unit = re.match(r"dense\.units\.(\d+)\.(.*)", rest)
    if unit:
        inner = unit[2].replace("conv1/bn", "conv1/norm")
        rest = f"denselayerdecoder{int(unit[1]) + 1}.layers.{inner}"
    rest = rest.replace("dense.blk_bna.", "bna_block.")
    return f"{BACK[branch]}.decoder_blocks.decoderblock{1 if level == 'u3' else 2}.{rest}"


def test_every_name_is_translated() -> None:
    names = list(HoVerNet(num_types=5, width=0.0625).state_dict())
    foreign = {to_monai(name): name for name in names}
    assert len(foreign) == len(names)
    assert is_monai(foreign)
    assert not is_monai(dict.fromkeys(names))
    assert rename_monai(foreign) == dict(zip(names, names, strict=True))
