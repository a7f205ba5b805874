"""Files that are installed with the package: the models, the sample slide and its nuclei."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def packaged_file(name: str) -> Path:
    """Return the path of a packaged file, whether or not it exists.

    Examples
    --------
    >>> packaged_file("CMU-1-Small-Region.svs").is_file()
    True
    """
    return _folder() / name


def packaged_models() -> dict[str, Path]:
    """Return the files of the packaged models by name, sorted by file name.

    Examples
    --------
    >>> list(packaged_models())
    ['hovernet-s-compact', 'hovernet-s']
    """
    return {path.stem: path for path in sorted(_folder().glob("*.safetensors"))}


def _folder() -> Path:
    return Path(str(resources.files("napari_pathprune"))) / "packaged"
