"""Train a model from scratch, or train one on, as a config file or a folder of annotated images says."""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_pathprune.models import build
from napari_pathprune.training.augment import Augmentation
from napari_pathprune.training.datasets import AnnotatedImage, RandomPatches, class_shares, names_in, read_folder
from napari_pathprune.training.fit import FitDone, FitEvent, FitSettings, fit
from napari_pathprune.training.losses import hovernet_losses
from napari_pathprune.workflows.checkpoint import Checkpoint, save
from napari_pathprune.workflows.settings import settings_from


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The network to train, and what its file says of it.

    Attributes
    ----------
    architecture, mode, width
        See `models.build`.
    mpp
        Pixel size of the training images after their ``zoom``, in um.
    type_names
        Background first; empty for an untyped model.
    licence
        Of the weights.
    seed
        Of the initial weights.
    """

    architecture: str = "hovernet"
    mode: str = "fast"
    width: float = 0.25
    mpp: float = 0.25
    type_names: tuple[str, ...] = ()
    licence: str = "not stated"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.mpp > 0.0:
            raise ValueError(f"got mpp = {self.mpp}; give the pixel size in um, above 0")

    @property
    def config(self) -> dict[str, Any]:
        """What `models.build` takes."""
        return {"mode": self.mode, "num_types": len(self.type_names) or None, "width": self.width}


@dataclass(frozen=True, slots=True)
class DataSettings:
    """A folder of annotated images; see `training.datasets.read_folder`."""

    folder: str
    zoom: float = 1.0
    weight: float = 1.0
    leave_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("zoom", "weight"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"got {name} = {getattr(self, name)}; give a number above 0")


@dataclass(frozen=True, slots=True)
class PatchSettings:
    """Side of the patches, and the seed of where they are cut and how they are changed."""

    patch_px: int = 320
    seed: int = 1


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that a training run depends on; folders are relative to `base`."""

    base: Path
    model: ModelSettings
    fit: FitSettings
    patches: PatchSettings
    augmentation: Augmentation
    data: tuple[DataSettings, ...]


def read_config(source: Path) -> TrainConfig:
    """Read a config file, or make one for a folder of annotated images.

    Parameters
    ----------
    source
        A ``.toml`` with the tables ``[model]``, ``[fit]``, ``[patches]``, ``[augmentation]`` and one or more
        ``[[data]]``, or a folder with ``images``, ``labels`` and perhaps ``classes``.

    Raises
    ------
    ValueError
        If it does not exist, is no TOML, or has a key that is not known.
    """
    if source.is_dir():
        model = ModelSettings(type_names=names_in(source))
        return TrainConfig(source, model, FitSettings(), PatchSettings(), Augmentation(), (DataSettings("."),))
    if not source.exists():
        raise ValueError(f"{source} does not exist: give a config file (.toml) or a folder of annotated images")
    try:
        tables = tomllib.loads(source.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{source} is not a TOML file: {error}") from error
    strangers = sorted(set(tables) - {"model", "fit", "patches", "augmentation", "data"})
    if strangers:
        raise ValueError(
            f"{source} has a table [{strangers[0]}]; those known are model, fit, patches, augmentation and data"
        )
    if not isinstance(tables.get("data", []), list):
        raise ValueError(f"{source} has a table [data]; write [[data]], since there may be several")  # noqa: TRY004 - the user's
    if not tables.get("data"):
        raise ValueError(f'{source} names no data: add a table [[data]] with folder = "..."')
    return TrainConfig(
        base=source.parent,
        model=settings_from(ModelSettings, tables.get("model", {}), source),
        fit=settings_from(FitSettings, tables.get("fit", {}), source),
        patches=settings_from(PatchSettings, tables.get("patches", {}), source),
        augmentation=settings_from(Augmentation, tables.get("augmentation", {}), source),
        data=tuple(settings_from(DataSettings, table, source) for table in tables["data"]),
    )


def training_images(config: TrainConfig, type_names: Sequence[str]) -> list[AnnotatedImage]:
    """Read all images that the config trains on."""
    return [
        image
        for data in config.data
        for image in read_folder(
            config.base / data.folder, type_names, zoom=data.zoom, weight=data.weight, leave_out=data.leave_out
        )
    ]


def train(config: TrainConfig, out: Path, *, start: Checkpoint | None = None) -> Iterator[FitEvent]:
    """Train a model and write it.

    Beside the model file lies its state while it trains (``<out>.state``): a stopped run resumes from there, exactly.

    Parameters
    ----------
    config
        See `read_config`.
    out
        The model file to write, ``.safetensors``.
    start
        Model to train on; its architecture, widths and types are kept. None trains a fresh one.

    Yields
    ------
    StepDone, FitDone

    Raises
    ------
    ValueError
        If data or settings are not usable, or the loss becomes NaN.
    """
    if out.suffix != ".safetensors":
        raise ValueError(f"got {out.name!r}; models are written as .safetensors: name it {out.stem}.safetensors")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent} is not a folder; make it first")
    images = training_images(config, start.type_names if start else config.model.type_names)
    before = start or _fresh(config.model, images)
    model = before.model()
    output_px, _ = model.output_shape(config.patches.patch_px, config.patches.patch_px)  # type: ignore[operator]
    length = config.fit.steps * config.fit.batch
    patches = RandomPatches(
        images, config.patches.patch_px, output_px, length, config.patches.seed, config.augmentation
    )
    state = out.with_name(out.name + ".state")
    for event in fit(model, patches, hovernet_losses, config.fit, state=state, about=_about(config, before, images)):
        if isinstance(event, FitDone):
            save(_trained(before, model, config, images), out)
            state.unlink(missing_ok=True)
        yield event


def _fresh(settings: ModelSettings, images: Sequence[AnnotatedImage]) -> Checkpoint:
    """Make a model that begins with the best guess that knows no image: no distances, each class at its share.

    With biases at zero too, the first thing that every feature learns is that background is more frequent, and
    features that fire inside nuclei hardly arise any more (Lin et al. 2017, doi:10.1109/ICCV.2017.324, section 3.3).
    """
    torch.manual_seed(settings.seed)
    model = build(settings.architecture, **settings.config)
    shares = class_shares(images, settings.config["num_types"])
    for name, layer in model.output_layers().items():  # type: ignore[operator]
        nn.init.zeros_(layer.weight)
        if name in shares:
            layer.bias.data.copy_(torch.from_numpy(shares[name]).log())
    return Checkpoint(
        architecture=settings.architecture,
        config=settings.config,
        weights=model.state_dict(),
        type_names=settings.type_names,
        mpp=settings.mpp,
        licence=settings.licence,
    )


def _trained(before: Checkpoint, model: nn.Module, config: TrainConfig, images: Sequence[AnnotatedImage]) -> Checkpoint:
    step = {
        "step": "fine-tuned" if before.lineage else "trained",
        "steps": config.fit.steps,
        "batch": config.fit.batch,
        "patch_px": config.patches.patch_px,
        "learning_rate": config.fit.learning_rate,
        "seed": config.patches.seed,
        "images": len(images),
    }
    return before.changed(model.state_dict(), step)


def _about(config: TrainConfig, before: Checkpoint, images: Sequence[AnnotatedImage]) -> dict[str, str]:
    """Say what a run depends on, so that a stopped one does not go on as another."""
    return {
        "start": before.fingerprint(),
        "patches": json.dumps(dataclasses.asdict(config.patches)),
        "augmentation": json.dumps(dataclasses.asdict(config.augmentation)),
        "data": json.dumps([[image.name, *image.image.shape, image.zoom, image.weight] for image in images]),
    }
