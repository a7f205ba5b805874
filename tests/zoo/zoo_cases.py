"""The zoo: networks of other projects, and one small net for each kind of layer, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torchvision
from pruning_nets import NETS
from torch import nn
from zoo_kinds import REPORTED_NETS
from zoo_nets import SMALL_NETS


@dataclass(frozen=True, slots=True)
class Case:
    """A network to trace and cut.

    Attributes
    ----------
    build
        Makes it.
    size
        Of the example, (batch, channels, height, width).
    share
        Least share of its channels, those of inputs and outputs left out, that can be cut.
    """

    build: Callable[[], nn.Module]
    share: float
    size: tuple[int, ...] = (2, 3, 64, 64)


def _torchvision(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: torchvision.models.get_model(name, weights=None, num_classes=10, **options)


def _segmentation(name: str) -> Callable[[], nn.Module]:
    return lambda: torchvision.models.get_model(name, weights=None, weights_backbone=None)


def _vit() -> nn.Module:
    return torchvision.models.VisionTransformer(32, 8, 3, num_heads=4, hidden_dim=48, mlp_dim=96, num_classes=10)


def _swin(kind: str) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        swin = torchvision.models.swin_transformer
        parts = {
            "1": {},
            "2": {"block": swin.SwinTransformerBlockV2, "downsample_layer": swin.PatchMergingV2},
        }[kind]
        return swin.SwinTransformer([4, 4], 24, [2, 2, 2], [2, 4, 8], [4, 4], num_classes=10, **parts)

    return build


def _maxvit() -> nn.Module:
    return torchvision.models.MaxVit(
        (64, 64),
        stem_channels=16,
        partition_size=2,
        block_channels=[16, 32],
        block_layers=[1, 1],
        head_dim=8,
        stochastic_depth_prob=0.1,
        num_classes=10,
    )


def _timm(name: str, **options: object) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        timm = pytest.importorskip("timm", reason="timm is not installed: run `tox -e zoo`")
        return timm.create_model(name, pretrained=False, num_classes=10, **options)

    return build


def _smp(name: str, encoder: str, **options: object) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        smp = pytest.importorskip("segmentation_models_pytorch", reason="it is not installed: run `tox -e zoo`")
        make = getattr(smp, name)
        return make(encoder_name=encoder, encoder_weights=None, in_channels=3, classes=4, **options)

    return build


TORCHVISION: dict[str, Case] = {
    "alexnet": Case(_torchvision("alexnet"), 0.99),
    "convnext_tiny": Case(_torchvision("convnext_tiny"), 0.99),
    "densenet121": Case(_torchvision("densenet121"), 0.99),
    "efficientnet_b0": Case(_torchvision("efficientnet_b0"), 0.99),
    "efficientnet_v2_s": Case(_torchvision("efficientnet_v2_s"), 0.99),
    "googlenet": Case(_torchvision("googlenet", aux_logits=False, init_weights=False), 0.99),
    "inception_v3": Case(_torchvision("inception_v3", aux_logits=False, init_weights=False), 0.99, (2, 3, 96, 96)),
    "maxvit": Case(_maxvit, 0.99),
    "mnasnet0_5": Case(_torchvision("mnasnet0_5"), 0.99),
    "mobilenet_v2": Case(_torchvision("mobilenet_v2"), 0.99),
    "mobilenet_v3_small": Case(_torchvision("mobilenet_v3_small"), 0.99),
    "regnet_x_400mf": Case(_torchvision("regnet_x_400mf"), 0.99),
    "regnet_y_400mf": Case(_torchvision("regnet_y_400mf"), 0.99),
    "resnet18": Case(_torchvision("resnet18"), 0.99),
    "resnext50_32x4d": Case(_torchvision("resnext50_32x4d"), 0.99),
    "shufflenet_v2_x0_5": Case(_torchvision("shufflenet_v2_x0_5"), 0.99),
    "squeezenet1_1": Case(_torchvision("squeezenet1_1"), 0.99),
    "swin": Case(_swin("1"), 0.99),
    "swin_v2": Case(_swin("2"), 0.98),
    "vgg11_bn": Case(_torchvision("vgg11_bn"), 0.99),
    "vit": Case(_vit, 0.99, (2, 3, 32, 32)),
    "wide_resnet50_2": Case(_torchvision("wide_resnet50_2"), 0.99),
    "fcn_resnet50": Case(_segmentation("fcn_resnet50"), 0.99),
    "lraspp": Case(_segmentation("lraspp_mobilenet_v3_large"), 0.99),
}
TIMM: dict[str, Case] = {
    "vit_tiny": Case(_timm("vit_tiny_patch16_224", img_size=64), 0.99),
    "deit_tiny": Case(_timm("deit_tiny_patch16_224", img_size=64), 0.99),
    "deit_tiny_distilled": Case(_timm("deit_tiny_distilled_patch16_224", img_size=64), 0.99),
    "convnextv2_atto": Case(_timm("convnextv2_atto"), 0.07),
    "swin_tiny": Case(_timm("swin_tiny_patch4_window7_224", img_size=64, window_size=4), 0.99),
    "efficientnetv2": Case(_timm("efficientnetv2_rw_t"), 0.99),
    "mobilevit": Case(_timm("mobilevit_xxs"), 0.99),
    "crossvit": Case(_timm("crossvit_tiny_240"), 0.99, (2, 3, 240, 240)),
    "coat": Case(_timm("coat_tiny", img_size=64), 0.99),
    "coatnet": Case(_timm("coatnet_nano_rw_224", img_size=64), 0.97),
    "levit": Case(_timm("levit_128s", img_size=64), 0.9),
    "resnetblur18": Case(_timm("resnetblur18"), 0.99),
    "nf_resnet26": Case(_timm("nf_resnet26"), 0.99),
    "resnetv2_bit": Case(_timm("resnetv2_50x1_bit"), 0.99),
    "skresnet18": Case(_timm("skresnet18"), 0.4),
}
SMP: dict[str, Case] = {
    f"{name.lower()}_{encoder}": Case(_smp(name, encoder), 0.99)
    for name in ("Unet", "UnetPlusPlus", "FPN", "DeepLabV3Plus")
    for encoder in ("resnet18", "efficientnet-b0")
}
NETS_HERE: dict[str, Case] = {
    **{name: Case(build, share, size) for name, (build, share, size) in (SMALL_NETS | REPORTED_NETS).items()},
    **{f"tiny-{name}": Case(build, 0.0, (2, 3, 16, 16)) for name, build in NETS.items()},
}
CASES: dict[str, Case] = {**TORCHVISION, **TIMM, **SMP, **NETS_HERE}
LARGE = {**TORCHVISION, **TIMM, **SMP}.keys()
"""The cases that need the ``zoo`` environment, because of their packages or their size."""


def build_case(case: Case, seed: int = 0) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(seed)
    return case.build(), torch.randn(case.size)
