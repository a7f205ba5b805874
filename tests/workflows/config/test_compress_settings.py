"""Settings of a compression are checked, and divide cuts and fine-tuning steps."""

from __future__ import annotations

import math
from typing import Any

import pytest

from napari_pathprune.pruning import Limits, Target
from napari_pathprune.workflows.config.compress_settings import CompressSettings
from napari_pathprune.workflows.config.toml_settings import list_keys, make_settings, make_table


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": Target("macs", 1.0)}, "keep = 1; expected a share of the macs below 1"),
        ({"scope": "everywhere"}, "got scope 'everywhere'; expected one of local, global"),
        ({"schedule": "square"}, "got schedule 'square'; expected one of linear, cubic"),
        ({"criterion": "l7"}, "got criterion 'l7'; expected one of .*, taylor"),
        ({"decider": "nobody"}, "got decider 'nobody'; expected one of producers"),
        ({"last_share": 1.5}, r"last_share = 1\.5; expected a share from 0 to 1"),
        ({"steps": 2, "step_ratio": 0.1}, "got both steps and step_ratio"),
        ({"steps": 0}, "got 0 steps"),
        ({"allowed_drop": math.nan}, "allowed_drop = nan; expected 0 or more"),
        ({"recalibrate": -1}, "recalibrate = -1; expected 0 or more"),
    ],
)
def test_a_value_out_of_range_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CompressSettings(**changes)


@pytest.mark.parametrize(("steps", "total"), [(1, 100), (2, 100), (7, 100), (14, 3)])
def test_fine_tuning_steps_are_divided_without_loss(steps: int, total: int) -> None:
    shares = CompressSettings(steps=steps).divide_steps(total)
    assert len(shares) == steps
    assert min(shares) >= 1
    assert sum(shares) == max(total, steps)


def test_the_steps_of_the_paper() -> None:
    targets = CompressSettings(Target("channels", keep=0.32), step_ratio=0.05).targets()
    assert [target.ratio for target in targets] == pytest.approx([0.05 * number for number in range(1, 14)] + [0.68])


def test_a_cubic_schedule_removes_most_at_first() -> None:
    keeps = [target.keep for target in CompressSettings(steps=3, schedule="cubic").targets()]
    cuts = [before - after for before, after in zip([1.0, *keeps], keeps, strict=False)]
    assert cuts == sorted(cuts, reverse=True)
    assert keeps[-1] == 0.1


def test_the_table_is_flat_and_keeps_the_keys_of_before() -> None:
    keys = list(list_keys(CompressSettings))
    assert keys == [
        *("measure", "keep", "max_skip_ratio", "round_to", "min_channels", "caps", "scope", "steps", "step_ratio"),
        *(
            "schedule",
            "criterion",
            "decider",
            "recalibrate",
            "last_share",
            "allowed_drop",
            "score_cuts",
            "seed",
            "plan",
        ),
    ]
    assert set(CompressSettings.RENAMED.values()) <= set(keys)
    assert not set(CompressSettings.RENAMED) & set(keys)


def test_old_and_new_keys_mean_the_same() -> None:
    old = make_settings(CompressSettings, {"left": 0.2, "judge_cuts": True, "caps": ["a=0.5"]}, "old.toml")
    new = CompressSettings(Target("params", keep=0.2), limits=Limits(caps={"a": 0.5}), score_cuts=True)
    assert old == new
    assert make_settings(CompressSettings, make_table(new), "new.toml") == new
