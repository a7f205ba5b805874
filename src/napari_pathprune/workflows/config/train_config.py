"""What a training run is told: a TOML file, or a folder of annotated images and good defaults."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from napari_pathprune.datasets.image_selection import BadFiles
from napari_pathprune.datasets.patches.augment import Augmentation
from napari_pathprune.datasets.read_images import read_type_names
from napari_pathprune.datasets.type_names import normalise_name
from napari_pathprune.training.fit_settings import FitSettings
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.toml_settings import settings_from

Table = TypeVar("Table")
HOLD_OUT: Final = 5
"""Of a folder that is given instead of a config, every fifth image judges."""


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
        Background first; empty for an untyped model. To a model that is trained on they give names, see `named`.
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
        names = [normalise_name(name) for name in self.type_names]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"got type_names with {twice[0]!r} twice; give each type a name of its own")
        if names and names[0] != "background":
            raise ValueError(f"got type_names that begin with {self.type_names[0]!r}; put 'background' first")

    @property
    def config(self) -> dict[str, Any]:
        """What `models.build` takes."""
        return {"mode": self.mode, "num_types": len(self.type_names) or None, "width": self.width}


@dataclass(frozen=True, slots=True)
class DataSettings:
    """A folder of annotated images; see `training.datasets.read_images`."""

    folder: str
    zoom: float = 1.0
    weight: float = 1.0
    leave_out: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    bad_files: str = "stop"

    def __post_init__(self) -> None:
        for name in ("zoom", "weight"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"got {name} = {getattr(self, name)}; give a number above 0")
        if self.bad_files not in get_args(BadFiles):
            raise ValueError(f"got bad_files = {self.bad_files!r}; give 'stop' or 'skip'")


@dataclass(frozen=True, slots=True)
class PatchSettings:
    """Side of the patches, and the seed of where they are cut and how they are changed."""

    patch_px: int = 320
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("patch_px", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"got {name} = {getattr(self, name)}; give {least} or more")


@dataclass(frozen=True, slots=True)
class LossSettings:
    """What is asked of the network beside the truth.

    Attributes
    ----------
    rarity
        How much more pixels of rare types count: 0 not at all, 1 so that every type counts the same.
    teacher
        A model to learn from as well, a file relative to the config or a packaged name; none if empty.
    teacher_share, temperature
        See `training.distill.Distillation`.
    slimming
        Factor of network slimming's penalty, 0 for none; 1e-5 to 1e-4 is usual.
    """

    rarity: float = 0.0
    teacher: str = ""
    teacher_share: float = 0.5
    temperature: float = 3.0
    slimming: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.slimming < math.inf:
            raise ValueError(f"got slimming = {self.slimming}; give 0 or more")
        for name in ("rarity", "teacher_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"got {name} = {getattr(self, name)}; give a share between 0 and 1")
        if not self.temperature > 0.0:
            raise ValueError(f"got temperature = {self.temperature}; give a number above 0")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that a training run depends on; folders are relative to `base`.

    Attributes
    ----------
    base
        Folder of the config file.
    model
        For a fresh model; one that is trained on keeps its own, but for the names of its types.
    rename
        What these are to be called: the ``type_names`` of the file's ``[model]``. They keep their names if it has none,
        and for a folder, which may well show fewer types than the model has.
    fit
        The phases, one after the other.
    data, validation
        Images to learn from, and to judge by; without the latter the last weights are kept.
    hold_out
        Without `validation`, every so manieth image of `data` judges and is not learnt from; 0 for none.
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
    rename: tuple[str, ...] = ()

    @property
    def device(self) -> str:
        """What Lightning's ``accelerator`` is called elsewhere; see `inference.device.find_device`."""
        accelerator = self.fit[0].accelerator
        return "auto" if accelerator == "gpu" else accelerator


_TABLES: Final = ("model", "fit", "patches", "augmentation", "losses", "compress", "data", "validation")


def read_config(source: Path) -> TrainConfig:
    """Read a config file, or make one for a folder of annotated images.

    Parameters
    ----------
    source
        A ``.toml`` with the tables ``[model]``, ``[fit]`` (or ``[[fit]]`` for several phases), ``[patches]``,
        ``[augmentation]``, ``[losses]``, ``[compress]``, one or more ``[[data]]`` and perhaps ``[[validation]]``; or
        a folder of annotated images.

    Raises
    ------
    ValueError
        If it does not exist, is no TOML, or has a key that is not known.
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
    strangers = sorted(set(tables) - set(_TABLES))
    if strangers:
        raise ValueError(f"{source} has a table [{strangers[0]}]; those known are {', '.join(_TABLES)}")
    for name in ("data", "validation"):
        if not isinstance(tables.get(name, []), list):
            raise ValueError(  # noqa: TRY004 - the user's
                f"{source} has a table [{name}]; write [[{name}]], since there may be several"
            )
    if not tables.get("data"):
        raise ValueError(f'{source} names no data: add a table [[data]] with folder = "..."')
    phases = tables.get("fit", {})

    def several(name: str, kind: type[Table]) -> tuple[Table, ...]:
        return tuple(settings_from(kind, table, source) for table in tables.get(name, []))

    def one(name: str, kind: type[Table]) -> Table:
        return settings_from(kind, tables.get(name, {}), source)

    model = one("model", ModelSettings)
    return TrainConfig(
        base=source.parent,
        model=model,
        fit=tuple(settings_from(FitSettings, t, source) for t in (phases if isinstance(phases, list) else [phases])),
        patches=one("patches", PatchSettings),
        augmentation=one("augmentation", Augmentation),
        data=several("data", DataSettings),
        validation=several("validation", DataSettings),
        losses=one("losses", LossSettings),
        compress=one("compress", CompressSettings),
        rename=model.type_names,
    )
