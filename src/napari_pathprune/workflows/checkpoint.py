"""Model files: this package's ``.safetensors``, and the checkpoints of other implementations of HoVer-Net.

A file of this package holds the weights and, in the header, JSON with all that is needed to rebuild the model. Widths
are not stored: they are the shapes of the weights. No pickle is ever executed.
"""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.error_line import first_line
from napari_pathprune.base.packaged_file import packaged_models
from napari_pathprune.models import build
from napari_pathprune.models.hovernet.hovernet_foreign import (
    convert_hovernet_weights,
    default_type_names,
    infer_hovernet_config,
)
from napari_pathprune.workflows.checkpoint_header import (
    FORMAT,
    HEADER_KEY,
    check_count,
    check_weights,
    parse_header,
    restore_halved,
)
from napari_pathprune.workflows.load_weights import check_names, check_size, load_weights

MOST_SLACK_BYTES: Final = 32 << 20
"""How much more than four times its size a zip file may unpack to."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A model as it is stored.

    Attributes
    ----------
    architecture, config
        Arguments of `models.build` for the dense model.
    weights
        State dict of the dense or compact model; its shapes are the widths.
    lineage
        History of the model, oldest step first: one dict for each step, with a key ``step`` (``trained``, ``pruned``,
        ``fine-tuned``, ``imported``, ``types named``).
    type_names
        Names of the types, background first; empty for an untyped model.
    mpp
        Pixel size that the model expects, in um; None if unknown.
    licence
        Licence of the weights.
    card
        Notes for users: training data, scores, limits.
    """

    architecture: str
    config: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    lineage: tuple[Mapping[str, Any], ...] = ()
    type_names: tuple[str, ...] = ()
    mpp: float | None = 0.25
    licence: str = "not stated"
    card: Mapping[str, Any] = field(default_factory=dict)

    def model(self) -> nn.Module:
        """Return the model in eval mode, bit-equal to the one that was saved.

        Raises
        ------
        ValueError
            If the weights do not fit the architecture; the message names the keys.
        """
        check_size(self.architecture, self.config, self.weights)
        dense = build(self.architecture, **self.config)
        return load_weights(dense, self.weights, f"{self.architecture} with {dict(self.config)}")

    @property
    def params(self) -> int:
        """Number of parameters; the running statistics of norms do not count."""
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        return sum(t.numel() for name, t in self.weights.items() if not name.endswith(statistics))

    def with_step(self, weights: Mapping[str, Tensor], step: Mapping[str, Any]) -> Checkpoint:
        """Return the model after another step of its history.

        Parameters
        ----------
        weights
            State dict after the step.
        step
            Entry for the lineage.

        Returns
        -------
        Checkpoint
            Its card keeps the purpose only, since scores were those of the model before.
        """
        card = {key: value for key, value in self.card.items() if key == "purpose"}
        return replace(self, weights=weights, lineage=(*self.lineage, step), card=card)

    def fingerprint(self) -> str:
        """Return a hash of the weights, 16 hexadecimal digits."""
        digest = blake2b(digest_size=8)
        for name, tensor in sorted(self.weights.items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())  # bytes, since NumPy lacks bfloat16
        return digest.hexdigest()


def find(model: str | Path) -> Path:
    """Return the file of a model.

    Parameters
    ----------
    model
        Name of a packaged model, or a path.

    Raises
    ------
    ValueError
        If there is no such model.
    """
    packaged = packaged_models()
    if str(model) in packaged:
        return packaged[str(model)]
    path = Path(model)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give a model file")
    if not path.exists():
        raise ValueError(f"there is no model {str(model)!r}: give a file, or one of {', '.join(packaged) or '(none)'}")
    return path


def load(model: str | Path) -> Checkpoint:
    """Read a model file, or a packaged model by its name.

    Parameters
    ----------
    model
        A ``.safetensors`` of this package, a checkpoint of HoVer-Net's original implementation (``{"desc": ...}``) or
        of TIAToolbox (flat), or the name of a packaged model.

    Returns
    -------
    Checkpoint

    Raises
    ------
    ValueError
        If the file is missing, truncated or foreign, or would execute code; nothing of it is executed.

    Examples
    --------
    >>> import tempfile
    >>> from napari_pathprune.models import build
    >>> config = {"mode": "fast", "num_types": None, "width": 0.0625}
    >>> dense = Checkpoint("hovernet", config, build("hovernet", **config).state_dict())
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> save(dense, path)
    >>> load(path).params == dense.params
    True
    """
    path = find(model)
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; the download or copy may have failed")
    with path.open("rb") as file:
        start = file.read(9)
    # a safetensors file starts with the length of its header, which may look like a pickle; a brace follows
    is_pickle = start[:2] == b"PK" or start[:1] == b"\x80"
    return _load_foreign(path) if is_pickle and start[8:] != b"{" else _load_own(path)


def _load_own(path: Path) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            header = parse_header(file.metadata(), path, FORMAT)
            names = check_count(file.keys(), path)
            weights = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a model file, or is truncated") from error
    return _from_header(header, weights, path)


def _from_header(header: Mapping[str, Any], weights: dict[str, Tensor], path: Path) -> Checkpoint:
    types = header["config"].get("num_types") or 0
    if len(header["type_names"]) != types:
        raise ValueError(f"{path} names {len(header['type_names'])} types, but its network has {types}; write it again")
    restore_halved(weights, header["stored_as_half"], path)
    return Checkpoint(
        architecture=header["architecture"],
        config=dict(header["config"]),
        weights=check_weights(weights, path),
        lineage=tuple(header["lineage"]),
        type_names=tuple(header["type_names"]),
        mpp=header["mpp"],
        licence=header["licence"],
        card=dict(header["card"]),
    )


def _load_foreign(path: Path) -> Checkpoint:
    _check_archive(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of pickles that are refused anyway
            content = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is refused: it holds more than weights, which could execute code when opened, or it is damaged; "
            "nothing of it was executed. Save its state dict alone and load that"
        ) from error
    except Exception as error:  # a damaged pickle raises anything, from IndexError to struct.error
        raise ValueError(f"{path} is not a readable checkpoint, or is truncated ({first_line(error)})") from error
    weights = check_weights(convert_hovernet_weights(content, str(path)), path)
    config = infer_hovernet_config(weights, str(path))
    check_names("hovernet", config, weights, str(path))
    return Checkpoint(
        architecture="hovernet",
        config=config,
        weights=weights,
        lineage=({"step": "imported", "file": path.name},),
        type_names=default_type_names(config["num_types"] or 0),
        mpp=0.25,
    )


def _check_archive(path: Path) -> None:
    """Raise if a zip file would unpack to far more than its size; torch stores tensors uncompressed."""
    try:
        with zipfile.ZipFile(path) as file:
            unpacked = sum(one.file_size for one in file.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # an older format; torch finds out
    if unpacked > 4 * path.stat().st_size + MOST_SLACK_BYTES:
        raise ValueError(f"{path} is refused: it would unpack to {unpacked >> 20} MiB; PyTorch writes no such files")


def save(checkpoint: Checkpoint, path: str | Path, *, half: bool = False) -> None:
    """Write a model file; an existing one is replaced only by a complete one.

    Parameters
    ----------
    checkpoint
        The model.
    path
        The file to write; its name ends with ``.safetensors``.
    half
        Whether to store float32 weights in half precision: half the size, rounded once. They are float32 again after
        loading. Tensors with values beyond the range of half precision (65504) stay as they are.

    Raises
    ------
    ValueError
        If the name does not end with ``.safetensors``, or the folder does not exist.
    OSError
        If the file cannot be written, for instance because the disk is full.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"got {path.name!r}; models are written as .safetensors: name it {path.stem}.safetensors")
    if not path.parent.is_dir():
        raise ValueError(f"the folder {path.parent} does not exist; make it first")
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.weights.items()}
    halved = {n: "float32" for n, t in weights.items() if half and t.dtype == torch.float32 and _fits_half(t)}
    header = {
        "format": FORMAT,
        "architecture": checkpoint.architecture,
        "config": dict(checkpoint.config),
        "lineage": [dict(step) for step in checkpoint.lineage],
        "type_names": list(checkpoint.type_names),
        "mpp": checkpoint.mpp,
        "licence": checkpoint.licence,
        "card": dict(checkpoint.card),
        "stored_as_half": halved,
    }
    tensors = {name: tensor.half() if name in halved else tensor for name, tensor in weights.items()}
    content = to_bytes(tensors, metadata={HEADER_KEY: json.dumps(header)})
    with write_atomically(path) as part:
        part.write_bytes(content)


def _fits_half(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().logical_not().logical_or(tensor.half().isfinite()).all())
