"""A new model to train, its outputs initialised to the frequencies of the classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from napari_pathprune.datasets.read_images import AnnotatedImage, class_shares
from napari_pathprune.models import build
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.config.train_config import ModelSettings


def make_model(settings: ModelSettings, images: Sequence[AnnotatedImage]) -> Checkpoint:
    """Return a model with random weights, its outputs initialised by `initialise_outputs`.

    The weights depend on ``settings.seed`` alone. The random state of the process does not change.

    Parameters
    ----------
    settings
        Architecture, size, types and seed.
    images
        Training images, which the frequencies of the classes are counted on.
    """
    with torch.random.fork_rng(devices=[]):  # the weights are drawn on the CPU
        torch.default_generator.manual_seed(settings.seed)
        model = build(settings.architecture, **settings.config)
    initialise_outputs(model, images)
    return Checkpoint(
        architecture=settings.architecture,
        config=settings.config,
        weights=model.state_dict(),
        type_names=settings.type_names,
        mpp=settings.mpp,
        licence=settings.licence,
    )


def initialise_outputs(model: nn.Module, images: Sequence[AnnotatedImage]) -> None:
    """Initialise the output layers to the best constant guess: distances of 0, and each class at its frequency.

    If the biases were zero as well, all features would first learn that background is more frequent, and features
    that fire inside nuclei would hardly arise (Lin et al. 2017, doi:10.1109/ICCV.2017.324, section 3.3).

    Parameters
    ----------
    model
        Its last convolutions are changed in place.
    images
        Training images, which the frequencies of the classes are counted on.
    """
    layers = model.output_layers()  # type: ignore[operator]
    shares = class_shares(images, layers["tp"].out_channels if "tp" in layers else None)
    for name, layer in layers.items():
        nn.init.zeros_(layer.weight)
        if name in shares:
            layer.bias.data.copy_(torch.from_numpy(shares[name]).log())
