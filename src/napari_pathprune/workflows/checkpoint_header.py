"""The header of a model file, checked field by field: files come from anywhere. Does not import torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from torch import Tensor

FORMAT: Final = "pathprune-1"
HEADER_KEY: Final = "pathprune"
"""Key of the header among the metadata of a ``.safetensors`` file."""
MOST_TENSORS: Final = 10_000
"""Largest number of tensors of a model; HoVer-Net has 800."""
MOST_TYPES: Final = 1000
"""Largest number of nuclear types of a model."""
MOST_NAME: Final = 200
"""Largest number of characters in the name of a type."""
SMALLEST_MPP: Final = 0.01
LARGEST_MPP: Final = 100.0
"""Pixel sizes in um that a model can expect."""
MOST_HEADER_BYTES: Final = 12 << 20
"""A hundred plans of a network of the published width take 8 MB."""
_HALVED: Final = ("float32", "float64")
"""Kinds of numbers that are stored in half precision."""


def check_count(names: Sequence[str], path: Path) -> Sequence[str]:
    """Return the names of the tensors of a file, or raise if there are far more than a model has."""
    if len(names) > MOST_TENSORS:
        raise ValueError(f"{path} holds {len(names):,} tensors; no model here has more than {MOST_TENSORS:,}")
    return names


def parse_header(metadata: Mapping[str, str] | None, path: Path, version: str) -> dict[str, Any]:
    """Return the fields of a header, each of its kind.

    Parameters
    ----------
    metadata
        The metadata of the file; the header is JSON.
    path
        The file, for messages.
    version
        The format that is read.

    Raises
    ------
    ValueError
        If there is no header, or it has another format or is damaged; one line names the field, what it is, and what
        was expected.
    """
    text = (metadata or {}).get(HEADER_KEY)
    if text is None:
        raise ValueError(f"{path} holds tensors, but no pathprune header; it was written by another program")
    damaged = f"{path} has a damaged pathprune header"
    try:
        header = json.loads(text) if len(text) <= MOST_HEADER_BYTES else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ValueError(f"{damaged}: it is not a JSON object; write it again")  # noqa: TRY004
    if isinstance(header.get("format"), str) and header["format"] != version:
        found = header["format"][:60]
        raise ValueError(f"{path} has format {found!r}; this version reads {version!r}: update napari-pathprune")
    for name, (is_right, expected) in _FIELDS.items():
        if name not in header:
            raise ValueError(f"{damaged}: {name} is missing; write it again")
        if not is_right(header[name]):
            shown = repr(header[name])
            raise ValueError(f"{damaged}: {name} is {shown[:60]}; expected {expected}; write it again")
    return header


def restore_halved(weights: dict[str, Tensor], halved: Mapping[str, str], path: Path) -> None:
    """Convert the weights that are stored in half precision to what they were, in place.

    Raises
    ------
    ValueError
        If a name or a kind of numbers is unknown.
    """
    for name, dtype in halved.items():
        if name not in weights or dtype not in _HALVED or not weights[name].is_floating_point():
            raise ValueError(
                f"{path} has a damaged pathprune header: stored_as_half has {name[:60]!r} as {dtype[:60]!r}; "
                f"expected weights of the file, as one of {', '.join(_HALVED)}; write it again"
            )
        weights[name] = weights[name].double() if dtype == "float64" else weights[name].float()


def check_weights(weights: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return weights in single precision, if they can be those of a model.

    Half precision, bfloat16 and double precision become float32, in which models compute.

    Parameters
    ----------
    weights
        Tensors by name.
    path
        The file, for messages.

    Raises
    ------
    ValueError
        If tensors claim to be larger than what the file holds, are of another kind, or hold values that are not finite.
    """
    checked = {}
    for name, tensor in weights.items():
        if str(tensor.layout) != "torch.strided" or tensor.is_quantized or tensor.is_meta or tensor.is_complex():
            raise ValueError(f"{path}: {name} is a {tensor.dtype} tensor of a kind that no model here has")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ValueError(f"{path}: {name} claims to be {tuple(tensor.shape)}, but the file holds less")
        is_float = tensor.is_floating_point()
        if not is_float and not name.endswith("num_batches_tracked"):
            raise ValueError(f"{path}: {name} holds {tensor.dtype}; expected numbers with a fraction, such as float32")
        checked[name] = tensor.detach().float() if is_float else tensor.detach()
        if is_float and not bool(checked[name].isfinite().all()):
            raise ValueError(
                f"{path}: {name} holds values that are not finite (NaN or infinity); its training has diverged, or the "
                "file is damaged: take an earlier checkpoint"
            )
        if name.endswith("running_var") and bool((checked[name] < 0).any()):
            raise ValueError(f"{path}: {name} holds negative variances; the file is damaged")
    return checked


def _is_text(value: object) -> bool:
    """Return whether a value is a text that can be written as UTF-8, as results need it."""
    return isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_config(value: object) -> bool:
    kinds = isinstance(value, dict) and all(
        one is None or isinstance(one, str | float) or (isinstance(one, int) and not isinstance(one, bool))
        for one in value.values()
    )
    if not kinds or not isinstance(value, dict):
        return False
    types = value.get("num_types")
    return types is None or (isinstance(types, int) and 2 <= types <= MOST_TYPES)


def _is_history(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(step, dict) and _is_text(step.get("step")) for step in value)


def _is_names(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MOST_TYPES
        and all(_is_text(one) and len(one) <= MOST_NAME for one in value)
    )


def _is_mpp(value: object) -> bool:
    if value is None:
        return True
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and SMALLEST_MPP <= value <= LARGEST_MPP  # type: ignore[operator, arg-type]


def _is_dtypes(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


_FIELDS: Final[Mapping[str, tuple[Any, str]]] = {
    "format": (_is_text, "a text"),
    "architecture": (_is_text, "a text"),
    "config": (_is_config, f"settings by name; num_types null, or from 2 to {MOST_TYPES}"),
    "lineage": (_is_history, "a list of steps, each with its name as 'step'"),
    "type_names": (_is_names, f"a list of at most {MOST_TYPES} texts of at most {MOST_NAME} characters"),
    "mpp": (_is_mpp, f"null, or um from {SMALLEST_MPP:g} to {LARGEST_MPP:g}"),
    "licence": (_is_text, "a text"),
    "card": (_is_table, "a table"),
    "stored_as_half": (_is_dtypes, "kinds of numbers by name"),
}
