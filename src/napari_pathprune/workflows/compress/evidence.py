"""What a compression looks at in data: patches that tell which filters matter, and what the batch norms are to be."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import default_collate

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.inference.device import find_device
from napari_pathprune.pruning import ChannelGraph, importance, recalibrate, taylor
from napari_pathprune.pruning.schedule import Scorer
from napari_pathprune.pruning.scoring.importance import Scores
from napari_pathprune.training.random_patches import RandomPatches
from napari_pathprune.workflows.checkpoint import Checkpoint
from napari_pathprune.workflows.compress.stage_folder import StageFolder
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.train_config import TrainConfig
from napari_pathprune.workflows.train.train import losses_for

TAYLOR_BATCHES: Final = 16


def scorer_of(config: TrainConfig, dense: Checkpoint, images: Sequence[AnnotatedImage], folder: StageFolder) -> Scorer:
    """Give what scores the filters before each cut; a cut that is repeated after a stop takes the scores of then.

    Sums differ in their last bits with the number of threads and the device, and with them the order of filters that
    are nearly alike: without the scores a compression could not go on elsewhere.
    """
    settings, cuts = config.compress, itertools.count(1)
    fresh = _taylor_scorer(config, dense, images) if settings.criterion == "taylor" else _weights_scorer(settings)

    def scorer(model: nn.Module, graph: ChannelGraph) -> Scores:
        kept = folder.scores(next(cuts))
        if not kept.exists():
            with write_atomically(kept) as part:
                save_file({name: values.contiguous() for name, values in fresh(model, graph).items()}, part)
        return load_file(kept)

    scorer.__name__ = settings.criterion
    return scorer


def refreshed(model: nn.Module, config: TrainConfig, images: Sequence[AnnotatedImage]) -> nn.Module:
    """Give a copy of a cut model with its batch norms estimated anew, as far as the config wants that."""
    if not config.compress.recalibrate:
        return model
    moved = copy.deepcopy(model).to(find_device(config.device))
    batches = _batches(config, moved, images, config.compress.recalibrate)
    return recalibrate(moved, (batch["image"] for batch in batches)).cpu()


def _weights_scorer(settings: CompressSettings) -> Scorer:
    def scorer(model: nn.Module, graph: ChannelGraph) -> Scores:
        return importance(model, graph, settings.criterion, decider=settings.by, seed=settings.seed)

    return scorer


def _taylor_scorer(config: TrainConfig, dense: Checkpoint, images: Sequence[AnnotatedImage]) -> Scorer:
    truth = dataclasses.replace(config, losses=dataclasses.replace(config.losses, teacher=""))
    losses = losses_for(truth, dense, images)
    device = find_device(config.device)

    def loss(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        here = {name: values.to(device) for name, values in batch.items()}
        return torch.stack(list(losses(model(here["image"]), here).values())).sum()

    def scorer(model: nn.Module, graph: ChannelGraph) -> Scores:
        moved = copy.deepcopy(model).to(device)
        batches = _batches(config, moved, images, TAYLOR_BATCHES)
        scores = taylor(moved, graph, batches, loss, decider=config.compress.by)
        return {name: values.cpu() for name, values in scores.items()}

    return scorer


def _batches(
    config: TrainConfig, model: nn.Module, images: Sequence[AnnotatedImage], count: int
) -> Iterator[dict[str, Tensor]]:
    """Make some batches of training patches, always the same, none of which training itself sees."""
    size_px, batch = config.patches.patch_px, config.fit[0].batch
    output_px, _ = model.output_shape(size_px, size_px)  # type: ignore[operator]
    patches = RandomPatches(images, size_px, output_px, count * batch, config.patches.seed + 50, config.augmentation)
    for start in range(0, len(patches), batch):
        yield default_collate([patches[index] for index in range(start, start + batch)])
