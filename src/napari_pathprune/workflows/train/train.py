"""Train a model from scratch, or train one on, as a config says."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import Tensor, nn

from napari_pathprune.base.packaged_file import packaged_models
from napari_pathprune.datasets.annotated_image import names_of
from napari_pathprune.datasets.read_images import AnnotatedImage, class_shares
from napari_pathprune.models import build
from napari_pathprune.pruning import slimming_penalty, trace
from napari_pathprune.training.backward import Losses
from napari_pathprune.training.distill import Distillation
from napari_pathprune.training.fit import NotFinite, Validate, check_fit, fit
from napari_pathprune.training.fit_events import FitDone, FitEvent, StepDone, Validated
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.training.losses import hovernet_losses, rarity_weights
from napari_pathprune.training.random_patches import RandomPatches
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.config.train_config import LossSettings, ModelSettings, TrainConfig
from napari_pathprune.workflows.evaluate.validation import score_validation
from napari_pathprune.workflows.prune.prune import example_for
from napari_pathprune.workflows.train.curves import draw_curves
from napari_pathprune.workflows.train.fit_log import FitLog
from napari_pathprune.workflows.train.named_types import identity, named, same_types
from napari_pathprune.workflows.train.training_images import facts_of, training_images

_LOG = logging.getLogger(__name__)


def train(config: TrainConfig, out: Path, *, start: Checkpoint | None = None) -> Iterator[FitEvent]:
    """Train a model and write it.

    Beside the model file (``model.safetensors``) lie the state of each phase while it trains
    (``model.safetensors.state``), from which a stopped run resumes exactly, its log (``model.log.csv``,
    ``model.validation.csv``), the names of its images (``model.images.csv``), a picture of it (``model.curves.png``),
    and, where the best validation was not the last one, ``model.last.safetensors``. The best model of a phase so far is
    written at each validation. The state goes when the last event was taken: who keeps a record of the training writes
    it on `FitDone`, and a stop in between loses nothing.

    Parameters
    ----------
    config
        See `train_config.read_config`.
    out
        The model file to write, ``.safetensors``. There must be none but that of a stopped run.
    start
        Model to train on; its architecture, widths and types are kept, and named if the config does. None trains a
        fresh one.

    Yields
    ------
    StepDone, BatchSplit, Validated, FitDone
        Of one phase after the other.

    Raises
    ------
    ValueError
        If a model is there already, data or settings are not usable, or the loss becomes NaN; then
        ``model.last-good.safetensors`` holds the average of the weights before.
    """
    phases = len(config.fit)
    states = [out.with_name(out.name + ".state" + (f"-{phase}" if phase > 1 else "")) for phase in range(1, phases + 1)]
    _check_out(out, states)
    start = named(start, config.rename) if start else None
    type_names = start.type_names if start else config.model.type_names
    images, judged = training_images(config, type_names)
    before = start or fresh(config.model, images)
    model = before.model()
    check_fit(model, *config.fit)  # a mistake in the last phase is told before the first
    validate = _validation(config, before, judged)
    losses = losses_for(config, before, images)
    log = FitLog(out, names_of(images), names_of(judged))
    facts = facts_of(config, images, judged, teacher_of(config))
    about = {"start": identity(before), **{name: json.dumps(fact) for name, fact in facts.items()}}
    reached = max((phase for phase, state in enumerate(states, 1) if state.exists()), default=1)
    for phase, settings in enumerate(config.fit, 1):
        if phase < reached:
            continue
        events = fit(
            model,
            _patches(config, settings, phase, model, images),
            losses,
            settings,
            penalty=_penalty(config.losses, model),
            validate=validate,
            state=states[phase - 1],
            about={"phase": str(phase), **about},
        )
        done = 0
        try:
            for event in events:
                log.write(phase, event)
                if isinstance(event, StepDone):
                    done = event.step
                if isinstance(event, Validated) and event.best:
                    save(_trained(before, event.weights, config, phase, event.step, images), out)
                if isinstance(event, FitDone) and phase == phases:
                    _finish(before, model, event, config, images, out, log)
                yield event
        except NotFinite as error:
            good = out.with_name(f"{out.stem}.last-good.safetensors")
            if not rank_zero_only.rank:
                save(_trained(before, model.state_dict(), config, phase, done, images), good)
            raise NotFinite(f"{error}; the last good weights are in {good}") from error
    for state in () if rank_zero_only.rank else states:
        state.unlink(missing_ok=True)


def _validation(config: TrainConfig, before: Checkpoint, judged: Sequence[AnnotatedImage]) -> Validate | None:
    """Score on the images that judge; None if there are none."""
    return partial(score_validation, images=judged, checkpoint=before, device=config.device) if judged else None


def _check_out(out: Path, states: Sequence[Path]) -> None:
    if out.suffix != ".safetensors":
        raise ValueError(f"got {out.name!r}; models are written as .safetensors: name it {out.stem}.safetensors")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent} is not a folder; make it first")
    if out.exists() and not any(state.exists() for state in states):
        raise ValueError(
            f"{out} is there already, and no stopped training to go on with: give another file to write, or remove it"
        )


def _finish(
    before: Checkpoint,
    model: nn.Module,
    done: FitDone,
    config: TrainConfig,
    images: Sequence[AnnotatedImage],
    out: Path,
    log: FitLog,
) -> None:
    phase = len(config.fit)
    save(_trained(before, model.state_dict(), config, phase, done.best_step, images), out)
    if done.best_step != done.steps:
        last = _trained(before, done.last, config, phase, done.steps, images)
        save(last, out.with_name(f"{out.stem}.last.safetensors"))
    validations = log.validations if log.validations.exists() else None
    try:
        draw_curves(log.steps, out.with_name(f"{out.stem}.curves.png"), validation_csv=validations)
    except (OSError, ValueError) as error:  # the model is written; that counts
        _LOG.warning("the curves were not drawn: %s", error)


def _patches(
    config: TrainConfig, settings: FitSettings, phase: int, model: nn.Module, images: Sequence[AnnotatedImage]
) -> RandomPatches:
    """Give the patches of a phase; every phase sees others."""
    size_px = config.patches.patch_px
    output_px, _ = model.output_shape(size_px, size_px)  # type: ignore[operator]
    seed, length = config.patches.seed + 1000 * (phase - 1), settings.steps * settings.batch
    return RandomPatches(images, size_px, output_px, length, seed, config.augmentation)


def losses_for(config: TrainConfig, student: Checkpoint, images: Sequence[AnnotatedImage]) -> Losses:
    """Give HoVer-Net's losses as the config wants them: rare types weighted, a teacher beside the truth.

    Raises
    ------
    ValueError
        If the teacher cannot be read, or does not see the same types at the same pixel size.
    """
    wanted, num_types = config.losses, len(student.type_names)
    losses: Losses = hovernet_losses
    if wanted.rarity and num_types:
        weights = rarity_weights(class_shares(images, num_types)["tp"], wanted.rarity)
        losses = partial(hovernet_losses, type_weights=weights)
    teacher = teacher_of(config)
    if teacher:
        for name, same in (("type_names", same_types(teacher, student)), ("mpp", teacher.mpp == student.mpp)):
            if not same:
                theirs, ours = getattr(teacher, name), getattr(student, name)
                raise ValueError(f"the teacher {wanted.teacher} has {name} = {theirs}, the model {ours}; give another")
        losses = Distillation(losses, teacher.model(), share=wanted.teacher_share, temperature=wanted.temperature)
    return losses


def teacher_of(config: TrainConfig) -> Checkpoint | None:
    """Load the model to learn from, if there is one."""
    wanted = config.losses.teacher
    if not wanted:
        return None
    return load(wanted if wanted in packaged_models() else config.base / wanted)


def _penalty(wanted: LossSettings, model: nn.Module) -> Callable[[], Tensor] | None:
    if not wanted.slimming:
        return None
    graph = trace(model, example_for(model))
    return lambda: wanted.slimming * slimming_penalty(model, graph)


def fresh(settings: ModelSettings, images: Sequence[AnnotatedImage]) -> Checkpoint:
    """Make a model that knows nothing yet but how frequent each class is; see `first_guess`."""
    torch.manual_seed(settings.seed)
    model = build(settings.architecture, **settings.config)
    first_guess(model, images)
    return Checkpoint(
        architecture=settings.architecture,
        config=settings.config,
        weights=model.state_dict(),
        type_names=settings.type_names,
        mpp=settings.mpp,
        licence=settings.licence,
    )


def first_guess(model: nn.Module, images: Sequence[AnnotatedImage]) -> None:
    """Let a model begin with the best guess that sees nothing: no distances, each class at its share.

    With biases at zero too, the first thing that every feature learns is that background is more frequent, and
    features that fire inside nuclei hardly arise any more (Lin et al. 2017, doi:10.1109/ICCV.2017.324, section 3.3).

    Parameters
    ----------
    model
        Its last convolutions are changed in place.
    images
        Give the shares.
    """
    layers = model.output_layers()  # type: ignore[operator]
    shares = class_shares(images, layers["tp"].out_channels if "tp" in layers else None)
    for name, layer in layers.items():
        nn.init.zeros_(layer.weight)
        if name in shares:
            layer.bias.data.copy_(torch.from_numpy(shares[name]).log())


def _trained(
    before: Checkpoint,
    weights: Mapping[str, Tensor],
    config: TrainConfig,
    phase: int,
    step: int,
    images: Sequence[AnnotatedImage],
) -> Checkpoint:
    """Give the model after a step of a phase; its lineage tells how it was trained."""
    last = config.fit[phase - 1]
    told = {
        "step": "fine-tuned" if before.lineage else "trained",
        "steps": sum(settings.steps for settings in config.fit[: phase - 1]) + step,
        "batch": last.batch,
        "patch_px": config.patches.patch_px,
        "learning_rate": last.learning_rate,
        "seed": config.patches.seed,
        "images": len(images),
    }
    if config.losses.teacher:
        told["teacher"] = Path(config.losses.teacher).name
    return before.with_step(weights, told)
