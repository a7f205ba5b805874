"""Types get names in the order of the model, and a model is recognised by its earlier names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from napari_pathprune.models.hovernet.hovernet_foreign import default_type_names
from napari_pathprune.workflows.checkpoint import Checkpoint, load, save
from napari_pathprune.workflows.train.named_types import have_same_types, identify, name_types

NAMES = ("background", "neoplastic", "inflammatory")


@pytest.fixture
def imported(checkpoint: Checkpoint) -> Checkpoint:
    lineage = ({"step": "imported", "file": "hovernet.tar"},)
    return dataclasses.replace(checkpoint, type_names=default_type_names(3), lineage=lineage)


def test_names_are_given_in_order_and_recorded_in_the_lineage(imported: Checkpoint, tmp_path: Path) -> None:
    save(name_types(imported, NAMES), tmp_path / "model.safetensors")
    given = load(tmp_path / "model.safetensors")
    assert given.type_names == NAMES
    assert given.lineage[1:] == ({"step": "types named", "before": ["background", "type 1", "type 2"]},)
    assert name_types(given, NAMES) is given
    assert name_types(given, ()) is given


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES[1:], r"has 2 type_names, but the model has 3 types, background, type 1, type 2: give as many names"),
        ((*NAMES, "dead"), r"has 4 type_names, but the model has 3 types"),
        (("background", "type 2", "type 1"), r"names type 1 'type 2', but that is type 2 of the model: keep its order"),
    ],
)
def test_names_that_do_not_fit_are_refused(imported: Checkpoint, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        name_types(imported, names)


def test_an_untyped_model_takes_no_names(imported: Checkpoint) -> None:
    with pytest.raises(ValueError, match="the model is untyped: remove type_names"):
        name_types(dataclasses.replace(imported, type_names=()), NAMES)


def test_a_model_is_recognised_by_its_earlier_names(imported: Checkpoint) -> None:
    one, other = name_types(imported, NAMES), name_types(imported, ("background", "epithelial", "spindle"))
    assert have_same_types(imported, one)
    assert have_same_types(one, imported)
    assert have_same_types(one, dataclasses.replace(imported, type_names=("Background", "NEOPLASTIC", "inflammatory")))
    assert not have_same_types(one, other)
    assert not have_same_types(imported, dataclasses.replace(imported, type_names=NAMES))
    stranger = dataclasses.replace(imported, lineage=({"step": "imported", "file": "another.tar"},))
    assert not have_same_types(stranger, one)  # both had a type 1 once, which need not have been the same


def test_names_are_part_of_the_identity_of_a_model(imported: Checkpoint) -> None:
    one, other = name_types(imported, NAMES), name_types(imported, ("background", "epithelial", "spindle"))
    assert identify(imported) == imported.fingerprint()
    assert len({identify(model) for model in (imported, one, other)}) == 3
