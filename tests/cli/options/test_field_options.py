"""Options have the names, types, defaults and help of the fields of a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from napari_pathprune.cli.options.field_options import (
    FieldOptions,
    Given,
    describe_fields,
    expand_options,
    take_options,
)


@dataclass
class Settings:
    """Settings of a test.

    Attributes
    ----------
    rate : float
        Highest rate, such as ``1e-3``. It falls
        later.

        A second paragraph.
    first, second
        Words.
    caps
        Name of a group to its limit.

    Raises
    ------
    ValueError
        Never.
    """

    rate: float = 2e-3
    first: Literal["a", "b"] | None = None
    second: str = "word"
    caps: Mapping[str, float] = field(default_factory=dict)


SEEN: list[dict[str, Any]] = []


def options() -> Mapping[str, FieldOptions]:
    return {
        "settings": FieldOptions(
            Settings,
            names={"caps": "cap"},
            notes={"caps": "Repeatable."},
            metavars={"caps": "NAME=R"},
            parse={"caps": tuple},
            show_defaults=True,
        )
    }


@take_options(options)
def try_it(model: Annotated[str, typer.Argument()], settings: Given, out: str = "out") -> None:
    """Try it."""
    SEEN.append({"model": model, "settings": settings, "out": out})


@pytest.fixture
def invoke():
    SEEN.clear()
    app = typer.Typer()
    app.command()(expand_options(try_it))
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_a_docstring_describes_the_fields() -> None:
    assert describe_fields(Settings) == {
        "rate": "Highest rate, such as `1e-3`. It falls later. A second paragraph.",
        "first": "Words.",
        "second": "Words.",
        "caps": "Name of a group to its limit.",
    }
    assert describe_fields(int) == {}


def test_the_help_is_the_first_sentence_with_notes_and_defaults() -> None:
    (group,) = options().values()
    shown = {one.name: one.annotation.__metadata__[0] for one in group.parameters()}
    assert {name: option.help for name, option in shown.items()} == {
        "rate": "Highest rate, such as `1e-3`. Default: 0.002.",
        "first": "Words.",
        "second": "Words. Default: word.",
        "cap": "Name of a group to its limit. Repeatable.",
    }
    assert shown["cap"].metavar == "NAME=R"


def test_a_verb_takes_what_was_given(invoke) -> None:
    assert invoke("tiny", "--rate", "0.5", "--cap", "a=1", "--cap", "b=0", "--out", "x").exit_code == 0
    assert SEEN == [{"model": "tiny", "settings": {"rate": 0.5, "caps": ("a=1", "b=0")}, "out": "x"}]


def test_what_was_not_given_is_left_to_the_dataclass(invoke) -> None:
    assert invoke("tiny").exit_code == 0
    assert SEEN[0]["settings"] == {}


def test_values_have_the_type_of_the_field(invoke) -> None:
    assert invoke("tiny", "--rate", "fast").exit_code == 2
    assert SEEN == []


def test_options_can_be_left_out_without_looking_at_the_dataclass() -> None:
    @take_options(lambda: pytest.fail("imported"))
    def verb(model: str, settings: Given) -> None:
        """Do nothing."""

    app = typer.Typer()
    app.command()(expand_options(verb, drop=True))
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert "settings" not in shown.output


def test_a_verb_without_settings_stays_as_it_is() -> None:
    assert expand_options(print) is print
