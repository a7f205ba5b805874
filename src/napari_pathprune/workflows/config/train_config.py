"""Settings of a training run, read from a TOML file or assumed for a folder of annotated images."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from napari_pathprune.datasets.image_selection import BadFiles
from napari_pathprune.datasets.patches.augment import Augmentation
from napari_pathprune.datasets.read_images import read_type_names
from napari_pathprune.datasets.type_names import normalise_name
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.toml_settings import make_settings
from napari_pathprune.workflows.config.unlabelled_settings import UnlabelledSettings

Table = TypeVar("Table")
HOLD_OUT: Final = 5
"""Of a folder that stands in for a config, every fifth image is held out for validation."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The network to train, and what is recorded in its file.

    Attributes
    ----------
    architecture
        Name of the network; see `models.build`.
    mode
        ``"fast"`` (3x3 decoder kernels) or ``"original"`` (5x5).
    width
        Factor of the channels of every layer, above 0, at most 4; 1 is the published network.
    mpp
        Pixel size in um that the model expects, which the training images have after their ``zoom``.
    type_names
        Names of the nucleus types, background first; empty for an untyped model. In fine-tuning and compression they
        rename the types of the model; see `name_types`.
    licence
        Licence of the weights.
    seed
        Seed of the initial weights.

    Raises
    ------
    ValueError
        If the pixel size is not positive, a type name occurs twice, or the first one is not the background.
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
            raise ValueError(f"got mpp = {self.mpp}; expected the pixel size in um, above 0")
        names = [normalise_name(name) for name in self.type_names]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"got type_names with {twice[0]!r} twice; expected a different name for each type")
        if names and names[0] != "background":
            raise ValueError(f"got type_names that start with {self.type_names[0]!r}; put 'background' first")

    @property
    def config(self) -> dict[str, Any]:
        """Keyword arguments of `models.build`."""
        return {"mode": self.mode, "num_types": len(self.type_names) or None, "width": self.width}


@dataclass(frozen=True, slots=True)
class DataSettings:
    """A folder of annotated images; see `datasets.read_images`.

    Attributes
    ----------
    folder
        Path, relative to the config.
    zoom
        Magnification that brings the images to the model's pixel size: their um per pixel divided by the model's.
    weight
        How often patches come from this folder, relative to the others, however many images each has.
    leave_out
        Names of images, without ending, that are not read.
    only
        Names of the images to read; all if empty.
    bad_files
        ``"stop"`` at a file that is missing, damaged or has impossible values, or ``"skip"`` its image with a warning.

    Raises
    ------
    ValueError
        If a number is not positive or finite, or ``bad_files`` is neither of the two.
    """

    folder: str
    zoom: float = 1.0
    weight: float = 1.0
    leave_out: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    bad_files: BadFiles = "stop"

    def __post_init__(self) -> None:
        for name in ("zoom", "weight"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"got {name} = {getattr(self, name)}; expected a number above 0")
        if self.bad_files not in get_args(BadFiles):
            raise ValueError(f"got bad_files = {self.bad_files!r}; expected 'stop' or 'skip'")


@dataclass(frozen=True, slots=True)
class PatchSettings:
    """The patches that the network is trained on.

    Attributes
    ----------
    patch_px
        Side in pixels of the model's pixel size, at least 1.
    seed
        Seed of the places where patches are cut and of their augmentation, at least 0.
    """

    patch_px: int = 320
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("patch_px", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"got {name} = {getattr(self, name)}; expected {least} or more")


@dataclass(frozen=True, slots=True)
class LossSettings:
    """Terms of the loss beside the annotations.

    Attributes
    ----------
    rarity
        How much more pixels of rare types count: 0 not at all, 1 so that every type counts the same.
    teacher
        Model to distil from, a file relative to the config or a packaged name; none if empty.
    teacher_share
        Share of the teacher in the loss; the annotations have the rest. See `training.distill.Distillation`.
    temperature
        How much the probabilities of the teacher are softened, above 0.
    slimming
        Factor of the penalty of network slimming, 0 for none; 1e-5 to 1e-4 is usual.
    """

    rarity: float = 0.0
    teacher: str = ""
    teacher_share: float = 0.5
    temperature: float = 3.0
    slimming: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.slimming < math.inf:
            raise ValueError(f"got slimming = {self.slimming}; expected 0 or more")
        for name in ("rarity", "teacher_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"got {name} = {getattr(self, name)}; expected a share from 0 to 1")
        if not self.temperature > 0.0:
            raise ValueError(f"got temperature = {self.temperature}; expected a number above 0")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that a training run depends on.

    Attributes
    ----------
    base
        Folder of the config file; paths in the config are relative to it.
    model
        Network to train. A model that is fine-tuned or compressed keeps its own, except for the names of its types.
    fit
        Phases of the training, one after the other.
    patches, augmentation, losses, compress
        The tables of the same name.
    data, validation
        Training images and validation images. Without the latter the last weights are kept.
    hold_out
        Without `validation`, every n-th image of `data` is held out for validation; 0 for none.
    new_type_names
        Names to give to the types of a model that is fine-tuned or compressed: the ``type_names`` of the file's
        ``[model]``. Empty if it has none, and for a folder, which may show fewer types than the model has.
    unlabelled
        Slides without annotation, on which a teacher gives the targets; by themselves, or beside `data`.
    """

    base: Path
    model: ModelSettings
    fit: tuple[FitSettings, ...]
    patches: PatchSettings
    augmentation: Augmentation
    data: tuple[DataSettings, ...]
    validation: tuple[DataSettings, ...] = ()
    losses: LossSettings = field(default_factory=LossSettings)
    compress: CompressSettings = field(default_factory=CompressSettings)
    hold_out: int = 0
    new_type_names: tuple[str, ...] = ()
    unlabelled: tuple[UnlabelledSettings, ...] = ()

    @property
    def device(self) -> str:
        """Device outside of Lightning, for the accelerator of the first phase; see `inference.device.find_device`."""
        accelerator = self.fit[0].accelerator
        return "auto" if accelerator == "gpu" else accelerator


_TABLES: Final = ("model", "fit", "patches", "augmentation", "losses", "compress", "data", "validation", "unlabelled")


def configure_unlabelled(base: Path, slides: Sequence[UnlabelledSettings]) -> TrainConfig:
    """Return the config that is assumed for slides without annotation alone."""
    return TrainConfig(
        base, ModelSettings(), (FitSettings(),), PatchSettings(), Augmentation(), (), unlabelled=tuple(slides)
    )


def read_config(source: Path) -> TrainConfig:
    """Read a config file, or return the config that is assumed for a folder of annotated images.

    Parameters
    ----------
    source
        A ``.toml`` with the tables ``[model]``, ``[fit]`` (or ``[[fit]]`` for several phases), ``[patches]``,
        ``[augmentation]``, ``[losses]``, ``[compress]``, one or more ``[[data]]`` or ``[[unlabelled]]``, and optionally
        ``[[validation]]``; or a folder of annotated images.

    Raises
    ------
    ValueError
        If it does not exist, is not TOML, or has an unknown key or a value out of range.
    """
    if source.is_dir():
        model = ModelSettings(type_names=read_type_names(source))
        return TrainConfig(
            source,
            model,
            (FitSettings(),),
            PatchSettings(),
            Augmentation(),
            (DataSettings("."),),
            hold_out=HOLD_OUT,
        )
    if not source.exists():
        raise ValueError(f"{source} does not exist: give a config file (.toml) or a folder of annotated images")
    try:
        tables = tomllib.loads(source.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{source} is not a TOML file: {error}") from error
    unknown = sorted(set(tables) - set(_TABLES))
    if unknown:
        raise ValueError(f"{source} has an unknown table [{unknown[0]}]; expected one of {', '.join(_TABLES)}")
    for name in ("data", "validation", "unlabelled"):
        if not isinstance(tables.get(name, []), list):
            raise ValueError(  # noqa: TRY004 - the user's
                f"{source} has a table [{name}]; write [[{name}]], since there can be several"
            )
    if not tables.get("data") and not tables.get("unlabelled"):
        raise ValueError(
            f'{source} names no data: add a table [[data]] with folder = "...", or [[unlabelled]] with slide = "..."'
        )
    phases = tables.get("fit", {})

    def several(name: str, kind: type[Table]) -> tuple[Table, ...]:
        return tuple(make_settings(kind, table, source) for table in tables.get(name, []))

    def one(name: str, kind: type[Table]) -> Table:
        return make_settings(kind, tables.get(name, {}), source)

    model = one("model", ModelSettings)
    return TrainConfig(
        base=source.parent,
        model=model,
        fit=tuple(make_settings(FitSettings, t, source) for t in (phases if isinstance(phases, list) else [phases])),
        patches=one("patches", PatchSettings),
        augmentation=one("augmentation", Augmentation),
        data=several("data", DataSettings),
        validation=several("validation", DataSettings),
        unlabelled=several("unlabelled", UnlabelledSettings),
        losses=one("losses", LossSettings),
        compress=one("compress", CompressSettings),
        new_type_names=model.type_names,
    )
