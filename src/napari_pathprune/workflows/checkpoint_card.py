"""The card of a model file, read and changed without the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from napari_pathprune.base.atomic import write_atomically
from napari_pathprune.base.packaged_file import packaged_models
from napari_pathprune.workflows.checkpoint_header import FORMAT, HEADER_KEY, parse_header


def read_card(model: str | Path) -> Mapping[str, Any]:
    """Return the card of a model; no weights are read.

    Parameters
    ----------
    model
        A ``.safetensors`` file of this package, or the name of a packaged model.

    Raises
    ------
    ValueError
        If there is no such file, or it has no header of this package.

    Examples
    --------
    >>> read_card("hovernet-s")["purpose"]
    'for demonstration, not for diagnosis'
    """
    card: Mapping[str, Any] = _read_header(_find(model))["card"]
    return card


def check_card(model: str | Path) -> Path:
    """Return the file of a model whose card can be changed; nothing is written.

    Raises
    ------
    ValueError
        If the model is a packaged one, or its file is not a ``.safetensors`` of this package.
    """
    if str(model) in packaged_models():
        raise ValueError(f"{model} is installed with the package, and its card is not changed; name a model file")
    path = _find(model)
    _read_header(path)
    return path


def update_card(path: Path, entries: Mapping[str, Any]) -> None:
    """Add entries to the card of a model file, in place of those of the same names; its weights stay bit-equal.

    Parameters
    ----------
    path
        A ``.safetensors`` file of this package. A complete new file takes its place.
    entries
        Values that JSON can hold, by name.

    Raises
    ------
    ValueError
        If the file is not one of this package.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> _ = path.write_bytes(packaged_models()["hovernet-s-compact"].read_bytes())
    >>> update_card(path, {"purpose": "for tests"})
    >>> read_card(path)["purpose"]
    'for tests'
    """
    from safetensors.torch import save as to_bytes  # noqa: PLC0415 - torch, without which cards are read

    header = _read_header(path)
    header["card"] = {**header["card"], **entries}
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    content = to_bytes(weights, metadata={HEADER_KEY: json.dumps(header)})
    with write_atomically(path) as part:
        part.write_bytes(content)


def _find(model: str | Path) -> Path:
    path = packaged_models().get(str(model), Path(model))
    if not path.is_file():
        raise ValueError(f"there is no model file {str(model)!r}")
    return path


def _read_header(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            return parse_header(file.metadata(), path, FORMAT)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a .safetensors model file, or is truncated") from error
