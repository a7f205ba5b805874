"""What a user sees in a viewer, recorded and restored: visible and selected layers, grid, scale bar and keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from napari.components import ViewerModel

GRID: Final = ("stride", "shape", "spacing", "enabled")  # enabled last: napari draws at each change of an enabled grid
SCALE_BAR: Final = ("visible", "gridded")


@dataclass(frozen=True, slots=True, eq=False)
class ViewerLayout:
    """What a user sees in a viewer.

    Attributes
    ----------
    visible
        Each layer, and whether it is visible.
    selected, active
        The selected layers, and the active one.
    grid, scale_bar
        Their fields by name.
    keymap
        The keys of the viewer.
    """

    visible: tuple[tuple[Any, bool], ...]
    selected: tuple[Any, ...]
    active: Any
    grid: dict[str, Any]
    scale_bar: dict[str, Any]
    keymap: dict[Any, Any]

    def restore(self, viewer: ViewerModel) -> Iterator[None]:
        """Restore all of it for the layers that still exist; between two steps the window may draw.

        Yields
        ------
        None
            After each layer that is shown again.
        """
        for layer, visible in self.visible:
            if layer in viewer.layers and layer.visible != visible:
                layer.visible = visible
                yield
        viewer.layers.selection = {layer for layer in self.selected if layer in viewer.layers}
        if self.active in viewer.layers:
            viewer.layers.selection.active = self.active
        viewer.canvas.grid.update(self.grid)
        viewer.canvas.overlays.scale_bar.update(self.scale_bar)
        viewer.keymap = self.keymap


def record_layout(viewer: ViewerModel) -> ViewerLayout:
    """Return what the user sees in a viewer now."""
    grid, bar = viewer.canvas.grid, viewer.canvas.overlays.scale_bar
    return ViewerLayout(
        tuple((layer, layer.visible) for layer in viewer.layers),
        tuple(viewer.layers.selection),
        viewer.layers.selection.active,
        {name: getattr(grid, name) for name in GRID},
        {name: getattr(bar, name) for name in SCALE_BAR},
        dict(viewer.keymap),
    )
