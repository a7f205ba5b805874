"""Training of a new model, or further training of an existing one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import Tensor, nn

from napari_pathprune.base.out_of_memory import advise_on_memory
from napari_pathprune.base.output_lock import lock_output
from napari_pathprune.base.plain_text import get_plain_logger
from napari_pathprune.datasets.annotated_image import find_labelled, list_names
from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.training.finite_weights import find_not_finite
from napari_pathprune.training.fit import NotFinite, Validate, check_fit, fit
from napari_pathprune.training.fit_events import FitDone, FitEvent, StepDone, Validated
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.training.random_patches import RandomPatches
from napari_pathprune.workflows.checkpoint import Checkpoint, save
from napari_pathprune.workflows.config.train_config import TrainConfig
from napari_pathprune.workflows.evaluate.evaluate import DEFAULT_MPP
from napari_pathprune.workflows.evaluate.example_patch import ExamplePatch
from napari_pathprune.workflows.evaluate.validation import score_validation
from napari_pathprune.workflows.train.config_losses import load_teacher, make_losses, make_penalty
from napari_pathprune.workflows.train.curves import draw_curves
from napari_pathprune.workflows.train.fit_log import FitLog
from napari_pathprune.workflows.train.image_sets import ImageSets, collect_facts, read_image_sets
from napari_pathprune.workflows.train.named_types import identify, name_types
from napari_pathprune.workflows.train.new_model import make_model
from napari_pathprune.workflows.unlabelled.parent_labels import label_by_parent
from napari_pathprune.workflows.unlabelled.slide_source import list_slides

_LOG = get_plain_logger(__name__)
MEMORY_ADVICE: Final = "take smaller patches or a smaller batch"


def train(
    config: TrainConfig,
    out: Path,
    *,
    start: Checkpoint | None = None,
    images: ImageSets | None = None,
    example: ExamplePatch | Path | None = None,
) -> Iterator[FitEvent]:
    """Train a model and write it.

    Next to the model file (``model.safetensors``) are written the state of each phase while it trains
    (``model.safetensors.state``), from which a stopped run resumes exactly; its log (``model.log.csv``,
    ``model.validation.csv``); the names of its images (``model.images.csv``); its curves (``model.curves.png``); and,
    if the best validation was not the last one, ``model.last.safetensors``. The best model of a phase so far is written
    at each validation. The state is removed after the last event has been consumed: a caller that records the end of
    the training does so on `FitDone`, and a stop in between loses nothing.

    Parameters
    ----------
    config
        See `train_config.read_config`.
    out
        The ``.safetensors`` to write. It must not exist, unless a stopped run wrote it.
    start
        Model to train further. Its architecture, widths and types are kept; the types are renamed if the config names
        them. None trains a new model.
    images
        The training images and the validation images of the config if they have been read already; None reads them.
    example
        What draws an example patch at the start and at each validation; or a PNG for one that compares with ``start``.

    Yields
    ------
    StepDone, BatchSplit, Validated, FitDone
        Of each phase in turn.

    Raises
    ------
    ValueError
        If the model exists already, data or settings are not usable, or the loss becomes NaN. In the last case
        ``model.last-good.safetensors`` holds the average of the weights before.
    MemoryError
        If memory runs out even with a batch of one patch.
    """
    is_first = not rank_zero_only.rank and out.suffix == ".safetensors" and out.parent.is_dir()
    with advise_on_memory(MEMORY_ADVICE), lock_output(out) if is_first else nullcontext():
        yield from _train(config, out, start, images, example)


def _train(  # noqa: C901 - a loop over phases that reads from top to bottom
    config: TrainConfig,
    out: Path,
    start: Checkpoint | None,
    known: ImageSets | None,
    example: ExamplePatch | Path | None,
) -> Iterator[FitEvent]:
    phases = len(config.fit)
    states = [out.with_name(out.name + ".state" + (f"-{phase}" if phase > 1 else "")) for phase in range(1, phases + 1)]
    _check_out(out, states)
    start = name_types(start, config.new_type_names) if start else None
    type_names = start.type_names if start else config.model.type_names
    mpp = (start.mpp or DEFAULT_MPP) if start else config.model.mpp
    images, validation = known or read_image_sets(config, type_names, mpp)
    before = start or make_model(config.model, images)
    model = before.model()
    check_fit(model, *config.fit)  # finds a mistake in the last phase before the first one starts
    losses = make_losses(config, before, images)
    validation = label_by_parent(validation, load_teacher(config), config.device)
    if isinstance(example, Path):
        example = ExamplePatch(validation or images, before, example, config.device)
    _draw_first(example, before, states)
    validate = _make_validate(config, before, validation, example)
    log = FitLog(out, list_names(images), list_names(validation))
    facts = collect_facts(config, images, validation, load_teacher(config), mpp)
    about = {"start": identify(before), **{name: json.dumps(fact) for name, fact in facts.items()}}
    reached = max((phase for phase, state in enumerate(states, 1) if state.exists()), default=1)
    for phase, settings in enumerate(config.fit, 1):
        if phase < reached:
            continue
        events = fit(
            model,
            _make_patches(config, settings, phase, model, images),
            losses,
            settings,
            penalty=make_penalty(config.losses, model),
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
                    save(_record_training(before, event.weights, config, phase, event.step, images), out)
                if isinstance(event, FitDone) and phase == phases:
                    _finish(before, model, event, config, images, out, log)
                    if example is not None and validate is None:
                        example.write(model)
                yield event
        except NotFinite as error:
            if find_not_finite(model.state_dict()):
                raise  # there are no good weights to keep
            good = out.with_name(f"{out.stem}.last-good.safetensors")
            if not rank_zero_only.rank:
                save(_record_training(before, model.state_dict(), config, phase, done, images), good)
            raise NotFinite(f"{error}; the last good weights are in {good}") from error
    for state in () if rank_zero_only.rank else states:
        state.unlink(missing_ok=True)


def _draw_first(example: ExamplePatch | None, before: Checkpoint, states: Sequence[Path]) -> None:
    """Draw the example patch of a model that is not trained yet, unless a stopped training is resumed."""
    if example is not None and not rank_zero_only.rank and not any(state.exists() for state in states):
        example.write(before.model())


def _make_validate(
    config: TrainConfig, before: Checkpoint, images: Sequence[AnnotatedImage], example: ExamplePatch | None
) -> Validate | None:
    """Return the function that scores a model on the validation images, or None if there are none."""

    def validate(model: nn.Module) -> Mapping[str, float]:
        scores = score_validation(model, images=images, checkpoint=before, device=config.device)
        if example is not None:
            example.write(model)
        return scores

    return validate if images else None


def _check_out(out: Path, states: Sequence[Path]) -> None:
    if out.suffix != ".safetensors":
        raise ValueError(f"got {out.name!r}; models are written as .safetensors: name it {out.stem}.safetensors")
    if not out.parent.is_dir():
        raise ValueError(f"the folder {out.parent} does not exist; create it first")
    if out.exists() and not any(state.exists() for state in states):
        raise ValueError(
            f"{out} exists already, and there is no stopped training to resume: give another file, or remove it"
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
    save(_record_training(before, model.state_dict(), config, phase, done.best_step, images), out)
    if done.best_step != done.steps:
        last = _record_training(before, done.last, config, phase, done.steps, images)
        save(last, out.with_name(f"{out.stem}.last.safetensors"))
    validations = log.validations if log.validations.exists() else None
    try:
        draw_curves(log.steps, out.with_name(f"{out.stem}.curves.png"), validation_csv=validations)
    except (OSError, ValueError) as error:  # the model has been written, which matters more
        _LOG.warning("could not draw the curves: %s", error)


def _make_patches(
    config: TrainConfig, settings: FitSettings, phase: int, model: nn.Module, images: Sequence[AnnotatedImage]
) -> RandomPatches:
    """Return the patches of a phase; each phase has different ones."""
    size_px = config.patches.patch_px
    output_px, _ = model.output_shape(size_px, size_px)  # type: ignore[operator]
    seed, length = config.patches.seed + 1000 * (phase - 1), settings.steps * settings.batch
    return RandomPatches(images, size_px, output_px, length, seed, config.augmentation)


def _record_training(
    before: Checkpoint,
    weights: Mapping[str, Tensor],
    config: TrainConfig,
    phase: int,
    step: int,
    images: Sequence[AnnotatedImage],
) -> Checkpoint:
    """Return the model after a step of a phase, with the training recorded in its lineage."""
    last = config.fit[phase - 1]
    record = {
        "step": "fine-tuned" if before.lineage else "trained",
        "steps": sum(settings.steps for settings in config.fit[: phase - 1]) + step,
        "batch": last.batch,
        "patch_px": config.patches.patch_px,
        "learning_rate": last.learning_rate,
        "seed": config.patches.seed,
        "images": int(find_labelled(images).sum()),
    }
    if config.unlabelled:
        record["unlabelled_slides"] = len(list_slides(config.base, config.unlabelled))
    if config.losses.teacher:
        record["teacher"] = Path(config.losses.teacher).name
    return before.with_step(weights, record)
