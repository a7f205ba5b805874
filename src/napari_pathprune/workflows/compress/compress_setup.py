"""Preparation of a compression: check the request, read the model and the images, and open the folder of stages."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from napari_pathprune.datasets.annotated_image import find_labelled
from napari_pathprune.datasets.read_images import AnnotatedImage
from napari_pathprune.pruning import ChannelGraph, PrunePlan, gradual, trace
from napari_pathprune.pruning.schedule import Scorer, Step
from napari_pathprune.training.fit import check_fit
from napari_pathprune.training.fit_state import MAY_CHANGE
from napari_pathprune.workflows.checkpoint import Checkpoint, find, load
from napari_pathprune.workflows.compress.calibration import make_scorer
from napari_pathprune.workflows.compress.planned_cuts import cut_to_plan, measure_plan, read_plan
from napari_pathprune.workflows.compress.stage_folder import PLAN, StageFolder
from napari_pathprune.workflows.config.toml_settings import make_table
from napari_pathprune.workflows.config.train_config import TrainConfig
from napari_pathprune.workflows.evaluate.evaluate import DEFAULT_MPP
from napari_pathprune.workflows.evaluate.example_patch import ExamplePatch
from napari_pathprune.workflows.prune.prune import make_example
from napari_pathprune.workflows.train.config_losses import load_teacher, make_losses
from napari_pathprune.workflows.train.image_sets import collect_facts, read_image_sets
from napari_pathprune.workflows.train.named_types import identify, name_types
from napari_pathprune.workflows.unlabelled.parent_labels import label_by_parent

PARENT: Final = "parent"
"""Name of a teacher that stands for the dense model."""


@dataclass(frozen=True, slots=True, eq=False)
class Compression:
    """What all stages of a compression share.

    Attributes
    ----------
    model_name, out
        The dense model as it was asked for, and the file to write.
    config
        Settings, with the file of the dense model in the place of the teacher ``"parent"``.
    dense, model, graph
        The dense model as a checkpoint, as a module, and its channel graph.
    training, validation
        Images. Validation images without annotation have the nuclei that the teacher finds.
    folder
        Folder of the stages.
    plan
        The widths to reach, of a plan in a file or of a latency target; None for other targets.
    example
        Draws the example patch; None if none was asked for.
    is_parent
        Whether the dense model has found the nuclei of the validation images.
    """

    model_name: str
    out: Path
    config: TrainConfig
    dense: Checkpoint
    model: nn.Module
    graph: ChannelGraph
    training: Sequence[AnnotatedImage]
    validation: Sequence[AnnotatedImage]
    folder: StageFolder
    plan: PrunePlan | None = None
    example: ExamplePatch | None = None
    is_parent: bool = False

    @property
    def fit_steps(self) -> tuple[int, ...]:
        """Fine-tuning steps of each stage."""
        return self.config.compress.divide_steps(self.config.fit[0].steps)

    def cuts(self) -> Iterator[Step]:
        """Cut the dense model stage by stage; each cut starts from the weights that its predecessor was left with."""
        scorer = make_scorer(self.config, self.dense, self.training, self.folder)
        return _cut(self.config, self.model, self.graph, scorer, self.plan)


def prepare_compression(model_name: str, config: TrainConfig, out: Path, example: Path | None = None) -> Compression:
    """Check a compression and read what it needs.

    Parameters
    ----------
    model_name, config, out, example
        As in `compress`.

    Raises
    ------
    ValueError
        If a setting is not usable, the target is out of reach, or a compression with other settings was stopped here.
        Nothing has been written in these cases.
    """
    _check_request(model_name, config, out)
    dense = name_types(load(model_name), config.new_type_names)
    model = dense.model()
    graph = trace(model, make_example(model))
    plan = _find_plan(config, model, graph, find_stages(out))
    _check_reach(config, model, graph, plan)
    config = _assume_parent(config)
    mpp = dense.mpp or DEFAULT_MPP
    training, validation = read_image_sets(config, dense.type_names, mpp)
    if not validation and math.isfinite(config.compress.allowed_drop):
        raise ValueError("got allowed_drop, but no validation images to measure it on; name some in [[validation]]")
    facts = _collect_facts(dense, config, training, validation, plan)
    config = _resolve_parent(config, model_name)
    make_losses(config, dense, training)  # refuses an unsuitable teacher before anything is written
    folder = StageFolder(find_stages(out), facts)
    if plan is not None:
        folder.write_plan(plan)
    is_parent = config.losses.teacher == _name_teacher(model_name) and not find_labelled(validation).all()
    validation = label_by_parent(validation, load_teacher(config), config.device)
    picture = None if example is None else ExamplePatch(validation or training, dense, example, config.device)
    return Compression(
        model_name, out, config, dense, model, graph, training, validation, folder, plan, picture, is_parent
    )


def find_stages(out: Path) -> Path:
    """Return the folder of the stages of a compression that writes ``out``."""
    return out.with_name(f"{out.stem}.stages")


def _check_request(model_name: str, config: TrainConfig, out: Path) -> None:
    """Raise if the request is impossible whatever the model and the images are."""
    if out.suffix != ".safetensors":
        raise ValueError(f"got {out.name!r}; models are written as .safetensors: name it {out.stem}.safetensors")
    if find(model_name).resolve() == out.resolve():
        raise ValueError(f"{out} is the dense model itself; give another file to write")
    if out.exists() and not find_stages(out).exists():
        raise ValueError(
            f"{out} exists already, without the stages of a compression beside it: give another file, or remove it"
        )
    if len(config.fit) != 1:
        raise ValueError(f"got {len(config.fit)} phases of [[fit]]; a compression takes one, and divides its steps")
    if config.fit[0].devices > 1:
        raise ValueError(
            f"got devices = {config.fit[0].devices}; a compression runs on one, its result can be fine-tuned on several"
        )


def _find_plan(config: TrainConfig, model: nn.Module, graph: ChannelGraph, stages: Path) -> PrunePlan | None:
    """Return the plan of a file, or measure the one of a latency target; a stopped compression goes on with its own."""
    settings = config.compress
    if settings.plan:
        return read_plan(config.base / settings.plan, graph)
    if settings.target.measure != "latency":
        return None
    kept = stages / PLAN
    return read_plan(kept, graph) if kept.exists() else measure_plan(model, graph, settings, config.device)


def _check_reach(config: TrainConfig, model: nn.Module, graph: ChannelGraph, plan: PrunePlan | None) -> None:
    """Raise at once for what would otherwise fail after minutes of scoring, or hours later at the last cut."""
    size_px = config.patches.patch_px
    check_fit(model, *config.fit)
    model.output_shape(size_px, size_px)  # type: ignore[operator]
    if plan is not None:
        return
    even = {group.name: torch.ones(group.width) for group in graph.groups}  # what can go does not depend on scores
    one_cut = dataclasses.replace(config.compress, steps=1, step_ratio=0.0)
    next(_cut(dataclasses.replace(config, compress=one_cut), model, graph, lambda *_: even, verify=False))


def _cut(
    config: TrainConfig,
    model: nn.Module,
    graph: ChannelGraph,
    scorer: Scorer,
    plan: PrunePlan | None = None,
    *,
    verify: bool = True,
) -> Iterator[Step]:
    settings = config.compress
    if plan is not None:
        return cut_to_plan(plan, model, graph, settings, scorer, verify=verify)
    return gradual(model, graph, settings.targets(), settings.scope, settings.limits, criterion=scorer, verify=verify)


def _assume_parent(config: TrainConfig) -> TrainConfig:
    """Make the dense model the teacher if slides without annotation need one and none is named."""
    if not config.unlabelled or config.losses.teacher:
        return config
    return dataclasses.replace(config, losses=dataclasses.replace(config.losses, teacher=PARENT))


def _resolve_parent(config: TrainConfig, model_name: str) -> TrainConfig:
    """Put the dense model in the place of a teacher named ``"parent"``."""
    if config.losses.teacher != PARENT:
        return config
    return dataclasses.replace(config, losses=dataclasses.replace(config.losses, teacher=_name_teacher(model_name)))


def _name_teacher(model_name: str) -> str:
    """Return the teacher that the dense model is: its packaged name, or the absolute path of its file."""
    return str(Path(model_name).resolve()) if Path(model_name).exists() else model_name


def _collect_facts(
    dense: Checkpoint,
    config: TrainConfig,
    training: Sequence[AnnotatedImage],
    validation: Sequence[AnnotatedImage],
    plan: PrunePlan | None,
) -> dict[str, Any]:
    """Return what the stages depend on."""
    settings = make_table(config.compress)
    del settings["allowed_drop"]  # the stages are the same with any other
    del settings["plan"]  # it counts by its content; compressions of earlier versions do not name any
    if plan is not None and config.compress.plan:
        settings["plan"] = blake2b(plan.to_json().encode(), digest_size=8).hexdigest()
    teacher = None if config.losses.teacher == PARENT else load_teacher(config)  # the parent is known by its name
    return {
        "model": identify(dense),
        "compress": settings,
        "fit": {name: value for name, value in dataclasses.asdict(config.fit[0]).items() if name not in MAY_CHANGE},
        **collect_facts(config, training, validation, teacher, dense.mpp or DEFAULT_MPP),
    }
