"""One target of a cut is given at most, and the words of the engine are listed."""

from __future__ import annotations

import pytest

from napari_pathprune.cli.cut_options import list_choices, pick_one


def test_the_option_that_was_given_is_picked() -> None:
    assert pick_one(params=None, macs=0.0, ratio=None) == ("macs", 0.0)
    assert pick_one(params=None, macs=None) is None


def test_several_options_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="give one of --params, --macs and --step-ratio"):
        pick_one(params=0.1, macs=None, step_ratio=0.2)


def test_choices_are_those_of_the_engine() -> None:
    choices = list_choices()
    assert set(choices) == {"criterion", "decider", "scope"}
    assert "l2" in choices["criterion"]
    assert "producers" in choices["decider"]
    assert set(choices["scope"]) == {"local", "global"}
