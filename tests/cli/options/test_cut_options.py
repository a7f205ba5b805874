"""One target of a cut is given at most, and caps are parsed by pattern."""

from __future__ import annotations

import pytest

from napari_pathprune.cli.options.cut_options import find_target, list_names, parse_caps
from napari_pathprune.pruning import Target


def test_the_option_that_was_given_is_the_target() -> None:
    assert find_target(params=None, macs=0.5, ratio=None) == Target("macs", 0.5)
    assert find_target(ratio=0.75) == Target("channels", 0.25)
    assert find_target(faster=2.0) == Target("latency", 0.5)
    assert find_target(params=None, macs=None) is None


def test_several_options_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="give one of --params, --macs and --ratio"):
        find_target(params=0.1, macs=None, ratio=0.2)


def test_caps_are_parsed_by_pattern() -> None:
    assert parse_caps(["d0.*=0.5", "d1.*=0.25"]) == {"d0.*": 0.5, "d1.*": 0.25}


def test_names_are_listed_as_they_are_written() -> None:
    assert list_names(["steps", "step_ratio"]) == "--steps and --step-ratio"
