"""Words and numbers of the report of a compression."""

from __future__ import annotations

import math

from napari_pathprune.base.score_names import UNKNOWN, format_score, format_scores, is_agreement, score_name
from napari_pathprune.base.time_left import format_duration
from napari_pathprune.workflows.compress.compress_report import CompressReport, Stage


def format_count(value: float) -> str:
    """Return a count with three significant digits and a unit, separated by a no-break space.

    Examples
    --------
    >>> [format_count(value).split() for value in (37_640_000, 98_000_000_000, 999_600, 950)]
    [['37.6', 'M'], ['98.0', 'G'], ['1.00', 'M'], ['950']]
    """
    unit, letter = _find_unit(value)
    return f"{value / unit:#.3g}".rstrip(".") + letter


def format_tick(value: float) -> str:
    """Return a round count with a unit and without trailing zeros, for the axis of a plot.

    Examples
    --------
    >>> format_tick(2_000_000).split()
    ['2', 'M']
    """
    unit, letter = _find_unit(value)
    return f"{value / unit:g}{letter}"


def _find_unit(value: float) -> tuple[float, str]:
    for unit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * unit:
            return unit, f"\N{NO-BREAK SPACE}{letter}"
    return 1.0, ""


def count_things(count: int, noun: str) -> str:
    """Return a number of things, the noun in the singular or the plural.

    Examples
    --------
    >>> count_things(1, "image"), count_things(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def format_setting(value: object) -> str:
    """Return the value of a setting as text.

    Examples
    --------
    >>> format_setting(True), format_setting(1e-4), format_setting(math.inf), format_setting(("a", "b"))
    ('yes', '0.0001', 'no limit', 'a, b')
    >>> format_setting(None), format_setting(())
    ('none', 'none')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, float):
        return "no limit" if value == math.inf else f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def format_change(stage: Stage, dense: Stage, name: str) -> str:
    """Return the difference between a score of a stage and that of the dense model, with its sign."""
    loss = _compute_loss(stage, dense, name)
    if not math.isfinite(loss):
        return UNKNOWN
    sign = "" if f"{abs(loss):.3f}" == "0.000" else "\N{MINUS SIGN}" if loss > 0.0 else "+"
    return f"{sign}{abs(loss):.3f}"


def _compute_loss(stage: Stage, dense: Stage, name: str) -> float:
    """Return how much lower a score is than that of the dense model; NaN if one of the two is not known."""
    return dense.scores.get(name, math.nan) - stage.scores.get(name, math.nan)


def summarise(report: CompressReport) -> str:
    """Return a paragraph about what the compression gained and lost, and why this stage was kept."""
    sentences = [
        _describe_costs(report),
        _describe_score(report),
        _explain_choice(report),
        f"The compression took {format_duration(sum(stage.seconds for stage in report.stages))}.",
    ]
    return " ".join(filter(None, sentences))


def _describe_costs(report: CompressReport) -> str:
    if not report.kept:
        return f"{report.model} was not compressed: no compact model was kept."
    old, new = report.dense, report.compact
    speed = report.describe_speed()
    return (
        f"{report.model} was compressed to {report.out}. "
        f"The compact model has {format_count(new.params)} of {format_count(old.params)} parameters "
        f"({new.params / old.params:.1%}) and needs {format_count(new.macs)} of {format_count(old.macs)} "
        f"multiply-accumulate operations (MACs) per patch of {report.input_px} px ({new.macs / old.macs:.1%})."
        f"{f' It was {speed}.' if speed else ''}"
    )


def _describe_score(report: CompressReport) -> str:
    if not report.dense.scores:
        return "It was not scored, because there were no validation images."
    if not report.kept:
        return ""
    if is_agreement(report.dense.scores):
        where, scores = ", ".join(report.validation_images), format_scores(report.compact.scores)
        return (
            f"It was compared with the nuclei that the parent model finds on {where}; {scores}"
            f"{f'; {report.ceiling}' if report.ceiling else ''}. "
            "This is not accuracy: mistakes of the parent count as right."
        )
    name = next(iter(report.dense.scores))
    loss = _compute_loss(report.compact, report.dense, name)
    if not math.isfinite(loss):
        return f"The change of its {score_name(name)} is not known."
    size = f"{abs(loss):.3f}"
    change = "no change" if size == "0.000" else f"a {'loss' if loss > 0.0 else 'gain'} of {size}"
    images = count_things(len(report.validation_images), "validation image")
    before, after = format_score(report.dense.scores[name]), format_score(report.compact.scores[name])
    return f"On {images} its {score_name(name)} went from {before} to {after}, {change}."


def _explain_choice(report: CompressReport) -> str:
    later, cuts = report.stages[report.kept + 1 :], len(report.stages) - 1
    if cuts == 0:
        return "Nothing was cut."
    if not later:
        return "The model was cut in a single step." if cuts == 1 else f"The last of {cuts} stages was kept."
    name = next(iter(report.dense.scores), "")
    losses = [loss for stage in later if math.isfinite(loss := _compute_loss(stage, report.dense, name))]
    kept = f"Stage {report.kept} was kept" if report.kept else ""
    if not losses:
        return kept and f"{kept}."
    which = f"Stage {later[0].number}" if len(later) == 1 else f"Stages {later[0].number} to {later[-1].number}"
    least = f"{min(losses):.3f}" if len(losses) == 1 else f"at least {min(losses):.3f}"
    limit = report.settings.get("allowed_drop")
    allowed = f" ({limit:g})" if isinstance(limit, float) and math.isfinite(limit) else ""
    why = f"{which} lost {least} in {score_name(name)}, more than allowed{allowed}."
    return f"{kept}. {why}" if kept else why
