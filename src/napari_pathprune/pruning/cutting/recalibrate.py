"""Re-estimate the statistics of batch norms after a cut."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.instancenorm import _InstanceNorm

from napari_pathprune.pruning.modules.example import map_tensors, read_arguments, word_failure
from napari_pathprune.pruning.modules.kinds import check_arguments
from napari_pathprune.pruning.modules.replica import copy_model


def _is_reset(norm: _NormBase) -> bool:
    """Return whether the statistics are as a reset leaves them, which no batch does."""
    mean, variance = norm.running_mean, norm.running_var
    return mean is not None and variance is not None and not bool(mean.any()) and bool((variance == 1).all())


def _restore_unused(norms: Mapping[str, _NormBase], statistics: Mapping[str, Sequence[torch.Tensor]]) -> None:
    """Give norms that did not run their statistics back: heads for training, branches that no image took."""
    for name, norm in norms.items():
        if _is_reset(norm):
            for buffer, before in zip(norm.buffers(recurse=False), statistics[name], strict=True):
                buffer.copy_(before)


def _estimate_statistics(work: nn.Module, norms: Collection[_NormBase], images: Iterable[object]) -> None:
    """Run a model on images, whose mean statistics over all batches its norms take."""
    device = next(iter(norms)).running_mean.device  # type: ignore[union-attr]
    number = 0
    with torch.no_grad():
        for number, batch in enumerate(images, start=1):
            for norm in norms:
                if isinstance(norm, _InstanceNorm):  # which keeps no count of its batches
                    norm.momentum = 1.0 / number
            args, kwargs = map_tensors(lambda tensor: tensor.to(device), read_arguments(batch))
            try:
                work(*args, **kwargs)
            except (TypeError, RuntimeError) as error:
                raise ValueError(word_failure((args, kwargs), error)) from error
    if number == 0:
        raise ValueError("got no images to estimate batch norms on; give at least one batch")


def recalibrate(model: nn.Module, images: Iterable[object]) -> nn.Module:
    """Re-estimate the statistics of all batch norms, on images without labels.

    The running statistics are replaced by the mean over the batches of each batch's mean and variance; no weight is
    changed. Norms that do not run, such as those of heads for training, keep their statistics. This takes seconds, and
    often restores much of the accuracy that the cut cost (Li et al. 2020, EagleEye, arXiv 2007.02491).

    Parameters
    ----------
    model
        Any module; it is not changed.
    images
        Batches that the model accepts: tensors, tuples of positional or mappings of keyword arguments. They are
        moved to the device of the model. About a hundred images, in batches of equal size, are enough.

    Returns
    -------
    nn.Module
        A copy with new statistics, in the mode (training or evaluation) of ``model``; a plain copy if there are no
        batch norms.

    Raises
    ------
    ValueError
        If there are no images, or the statistics are not finite.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    >>> fresh = recalibrate(model, [torch.rand(8, 3, 16, 16) for _ in range(4)])
    >>> bool(fresh(torch.rand(8, 3, 16, 16)).mean().abs() < 0.1)
    True
    """
    check_arguments(model=model, images=images)
    work = copy_model(model)
    norms = {
        name: module
        for name, module in work.named_modules()
        if isinstance(module, _NormBase) and module.running_mean is not None
    }
    if not norms:
        return work
    modes = [(module, module.training) for module in work.modules()]
    momenta = {name: norm.momentum for name, norm in norms.items()}
    statistics = {name: [b.clone() for b in norm.buffers(recurse=False)] for name, norm in norms.items()}
    work.eval()  # dropout stays off
    for norm in norms.values():
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    _estimate_statistics(work, norms.values(), images)
    _restore_unused(norms, statistics)
    for name, norm in norms.items():
        if not all(bool(torch.isfinite(own).all()) for own in (norm.running_mean, norm.running_var) if own is not None):
            raise ValueError(
                f"got statistics that are not finite in {name!r}; check the images and the model's weights"
            )
        norm.momentum = momenta[name]
    for module, training in modes:
        module.training = training
    return work
