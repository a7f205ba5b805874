"""Losses towards the maps of a parent model on images without annotation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_pathprune.training.backward import Batch, Losses
from napari_pathprune.training.losses import SMOOTH, gradient_loss


def soft_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the sum over classes of 1 - soft Dice towards a soft target, pooled over the batch.

    The denominator sums squares (Milletari et al. 2016, doi:10.1109/3DV.2016.79), so that the loss is 0 where the
    probabilities equal the target.

    Parameters
    ----------
    logits
        (N, C, H, W).
    target
        (N, C, H, W), probabilities.

    Examples
    --------
    >>> logits = torch.tensor([2.0, -1.0]).reshape(1, 2, 1, 1)
    >>> round(soft_dice_loss(logits, logits.softmax(dim=1)).item(), 6)
    0.0
    """
    probability = logits.softmax(dim=1)
    overlap = (probability * target).sum(dim=(0, 2, 3))
    total = (probability.square() + target.square()).sum(dim=(0, 2, 3))
    return (1.0 - (2.0 * overlap + SMOOTH) / (total + SMOOTH)).sum()


def parent_losses(
    maps: Mapping[str, Tensor], targets: Mapping[str, Tensor], *, is_hard: bool = False
) -> dict[str, Tensor]:
    """Compute the terms of HoVer-Net's loss with the maps of a parent model in the place of annotations.

    Parameters
    ----------
    maps
        Maps returned by the network: ``np``, ``hv`` and, if it predicts types, ``tp``.
    targets
        The same maps of the parent.
    is_hard
        Whether the most probable class of each pixel counts alone, instead of the probabilities of all.

    Returns
    -------
    dict
        Scalars by name: ``np_parent_ce``, ``np_parent_dice``, ``hv_parent_mse``, ``hv_parent_msge`` and, with types,
        ``tp_parent_ce``.

    Examples
    --------
    >>> maps = {"np": torch.zeros(1, 2, 8, 8), "hv": torch.zeros(1, 2, 8, 8)}
    >>> {name: round(term.item(), 3) for name, term in parent_losses(maps, maps).items()}
    {'np_parent_ce': 0.693, 'np_parent_dice': 0.0, 'hv_parent_mse': 0.0, 'hv_parent_msge': 0.0}
    """
    nuclear = _find_classes(targets["np"], is_hard=is_hard)
    terms = {
        "np_parent_ce": F.cross_entropy(maps["np"], nuclear),
        "np_parent_dice": soft_dice_loss(maps["np"], nuclear),
        "hv_parent_mse": F.mse_loss(maps["hv"], targets["hv"]),
        "hv_parent_msge": gradient_loss(maps["hv"], targets["hv"], nuclear[:, 1]),
    }
    if "tp" in maps:
        terms["tp_parent_ce"] = F.cross_entropy(maps["tp"], _find_classes(targets["tp"], is_hard=is_hard))
    return terms


def _find_classes(logits: Tensor, *, is_hard: bool) -> Tensor:
    """Return the probabilities of the classes, or 1 for the most probable one of each pixel."""
    if not is_hard:
        return logits.softmax(dim=1)
    return torch.zeros_like(logits).scatter_(1, logits.argmax(dim=1, keepdim=True), 1.0)


class ParentTargets:
    """Losses of batches in which some or all patches have no annotation, and a parent model gives the targets.

    The parent sees the patch as it is (``plain``), the student the same patch with other colours (``image``), so that
    the student also learns to ignore them. The maps of the parent are computed when they are needed and not stored.

    Parameters
    ----------
    parent
        Network that returns the same maps. Its weights are not changed; it is moved to the device of the patches.
    losses
        Losses of the patches with annotation; None if there are no such patches.
    is_hard
        See `parent_losses`.

    Examples
    --------
    >>> from napari_pathprune.models import build
    >>> parent, student = (build("hovernet", width=0.0625).eval() for _ in range(2))
    >>> patch = torch.rand(1, 3, 96, 96)
    >>> batch = {"image": patch, "plain": patch, "labelled": torch.tensor([False])}
    >>> sorted(ParentTargets(parent)(student(batch["image"]), batch))
    ['hv_parent_mse', 'hv_parent_msge', 'np_parent_ce', 'np_parent_dice']
    """

    def __init__(self, parent: nn.Module, losses: Losses | None = None, *, is_hard: bool = False) -> None:
        self._losses, self._is_hard = losses, is_hard
        self._parent = parent.eval().to(memory_format=torch.channels_last)

    def __call__(self, maps: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Return the terms by name, each weighted by the share of the patches that it is computed on.

        Raises
        ------
        ValueError
            If the maps of parent and student differ in name or shape.
        """
        labelled = batch["labelled"]
        alone = self._losses is None
        terms: dict[str, Tensor] = {}
        rows, share = (slice(None), 1.0) if alone else _select(~labelled)
        with torch.no_grad():
            plain = batch["plain"][rows].contiguous(memory_format=torch.channels_last)
            targets = self._parent.to(plain.device)(plain)
        chosen = {name: values[rows] for name, values in maps.items()}
        shapes, parent_shapes = ({n: tuple(m.shape) for n, m in some.items()} for some in (chosen, targets))
        if shapes != parent_shapes:
            raise ValueError(
                f"got a parent with maps {parent_shapes} for a student with maps {shapes}; "
                "give a parent with the same types and map sizes"
            )
        for name, term in parent_losses(chosen, targets, is_hard=self._is_hard).items():
            terms[name] = share * term
        if self._losses is not None:
            rows, share = _select(labelled)
            part = {name: values[rows] for name, values in batch.items()}
            for name, term in self._losses({name: values[rows] for name, values in maps.items()}, part).items():
                terms[name] = share * term
        return terms


def _select(chosen: Tensor) -> tuple[Tensor | slice, float]:
    """Return the rows of a batch that are chosen, and their share; if none is, a row that does not count.

    Each batch has the same terms in this way, whatever patches it holds.
    """
    count = int(chosen.sum())
    return (chosen.nonzero()[:, 0], count / len(chosen)) if count else (slice(0, 1), 0.0)
