"""Dataclasses and flat tables are converted both ways, and mistakes in a table are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest

from napari_pathprune.workflows.config.toml_settings import (
    OMIT,
    change_settings,
    list_keys,
    make_settings,
    make_table,
)


@dataclass(frozen=True)
class Inner:
    mode: Literal["fast", "slow"] = "fast"
    hidden: int = 0
    caps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outer:
    RENAMED: ClassVar[Mapping[str, str]] = {"old_size": "size"}

    size: int
    share: float = 0.5
    names: tuple[str, ...] = ()
    inner: Inner = field(default=Inner("slow"), metadata={OMIT: ("hidden",)})

    def __post_init__(self) -> None:
        if self.share > 1.0:
            raise ValueError(f"got share = {self.share}; expected 1 or less")


def test_nested_fields_stand_in_the_same_table() -> None:
    keys = list_keys(Outer)
    assert list(keys) == ["size", "share", "names", "mode", "caps"]
    assert keys["size"].is_required
    assert (keys["mode"].owner, keys["mode"].default) == ("inner", "slow")


def test_a_table_makes_settings_and_settings_make_a_table() -> None:
    table = {"size": 3, "names": ["a", "b"], "mode": "fast", "caps": ["d0.*=0.5"]}
    settings = make_settings(Outer, table, "x.toml")
    assert settings == Outer(3, names=("a", "b"), inner=Inner("fast", caps={"d0.*": 0.5}))
    written = make_table(settings)
    assert written == {"size": 3, "share": 0.5, "names": ("a", "b"), "mode": "fast", "caps": ("d0.*=0.5",)}
    assert make_settings(Outer, written, "x.toml") == settings


def test_caps_may_be_a_table() -> None:
    assert make_settings(Inner, {"caps": {"d0.*": 0.5}}, "x.toml").caps == {"d0.*": 0.5}


def test_old_keys_are_read() -> None:
    assert make_settings(Outer, {"old_size": 4}, "x.toml").size == 4


def test_the_default_of_a_nested_field_is_that_of_its_owner() -> None:
    assert make_settings(Outer, {"size": 1}, "x.toml").inner.mode == "slow"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (3, r"x\.toml has 3 in the place of a table"),
        ({"size": 1, "sise": 2}, "unknown setting 'sise'; expected one of size, share"),
        ({"size": 1, "hidden": 2}, "unknown setting 'hidden'"),
        ({}, r"x\.toml: size is missing; expected a whole number"),
        ({"size": True}, "got size = True; expected a whole number"),
        ({"size": 1, "share": "half"}, "got share = 'half'; expected a number"),
        ({"size": 1, "names": "a"}, "got names = 'a'; expected a list of strings"),
        ({"size": 1, "mode": "medium"}, 'got mode = \'medium\'; expected one of "fast", "slow"'),
        ({"size": 1, "caps": ["d0"]}, r"x\.toml: got the cap 'd0'; give GLOB=R"),
        ({"size": 1, "old_size": 1}, "both 'size' and its old name"),
        ({"size": 1, "share": 2.0}, r"x\.toml: got share = 2\.0; expected 1 or less"),
    ],
)
def test_a_mistake_is_named(table: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_settings(Outer, table, "x.toml")


def test_changes_reach_nested_settings() -> None:
    changes: dict[str, Any] = {"share": 0.25, "caps": ("a=0.5",)}
    changed = change_settings(Outer(1, inner=Inner(hidden=7)), changes)
    assert changed == Outer(1, 0.25, inner=Inner(hidden=7, caps={"a": 0.5}))
    with pytest.raises(KeyError):
        change_settings(Outer(1), {"sise": 2})
