"""The losses that a config asks for: weights for rare types, a teacher, and the penalty of network slimming."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from napari_pathprune.base.packaged_file import packaged_models
from napari_pathprune.datasets.read_images import AnnotatedImage, class_shares, find_labelled
from napari_pathprune.pruning import slimming_penalty, trace
from napari_pathprune.training.backward import Losses
from napari_pathprune.training.distill import Distillation
from napari_pathprune.training.losses import hovernet_losses, rarity_weights
from napari_pathprune.training.soft_targets import ParentTargets
from napari_pathprune.workflows.checkpoint import Checkpoint, load
from napari_pathprune.workflows.config.train_config import LossSettings, TrainConfig
from napari_pathprune.workflows.prune.prune import make_example
from napari_pathprune.workflows.train.named_types import have_same_types


def make_losses(
    config: TrainConfig, student: Checkpoint, images: Sequence[AnnotatedImage], *, for_scores: bool = False
) -> Losses:
    """Return HoVer-Net's losses, with weights for rare types and a teacher if the config asks for them.

    On images without annotation the maps of the teacher take the place of the annotation.

    Parameters
    ----------
    config
        Settings of the losses.
    student
        The model that is trained.
    images
        Training images.
    for_scores
        Whether the losses measure how much channels matter to a model that may be the teacher itself. Annotated
        patches have no teacher then, and on others only its most probable class counts: the loss towards its own
        probabilities is flat.

    Raises
    ------
    ValueError
        If the teacher cannot be read, or differs in types or pixel size; or if there are images without annotation and
        no teacher.
    """
    settings, num_types = config.losses, len(student.type_names)
    losses: Losses = hovernet_losses
    if settings.rarity and num_types:
        weights = rarity_weights(class_shares(images, num_types)["tp"], settings.rarity)
        losses = partial(hovernet_losses, type_weights=weights)
    teacher, labelled = load_teacher(config), find_labelled(images)
    if not teacher and not labelled.all():
        raise ValueError("got slides without annotation, but no teacher for them; name one, such as the dense model")
    if teacher:
        for name, same in (("type_names", have_same_types(teacher, student)), ("mpp", teacher.mpp == student.mpp)):
            if not same:
                theirs, ours = getattr(teacher, name), getattr(student, name)
                raise ValueError(
                    f"the teacher {settings.teacher} has {name} = {theirs}, but the model has {ours}; give another"
                )
        if not for_scores and (labelled.any() or not len(labelled)):
            share, temperature = settings.teacher_share, settings.temperature
            losses = Distillation(losses, teacher.model(), share=share, temperature=temperature)
        if not labelled.all():
            losses = ParentTargets(teacher.model(), losses if labelled.any() else None, is_hard=for_scores)
    return losses


def load_teacher(config: TrainConfig) -> Checkpoint | None:
    """Return the model to distil from, or None if the config names none.

    Raises
    ------
    ValueError
        If there is no such file, or it is not a model.
    """
    name = config.losses.teacher
    if not name:
        return None
    return load(name if name in packaged_models() else config.base / name)


def make_penalty(settings: LossSettings, model: nn.Module) -> Callable[[], Tensor] | None:
    """Return the function that computes the penalty of network slimming, or None if there is none."""
    if not settings.slimming:
        return None
    graph = trace(model, make_example(model))
    return lambda: settings.slimming * slimming_penalty(model, graph)
