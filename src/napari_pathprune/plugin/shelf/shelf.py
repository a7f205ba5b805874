"""The models and results that the docks of one viewer share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.layers import Image, Labels
from psygnal import Signal

from napari_pathprune.base.packaged_file import packaged_models
from napari_pathprune.plugin.shelf.preferences import read_preferences

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pathprune.base.box import Box


@dataclass(frozen=True, slots=True)
class ShelfModel:
    """A model that the docks offer.

    Attributes
    ----------
    source
        Name of a packaged model, or absolute path of a model file; `workflows.checkpoint.load` reads either.
    name
        Name to show, unique on the shelf.
    """

    source: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class ShelfResult:
    """The nuclei of a region of a slide, as a layer.

    Attributes
    ----------
    name
        Name to show.
    model
        The model that found the nuclei, as in `ShelfModel.source`; empty if a person drew them.
    layer
        Labels layer of the nuclei.
    slide
        Image layer of the slide.
    region
        (y0, x0, y1, x1) in level-0 pixels of the slide.
    type_names
        Names of the nucleus types, background first; empty if the nuclei have no types.
    """

    name: str
    model: str
    layer: Labels
    slide: Image
    region: Box
    type_names: tuple[str, ...]


class Shelf:
    """The models and results of one viewer; `shelf_of` returns it.

    The packaged models are on the shelf from the start, and so are the model files that were opened last, if they
    exist. A Labels layer whose metadata has the keys of `result_metadata` joins the shelf by itself when it is added to
    the viewer, so that readers and sample data need no shelf. A result leaves the shelf when its layer or the layer of
    its slide is removed from the viewer.

    Parameters
    ----------
    viewer
        The viewer whose layers are followed.

    Attributes
    ----------
    models_changed, results_changed
        Signals without arguments.
    """

    models_changed = Signal()
    results_changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._models = {name: ShelfModel(name, name) for name in packaged_models()}
        for path in read_preferences().recent_models:
            if Path(path).is_file():
                self._models[path] = ShelfModel(path, self._make_name(Path(path)))
        self._results: list[ShelfResult] = []
        self._layers = viewer.layers
        events = viewer.layers.events
        events.inserted.connect(self._adopt_layers)
        events.removed.connect(self._drop_layer)
        self._adopt_layers()

    @property
    def models(self) -> tuple[ShelfModel, ...]:
        """The models, packaged ones first, then in the order in which they were added."""
        return tuple(self._models.values())

    @property
    def results(self) -> tuple[ShelfResult, ...]:
        """The results, oldest first."""
        return tuple(self._results)

    def add_model(self, source: str | Path) -> ShelfModel:
        """Put a model on the shelf.

        Parameters
        ----------
        source
            Name of a packaged model, or path of a model file. The file is not read.

        Returns
        -------
        ShelfModel
            The new model, or the one that is on the shelf already.
        """
        key = str(source) if str(source) in self._models else str(Path(source).expanduser().absolute())
        if key not in self._models:
            self._models[key] = ShelfModel(key, self._make_name(Path(key)))
            self.models_changed.emit()
        return self._models[key]

    def add_result(self, result: ShelfResult) -> None:
        """Put a result on the shelf; an older one of the same layer is replaced."""
        layer, slide = unwrap(result.layer), unwrap(result.slide)
        result = ShelfResult(result.name, result.model, layer, slide, result.region, result.type_names)
        self._results = [other for other in self._results if other.layer is not layer]
        self._results.append(result)
        self.results_changed.emit()

    def _make_name(self, path: Path) -> str:
        """Return the stem of a file, with its folder if the name alone is taken."""
        taken = {model.name for model in self.models}
        name = path.stem if path.suffix == ".safetensors" else path.name
        number, candidate = 2, name
        while candidate in taken:
            candidate, number = (
                (f"{name} ({path.parent.name})", number) if candidate == name else (f"{name} ({number})", number + 1)
            )
        return candidate

    def _adopt_layers(self, event: object = None) -> None:
        """Put finished results among the layers on the shelf whose slide is in the viewer too."""
        del event
        known = {id(result.layer) for result in self._results}
        for layer in self._layers:
            if isinstance(layer, Labels) and id(layer) not in known and layer.metadata.get("is_finished"):
                result = _describe_layer(layer, self._layers)
                if result is not None:
                    self.add_result(result)

    def _drop_layer(self, event: Any) -> None:  # noqa: ANN401 - napari has no types
        gone = unwrap(event.value)
        kept = [result for result in self._results if result.layer is not gone and result.slide is not gone]
        if len(kept) < len(self._results):
            self._results = kept
            self.results_changed.emit()


def result_metadata(
    model: str, slide: str, region: Box, type_names: tuple[str, ...], *, is_finished: bool = True
) -> dict[str, Any]:
    """Return the metadata of a Labels layer that makes it a result.

    Parameters
    ----------
    model
        As in `ShelfResult.model`.
    slide
        Name of the image layer of the slide.
    region
        (y0, x0, y1, x1) in level-0 pixels of the slide.
    type_names
        Names of the nucleus types, background first.
    is_finished
        Whether the layer holds all nuclei of the region.

    Examples
    --------
    >>> sorted(result_metadata("hovernet-s", "slide", (0, 0, 9, 9), ()))
    ['is_finished', 'model', 'region', 'slide', 'type_names']
    """
    return {"model": model, "slide": slide, "region": region, "type_names": type_names, "is_finished": is_finished}


_SHELVES: WeakKeyDictionary[ViewerModel, Shelf] = WeakKeyDictionary()


def shelf_of(viewer: ViewerModel) -> Shelf:
    """Return the shelf of a viewer; the same object for all its docks."""
    viewer = unwrap(viewer)
    if viewer not in _SHELVES:
        _SHELVES[viewer] = Shelf(viewer)
    return _SHELVES[viewer]


def unwrap(thing: Any) -> Any:  # noqa: ANN401 - viewers and layers
    """Return a viewer or layer without the proxy that napari hands to plugins, so that ``is`` compares it."""
    return getattr(thing, "__wrapped__", thing)


def _describe_layer(layer: Labels, layers: Any) -> ShelfResult | None:  # noqa: ANN401 - napari has no types
    """Return the result that the metadata of a layer describe, or None if its slide is not in the viewer."""
    facts = layer.metadata
    slide = next((other for other in layers if isinstance(other, Image) and other.name == facts.get("slide")), None)
    if slide is None or len(facts.get("region", ())) != 4:
        return None
    y0, x0, y1, x1 = (int(side) for side in facts["region"])
    types = tuple(str(name) for name in facts.get("type_names", ()))
    return ShelfResult(layer.name, str(facts.get("model", "")), layer, slide, (y0, x0, y1, x1), types)
