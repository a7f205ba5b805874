"""The words and numbers of a compression's report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from napari_pathprune.base.time_left import format_duration
from napari_pathprune.workflows.compress.compress_report import CompressReport, Stage

UNKNOWN: Final = "\N{EN DASH}"
_SCORE_NAMES: Final[Mapping[str, str]] = {
    "pq": "PQ",
    "dq": "DQ",
    "sq": "SQ",
    "aji": "AJI",
    "aji_plus": "AJI+",
    "dice": "Dice",
    "bpq": "bPQ",
    "mpq": "mPQ",
    "mpq_plus": "mPQ+",
    "f1": "F1",
}


def score_name(name: str) -> str:
    """Name a score as the field does.

    Examples
    --------
    >>> score_name("mpq_plus"), score_name("hausdorff")
    ('mPQ+', 'hausdorff')
    """
    return _SCORE_NAMES.get(name, name)


def score_text(score: float | None) -> str:
    """Write a score; a dash if it is not known."""
    return UNKNOWN if score is None or not math.isfinite(score) else f"{score:.3f}"


def short_number(value: float) -> str:
    """Write a count in three digits; the space before the unit does not break.

    Examples
    --------
    >>> [short_number(value).split() for value in (37_640_000, 98_000_000_000, 999_600, 950)]
    [['37.6', 'M'], ['98.0', 'G'], ['1.00', 'M'], ['950']]
    """
    unit, letter = _unit(value)
    return f"{value / unit:#.3g}".rstrip(".") + letter


def tick_number(value: float) -> str:
    """Write a round count, without zeros at its end."""
    unit, letter = _unit(value)
    return f"{value / unit:g}{letter}"


def _unit(value: float) -> tuple[float, str]:
    for unit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * unit:
            return unit, f"\N{NO-BREAK SPACE}{letter}"
    return 1.0, ""


def counted(count: int, noun: str) -> str:
    """Count things.

    Examples
    --------
    >>> counted(1, "image"), counted(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def setting_text(value: object) -> str:
    """Write the value of a setting.

    Examples
    --------
    >>> setting_text(True), setting_text(1e-4), setting_text(math.inf), setting_text(("a", "b")), setting_text(None)
    ('yes', '0.0001', 'no limit', 'a, b', 'none')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, float):
        return "no limit" if value == math.inf else f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def change_of(stage: Stage, dense: Stage, name: str) -> str:
    """Write how a score differs from the dense model's."""
    loss = _loss(stage, dense, name)
    if not math.isfinite(loss):
        return UNKNOWN
    sign = "" if f"{abs(loss):.3f}" == "0.000" else "\N{MINUS SIGN}" if loss > 0.0 else "+"
    return f"{sign}{abs(loss):.3f}"


def _loss(stage: Stage, dense: Stage, name: str) -> float:
    """Tell how much lower a score is than the dense model's; not a number where one of them is not known."""
    return dense.scores.get(name, math.nan) - stage.scores.get(name, math.nan)


def summary_of(report: CompressReport) -> str:
    """Tell in a paragraph what was gained and what was lost, and why this stage was kept."""
    old, new = report.dense, report.compact
    if report.kept:
        left = f"{short_number(new.params)} are left ({new.params / old.params:.1%})"
        done = f"{short_number(new.macs)} ({new.macs / old.macs:.1%})"
        sentences = [
            f"{report.model} was compressed to {report.out}.",
            f"Of {short_number(old.params)} parameters {left},",
            f"and of {short_number(old.macs)} multiply-accumulate operations (MACs) per patch of {report.input_px} px",
            f"{done}.",
        ]
    else:
        sentences = [f"{report.model} was to be compressed to {report.out}, but no compact model was kept."]
    if not old.scores:
        sentences.append("It was not scored, since there were no validation images: what was lost is not known.")
    elif report.kept:
        sentences.append(_told_loss(report))
    sentences += [
        _why_kept(report),
        f"All of it took {format_duration(sum(stage.seconds for stage in report.stages))}.",
    ]
    return " ".join(filter(None, sentences))


def _told_loss(report: CompressReport) -> str:
    name = next(iter(report.dense.scores))
    loss = _loss(report.compact, report.dense, name)
    if not math.isfinite(loss):
        return f"What it lost in {score_name(name)} is not known."
    size = f"{abs(loss):.3f}"
    change = "no change" if size == "0.000" else f"a {'loss' if loss > 0.0 else 'gain'} of {size}"
    images = counted(len(report.validation_images), "validation image")
    before, after = score_text(report.dense.scores[name]), score_text(report.compact.scores[name])
    return f"On {images} {score_name(name)} went from {before} to {after}, {change}."


def _why_kept(report: CompressReport) -> str:
    later, cuts = report.stages[report.kept + 1 :], len(report.stages) - 1
    if cuts == 0:
        return "Nothing was cut."
    if not later:
        return "It was cut in one step." if cuts == 1 else f"The last of {cuts} stages was kept."
    name = next(iter(report.dense.scores), "")
    losses = [loss for stage in later if math.isfinite(loss := _loss(stage, report.dense, name))]
    kept = f"Stage {report.kept} was kept" if report.kept else ""
    if not losses:
        return kept and f"{kept}."
    which = f"Stage {later[0].number}" if len(later) == 1 else f"Stages {later[0].number} to {later[-1].number}"
    least = f"{min(losses):.3f}" if len(losses) == 1 else f"at least {min(losses):.3f}"
    limit = report.settings.get("allowed_drop")
    allowed = f" ({limit:g})" if isinstance(limit, float) and math.isfinite(limit) else ""
    why = f"{which} lost {least} in {score_name(name)}, more than was allowed{allowed}."
    return f"{kept}. {why}" if kept else why
