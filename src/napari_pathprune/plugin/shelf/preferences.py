"""The settings of the plugin in napari's Preferences; `napari.yaml` declares them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from napari.settings import get_plugin_settings

PLUGIN: Final = "napari-pathprune"
RECENT_MODELS: Final = 8
SEPARATOR: Final = "|"  # settings of napari 0.9 hold texts and numbers, but no lists


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the user has chosen in Preferences.

    Attributes
    ----------
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    memory_gb
        Memory that a tile may take, in GB; 0 for no limit.
    default_model
        Name of a packaged model, or path of a model file.
    folder
        Where file dialogs for models open; empty if the user has neither chosen one nor opened a model.
    recent_models
        Model files, latest first, whether or not they still exist.
    project
        Folder of the annotation project that was used last; empty if there is none.
    """

    device: str = "auto"
    memory_gb: float = 0.0
    default_model: str = "hovernet-s-compact"
    folder: str = ""
    recent_models: tuple[str, ...] = ()
    project: str = ""

    @property
    def memory_budget(self) -> int | None:
        """Memory that a tile may take, in bytes; None for no limit."""
        return int(self.memory_gb * 1e9) or None


def read_preferences() -> Preferences:
    """Return the preferences, or their defaults where napari does not know the plugin, as in scripts and tests."""
    settings = _find_settings()
    if settings is None:
        return Preferences()
    recent = tuple(path for path in settings.models.recent.split(SEPARATOR) if path)
    return Preferences(
        settings.running.device,
        settings.running.memory_gb,
        settings.models.default_model,
        settings.models.folder or (str(Path(recent[0]).parent) if recent else ""),
        recent,
        settings.annotate.project if hasattr(settings, "annotate") else "",
    )


def remember_model(path: str | Path) -> None:
    """Put a model file in front of the recent ones."""
    settings, new = _find_settings(), str(path)
    if settings is None or SEPARATOR in new:
        return
    others = [other for other in settings.models.recent.split(SEPARATOR) if other not in {"", new}]
    settings.models.recent = SEPARATOR.join([new, *others][:RECENT_MODELS])


def forget_model(path: str | Path) -> None:
    """Remove a model file from the recent ones, for instance because it cannot be read."""
    settings = _find_settings()
    if settings is not None:
        kept = [other for other in settings.models.recent.split(SEPARATOR) if other not in {"", str(path)}]
        settings.models.recent = SEPARATOR.join(kept)


def _find_settings() -> Any | None:  # noqa: ANN401 - napari makes the type from the manifest
    try:
        settings = get_plugin_settings(PLUGIN)
    except KeyError:  # not registered
        return None
    return settings if hasattr(settings, "models") and hasattr(settings, "running") else None
