"""Learning from the dense parent beside the truth."""

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
    """Losses towards the truth and towards what a teacher sees in the same patches.

    The maps of probabilities (``np``, ``tp``) learn from the teacher's softened ones by T^2 KL(teacher | student)
    (Hinton et al. 2015, arXiv 1503.02531); the distances (``hv``) by their squared difference and that of their
    gradients inside nuclei. The teacher sees exactly the patch, after augmentation.

    Parameters
    ----------
    losses
        Towards the truth.
    teacher
        Returns the same maps; it is not changed. It moves to the device of the patches.
    share
        Of the teacher in the sum, 0 to 1; the truth has the rest.
    temperature
        How much the probabilities are softened.

    Raises
    ------
    ValueError
        If a number is out of range, or the teacher's maps are not those of the student.

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
            raise ValueError(f"got a share of {share} for the teacher; give 0 to 1")
        if not temperature > 0.0:
            raise ValueError(f"got a temperature of {temperature}; give a number above 0")
        self._losses, self._share, self._temperature = losses, share, temperature
        self._teacher = teacher.eval().to(memory_format=torch.channels_last)

    def __call__(self, maps: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Give the terms by name; those of the teacher end with ``_teacher``."""
        with torch.no_grad():
            image = batch["image"].contiguous(memory_format=torch.channels_last)
            taught = self._teacher.to(image.device)(image)
        shapes, others = ({n: tuple(m.shape) for n, m in some.items()} for some in (maps, taught))
        if shapes != others:
            raise ValueError(f"the teacher's maps are {others}, the student's {shapes}; both must be of one kind")
        terms = {name: (1.0 - self._share) * term for name, term in self._losses(maps, batch).items()}
        for name, student in maps.items():
            if name == "hv":
                term = F.mse_loss(student, taught[name]) + gradient_loss(student, taught[name], batch["nuclear"])
            else:
                term = self._softened(student, taught[name])
            terms[f"{name}_teacher"] = self._share * term
        return terms

    def _softened(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Mean over pixels of T^2 KL(teacher | student)."""
        own, wanted = ((logits / self._temperature).log_softmax(dim=1) for logits in (student, teacher))
        divergence = F.kl_div(own, wanted, reduction="none", log_target=True).sum(dim=1).mean()
        return self._temperature**2 * divergence
