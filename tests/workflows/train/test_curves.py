"""Curves are drawn at their values, phase after phase, with gaps where values are missing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from napari_pathprune.workflows.train import curves
from napari_pathprune.workflows.train.curves import draw_curves

STEPS = "phase,step,learning_rate,seconds,total,np_ce,hv_mse"
SCORES = "phase,step,pq,aji,best"
BLUE = (0x1F, 0x77, 0xB4)
"""Colour of the first loss term and of the first score."""


def table(path: Path, head: str, rows: list[str]) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def steps(folder: Path, phases: list[int], loss: float = 1.0) -> Path:
    rows = [
        f"{phase},{step},{1e-3 / phase},0.5,{1.5 * loss / step**0.2},{loss / step**0.2},{0.5 * loss / step**0.2}"
        for phase, length in enumerate(phases, start=1)
        for step in range(1, length + 1)
    ]
    return table(folder / "steps.csv", STEPS, rows)


def drawn(folder: Path, steps_csv: Path, validation_csv: Path | None = None) -> NDArray[np.int64]:
    out = folder / "curves.png"
    draw_curves(steps_csv, out, validation_csv=validation_csv)
    assert not list(folder.glob("*.part"))
    picture = cv2.imread(str(out))[..., ::-1].astype(np.int64)
    assert picture.shape[1] == 1300
    return picture


def where(picture: NDArray[np.int64], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.abs(picture - np.array(colour)).sum(axis=2) < 12


def test_a_decreasing_loss_is_drawn_downwards(tmp_path: Path) -> None:
    picture = drawn(tmp_path, steps(tmp_path, [3000]))
    y, x = np.nonzero(where(picture, BLUE)[:, :1160])  # left of the legend
    assert x.max() - x.min() > 800
    assert y[x > x.max() - 20].mean() > y[x < x.min() + 20].mean() + 100


@pytest.mark.parametrize("phases", [[1], [2], [1, 1], [60], [5000], [300, 5, 900]])
def test_any_number_of_steps(tmp_path: Path, phases: list[int]) -> None:
    picture = drawn(tmp_path, steps(tmp_path, phases))
    assert where(picture, BLUE)[:, :1160].sum() >= 4


def test_phases_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[NDArray[np.float64]] = []
    ends: list[float] = []

    class Spied(curves.Figure):  # type: ignore[misc]
        def savefig(self, *args: object, **kwargs: object) -> None:
            for axes in self.axes:
                shown = [line for line in axes.lines if len(line.get_xdata()) == 2 and np.ptp(line.get_xdata()) == 0]
                ends.extend(float(line.get_xdata()[0]) for line in shown)
                lines.extend(line.get_xdata() for line in axes.lines if line not in shown)
            super().savefig(*args, **kwargs)

    monkeypatch.setattr(curves, "Figure", Spied)
    validation = table(
        tmp_path / "v.csv", SCORES, ["1,30,0.2,0.1,1", "2,10,0.2,0.2,1", "2,20,0.3,0.2,1", "2,50,0.25,0.2,0"]
    )
    drawn(tmp_path, steps(tmp_path, [30, 50, 40]), validation)
    assert ends == [30.5, 80.5] * 3
    spans = {(int(x.min()), int(x.max())) for x in lines if len(x)}
    assert spans == {(1, 30), (31, 80), (81, 120), (30, 30), (40, 80), (30, 50)}
    best = next(x for x in lines if (int(x.min()), int(x.max())) == (30, 50))
    assert np.array_equal(best, [30, 50])


def test_missing_values_leave_gaps(tmp_path: Path) -> None:
    rows = [f"1,{i},1e-3,0.5,{'nan' if i == 5 else 2.0},{'' if 300 < i < 700 else 1.0},inf" for i in range(1, 1001)]
    picture = drawn(tmp_path, table(tmp_path / "steps.csv", STEPS, rows))
    columns = np.flatnonzero(where(picture, BLUE)[:, :1160].any(axis=0))
    gap = np.diff(columns).max()
    assert 0.3 < gap / (columns.max() - columns.min()) < 0.45


def test_smoothing_ignores_missing_values() -> None:
    values = np.full(500, 2.0)
    values[100:200] = np.nan
    smooth = curves._smooth(values)
    assert np.isnan(smooth[110:190]).all()
    assert np.allclose(smooth[np.isfinite(smooth)], 2.0)
    assert np.isfinite(smooth[np.isfinite(values)]).all()
    noise = np.random.default_rng(3).normal(size=5000)
    assert curves._smooth(noise).std() < 0.2 * noise.std()


def test_a_table_without_any_value_is_drawn(tmp_path: Path) -> None:
    validation = table(tmp_path / "v.csv", SCORES, ["1,1,nan,,0"])
    picture = drawn(tmp_path, table(tmp_path / "steps.csv", STEPS, ["1,1,,,,nan,"]), validation)
    assert (picture.min(axis=2) < 128).sum() > 500  # the axes


def test_a_loss_may_be_zero_or_negative(tmp_path: Path) -> None:
    rows = [f"1,{i},1e-3,0.5,{1 - i / 50},{-i / 50},0" for i in range(1, 101)]
    picture = drawn(tmp_path, table(tmp_path / "steps.csv", STEPS, rows))
    assert where(picture, BLUE)[:, :1160].sum() > 500


def test_scores_are_drawn_if_there_are_any(tmp_path: Path) -> None:
    log = steps(tmp_path, [100])
    without = drawn(tmp_path, log)
    assert np.array_equal(drawn(tmp_path, log, tmp_path / "not-yet.csv"), without)
    assert np.array_equal(drawn(tmp_path, log, table(tmp_path / "v.csv", SCORES, [])), without)
    rows = [f"1,{step},{0.5 + step / 1000},{0.4},{int(step < 60)}" for step in (20, 40, 60, 80)]
    scored = drawn(tmp_path, log, table(tmp_path / "v.csv", SCORES, rows))
    assert scored.shape[0] > without.shape[0] + 200
    lower = where(scored, BLUE)[without.shape[0] :, :1160]
    assert lower.sum() > 300


def test_the_best_score_is_marked_at_its_step(tmp_path: Path) -> None:
    log = steps(tmp_path, [100])
    places = []
    for best in (20, 80):
        rows = [f"1,{step},0.5,0.4,{int(step == best)}" for step in (20, 40, 60, 80)]
        picture = drawn(tmp_path, log, table(tmp_path / "v.csv", SCORES, rows))
        places.append(picture[700:, 110:1150])
    changed = np.flatnonzero((places[0] != places[1]).any(axis=(0, 2)))
    left, right = changed[changed < 500], changed[changed >= 500]
    assert len(left) > 8
    assert len(right) > 8
    assert 0.55 < (right.mean() - left.mean()) / 1000 < 0.65  # 60 of 102 steps apart


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'phase'"),
        ("phase,loss\n1,2\n", "no column 'step'"),
        (STEPS + "\n", "holds no steps yet"),
        (STEPS + "\n1,1,1e-3,0.5,1,1,1\n1,2,1e-3,0.5,one,1,1\n", "line 3: could not convert string to float: 'one'"),
        (STEPS + "\n1\n", "line 2"),
    ],
)
def test_a_file_that_is_not_a_log_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "steps.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"steps\.csv") as error:
        draw_curves(tmp_path / "steps.csv", tmp_path / "curves.png")
    assert message in str(error.value)
    assert not (tmp_path / "curves.png").exists()
