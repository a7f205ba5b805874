"""Distillation: losses towards a teacher's maps in addition to the ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_pathprune.training.backward import Batch, Losses
from napari_pathprune.training.losses import gradient_loss

TEMPERATURE: Final = 3.0


class Distillation:
    """Weighted sum of losses towards the ground truth and towards a teacher's maps of the same patches.

    For probability maps (``np``, ``tp``) the teacher's term is T^2 KL(teacher | student) of the softened
    probabilities (Hinton et al. 2015, arXiv 1503.02531). For distance maps (``hv``) it is the mean squared difference
    of the maps plus that of their gradients inside nuclei. The teacher is given the same patch after augmentation.

    Parameters
    ----------
    losses
        Losses towards the ground truth.
    teacher
        Network that returns the same maps. Its weights are not changed; it is moved to the device of the patches.
    share
        Weight of the teacher in the sum, from 0 to 1; the ground truth has the rest.
    temperature
        Temperature T that softens the probabilities, above 0.

    Raises
    ------
    ValueError
        If `share` or `temperature` is out of range, or if the maps of teacher and student differ in name or shape.

    Examples
    --------
    >>> from napari_pathprune.models import build
    >>> from napari_pathprune.training.losses import hovernet_losses
    >>> teacher, student = (build("hovernet", width=0.0625).eval() for _ in range(2))
    >>> losses = Distillation(hovernet_losses, teacher, share=0.5)
    >>> batch = {"image": torch.rand(1, 3, 96, 96), "nuclear": torch.ones(1, 4, 4, dtype=torch.int64)}
    >>> sorted(losses(student(batch["image"]), batch | {"hv": torch.zeros(1, 2, 4, 4)}))
    ['hv_mse', 'hv_msge', 'hv_teacher', 'np_ce', 'np_dice', 'np_teacher']
    """

    def __init__(
        self, losses: Losses, teacher: nn.Module, *, share: float = 0.5, temperature: float = TEMPERATURE
    ) -> None:
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"got share={share} for the teacher; expected a value from 0 to 1")
        if not temperature > 0.0:
            raise ValueError(f"got temperature={temperature}; expected a number above 0")
        self._losses, self._share, self._temperature = losses, share, temperature
        self._teacher = teacher.eval().to(memory_format=torch.channels_last)

    def __call__(self, maps: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Return the terms by name; the teacher's terms end with ``_teacher``."""
        with torch.no_grad():
            image = batch["image"].contiguous(memory_format=torch.channels_last)
            targets = self._teacher.to(image.device)(image)
        shapes, teacher_shapes = ({n: tuple(m.shape) for n, m in some.items()} for some in (maps, targets))
        if shapes != teacher_shapes:
            raise ValueError(
                f"got a teacher with maps {teacher_shapes} for a student with maps {shapes}; "
                "give a teacher with the same types and map sizes"
            )
        terms = {name: (1.0 - self._share) * term for name, term in self._losses(maps, batch).items()}
        for name, student in maps.items():
            if name == "hv":
                term = F.mse_loss(student, targets[name]) + gradient_loss(student, targets[name], batch["nuclear"])
            else:
                term = self._divergence(student, targets[name])
            terms[f"{name}_teacher"] = self._share * term
        return terms

    def _divergence(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the mean over pixels of T^2 KL(teacher | student)."""
        own, target = ((logits / self._temperature).log_softmax(dim=1) for logits in (student, teacher))
        divergence = F.kl_div(own, target, reduction="none", log_target=True).sum(dim=1).mean()
        return self._temperature**2 * divergence
