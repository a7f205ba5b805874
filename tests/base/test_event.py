"""Every event of every workflow reports its progress in the same way."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from types import UnionType
from typing import get_args

import pytest

import napari_pathprune
from napari_pathprune.base.event import Event

ROOMS = ("napari_pathprune.training", "napari_pathprune.workflows")
ATTRIBUTES = sorted(name for name, value in vars(Event).items() if isinstance(value, property))


def find_unions() -> dict[str, UnionType]:
    """Return the unions of event classes (``SegmentEvent`` and so on) by name."""
    names = [module.name for module in pkgutil.walk_packages(napari_pathprune.__path__, "napari_pathprune.")]
    contents = [vars(importlib.import_module(name)) for name in names if name.startswith(ROOMS)]
    pairs = [pair for content in contents for pair in content.items()]
    return {name: value for name, value in pairs if name.endswith("Event") and isinstance(value, UnionType)}


UNIONS = find_unions()
CLASSES = sorted({kind for union in UNIONS.values() for kind in get_args(union)}, key=lambda kind: kind.__name__)


def test_the_protocol_has_four_attributes() -> None:
    assert ATTRIBUTES == ["done", "is_milestone", "line", "total"]


def test_every_workflow_with_progress_names_its_events() -> None:
    assert set(UNIONS) >= {"CompressEvent", "DemoEvent", "EvaluateEvent", "FitEvent", "SegmentEvent"}
    assert len(CLASSES) > 8


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_event_is_a_frozen_dataclass_with_the_attributes_of_the_protocol(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    fields = {field.name for field in dataclasses.fields(kind)}
    own = [base for base in kind.__mro__ if base is not Event]
    properties = {name for base in own for name, value in vars(base).items() if isinstance(value, property)}
    missing = [name for name in ATTRIBUTES if name not in fields | properties]
    assert not missing
