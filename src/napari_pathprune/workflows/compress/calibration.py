"""Calibration on training patches: the scores of the channels before a cut, and the batch norms after it."""

from __future__ import annotations

import copy
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
from napari_pathprune.workflows.train.config_losses import make_losses

TAYLOR_BATCHES: Final = 16
"""Batches of training patches that the criterion ``"taylor"`` is measured on."""


def make_scorer(
    config: TrainConfig, dense: Checkpoint, images: Sequence[AnnotatedImage], folder: StageFolder
) -> Scorer:
    """Return the function that scores the channels before each cut, one call for each cut.

    The scores are kept in the folder of stages, and a cut that is repeated after a stop uses them again. Sums differ
    in their last bits with the number of threads and the device, and with them the order of nearly equal channels:
    without the kept scores a compression could not resume on another machine.

    Parameters
    ----------
    config
        ``compress`` names the criterion.
    dense
        The dense model, for its types.
    images
        Training images; used by ``"taylor"`` alone.
    folder
        Folder of the stages.
    """
    settings, numbers = config.compress, itertools.count(1)
    compute = _taylor_scorer(config, dense, images) if settings.criterion == "taylor" else _weight_scorer(settings)

    def scorer(model: nn.Module, graph: ChannelGraph) -> Scores:
        path = folder.scores_path(next(numbers))
        if not path.exists():
            with write_atomically(path) as part:
                save_file({name: values.contiguous() for name, values in compute(model, graph).items()}, part)
        return load_file(path)

    scorer.__name__ = settings.criterion
    return scorer


def recalibrate_norms(model: nn.Module, config: TrainConfig, images: Sequence[AnnotatedImage]) -> nn.Module:
    """Return a copy of a cut model with re-estimated batch norms; the model itself if the config asks for none."""
    if not config.compress.recalibrate:
        return model
    moved = copy.deepcopy(model).to(find_device(config.device))
    batches = _make_batches(config, moved, images, config.compress.recalibrate)
    return recalibrate(moved, (batch["image"] for batch in batches)).cpu()


def _weight_scorer(settings: CompressSettings) -> Scorer:
    def scorer(model: nn.Module, graph: ChannelGraph) -> Scores:
        return importance(model, graph, settings.criterion, decider=settings.decider, seed=settings.seed)

    return scorer


def _taylor_scorer(config: TrainConfig, dense: Checkpoint, images: Sequence[AnnotatedImage]) -> Scorer:
    losses = make_losses(config, dense, images, for_scores=True)
    device = find_device(config.device)

    def loss(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        moved = {name: values.to(device) for name, values in batch.items()}
        return torch.stack(list(losses(model(moved["image"]), moved).values())).sum()

    def scorer(model: nn.Module, graph: ChannelGraph) -> Scores:
        moved = copy.deepcopy(model).to(device)
        batches = _make_batches(config, moved, images, TAYLOR_BATCHES)
        scores = taylor(moved, graph, batches, loss, decider=config.compress.decider)
        return {name: values.cpu() for name, values in scores.items()}

    return scorer


def _make_batches(
    config: TrainConfig, model: nn.Module, images: Sequence[AnnotatedImage], count: int
) -> Iterator[dict[str, Tensor]]:
    """Yield batches of training patches, the same at every call and none of those that the training uses."""
    size_px, batch = config.patches.patch_px, config.fit[0].batch
    output_px, _ = model.output_shape(size_px, size_px)  # type: ignore[operator]
    patches = RandomPatches(images, size_px, output_px, count * batch, config.patches.seed + 50, config.augmentation)
    for start in range(0, len(patches), batch):
        yield default_collate([patches[index] for index in range(start, start + batch)])
