"""Report of a compression: a single HTML file without external resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from napari_pathprune.base.score_names import UNKNOWN, format_score, score_name
from napari_pathprune.base.time_left import format_duration
from napari_pathprune.workflows.compress.compress_report import CompressReport, Example, Stage, Width
from napari_pathprune.workflows.report.page import embed_picture, write_page
from napari_pathprune.workflows.report.report_pictures import draw_outlines, draw_score_plot, has_score_below_plot
from napari_pathprune.workflows.report.report_words import (
    count_things,
    format_change,
    format_count,
    format_setting,
    summarise,
)
from napari_pathprune.workflows.unlabelled.slide_windows import is_summary

_PQ: Final = (
    "PQ, the panoptic quality, is the detection quality times the mean overlap of the matched nuclei. It ranges from 0 "
    "to 1, and higher is better."
)


def write_report(report: CompressReport, path: Path) -> None:
    """Write the report of a compression as a single HTML file that can be mailed, printed and opened offline.

    Parameters
    ----------
    report
        Figures of the compression. Without scores the report has no plot.
    path
        File to write; replaced only when the new report is complete.

    Raises
    ------
    OSError
        If the file cannot be written, such as on a full disk.

    Examples
    --------
    >>> import tempfile
    >>> dense, small = (Stage(n, 0.6 * n, 100 - 60 * n, 1000 - 700 * n, {}, {}, 0, 9.0) for n in (0, 1))
    >>> path = Path(tempfile.mkdtemp()) / "report.html"
    >>> write_report(CompressReport("big", "small", {}, (dense, small), 1, 256, ()), path)
    >>> "has 40.0 of 100 parameters (40.0%)" in path.read_text(encoding="utf-8")
    True
    """
    write_page(f"{report.model} compressed", _render_body(report), path)


def _render_body(report: CompressReport) -> Iterable[str]:
    yield f"<h1>{escape(report.model)} compressed</h1>"
    yield f"<p>{escape(summarise(report))}</p>"
    if report.kept:
        yield f'<dl class="key">{"".join(_render_key_figures(report))}</dl>'
    if report.dense.scores:
        yield from _render_plot(report)
    yield from _render_stages(report)
    if report.examples:
        yield "<h2>Examples</h2>"
        yield from map(_render_example, report.examples)
    if report.kept and report.widths:
        yield from _render_widths(report.widths)
    if report.settings:
        yield from _render_settings(report.settings)
    if report.train_images or report.validation_images:
        yield "<h2>Images</h2>"
        yield from _render_names("training", report.train_images)
        yield from _render_names("validation", report.validation_images)
    now = datetime.now().astimezone()
    software = ", ".join(f"{name} {escape(version(name))}" for name in ("napari-pathprune", "torch"))
    when = f'<time datetime="{now:%Y-%m-%dT%H:%M%z}">{now:%d %B %Y, %H:%M}</time>'
    yield f"<footer>Written by {software} on {when}.</footer>"


def _render_key_figures(report: CompressReport) -> Iterable[str]:
    """Yield boxes with the costs and the scores before and after."""
    old, new = report.dense, report.compact
    for title, before, after in (("Parameters", old.params, new.params), ("MACs per patch", old.macs, new.macs)):
        yield _render_key_figure(title, format_count(before), format_count(after), f"{after / before:.1%} kept")
    for name, score in old.scores.items():
        yield _render_key_figure(
            score_name(name), format_score(score), format_score(new.scores.get(name)), format_change(new, old, name)
        )


def _render_key_figure(title: str, before: str, after: str, change: str) -> str:
    return f"<div><dt>{escape(title)}</dt><dd>{before} → {after}</dd><dd>{change}</dd></div>"


def _render_plot(report: CompressReport) -> Iterable[str]:
    name, score = next(iter(report.dense.scores.items()))
    title = escape(score_name(name))
    kept = f", the kept stage {report.kept} {format_score(report.compact.scores.get(name))}" if report.kept else ""
    yield "<h2>Score and size</h2>"
    yield f'<figure><img src="{embed_picture(draw_score_plot(report), "png")}" width="1080" height="475" alt="'
    yield f'{title} of each stage against its parameters and MACs: the dense model has {format_score(score)}{kept}.">'
    note = [_PQ] if name == "pq" else []
    if any(stage.scores_cut for stage in report.stages):
        note.append("A thin line connects the score straight after a cut to the score after fine-tuning.")
    if has_score_below_plot(report):
        note.append("Where the line leaves the plot, the score after the cut is lower than shown; see the table.")
    yield f"<figcaption>{' '.join(note)}</figcaption></figure>" if note else "</figure>"


def _render_stages(report: CompressReport) -> Iterable[str]:
    names = tuple(report.dense.scores)
    cut = names if any(stage.scores_cut for stage in report.stages) else ()
    rows = 'scope="col" rowspan="2"' if names else 'scope="col"'
    yield '<h2>Stages</h2><div class="wide"><table class="stages"><thead><tr>'
    yield f"<th {rows}>Stage</th><th {rows}>Removed</th><th {rows}>Parameters</th>"
    yield f"<th {rows}>MACs per&nbsp;patch of&nbsp;{report.input_px}&nbsp;px</th>"
    if cut:
        yield f'<th scope="colgroup" colspan="{len(cut)}">Straight after the cut</th>'
    if names:
        yield f'<th scope="colgroup" colspan="{len(names)}">After fine-tuning</th>'
    yield f"<th {rows}>Fine-tuning steps</th><th {rows}>Time</th></tr>"
    if names:
        heads = "".join(f'<th scope="col">{escape(score_name(name))}</th>' for name in (*cut, *names))
        yield f"<tr>{heads}</tr>"
    yield "</thead><tbody>"
    for stage in report.stages:
        yield _render_stage(stage, cut, names, kept=stage.number == report.kept > 0)
    yield "</tbody></table></div>"


def _render_stage(stage: Stage, cut: Sequence[str], names: Sequence[str], *, kept: bool) -> str:
    number = f"{stage.number}, kept" if kept else f"{stage.number or 'dense'}"
    cells = [
        f"<td>{stage.removed:.1%}</td><td>{stage.params:,}</td><td>{format_count(stage.macs)}</td>",
        *(f'<td class="cut">{format_score(stage.scores_cut.get(name))}</td>' for name in cut),
        *(f"<td>{format_score(stage.scores.get(name))}</td>" for name in names),
        f"<td>{f'{stage.fit_steps:,}' if stage.number else UNKNOWN}</td><td>{format_duration(stage.seconds)}</td>",
    ]
    mark = ' class="kept"' if kept else ""
    return f'<tr{mark}><th scope="row">{number}</th>{"".join(cells)}</tr>'


def _render_example(example: Example) -> str:
    name = escape(example.name)
    panels: tuple[tuple[str, NDArray[np.int32], float | None], ...] = (
        ("Annotation", example.truth, None),
        ("Dense model", example.dense, example.dense_pq),
        ("Compact model", example.compact, example.compact_pq),
    )
    if example.is_agreement:
        panels = (("Parent model", example.truth, None), ("Compact model", example.compact, example.compact_pq))
    shown = []
    for title, labels, pq in panels:
        count = np.count_nonzero(np.unique(labels))
        text = f"{title}: {count:,} {'nucleus' if count == 1 else 'nuclei'}"
        score = "" if pq is None else f", PQ {format_score(pq)}{' (agreement)' if example.is_agreement else ''}"
        uri = embed_picture(draw_outlines(example.image, labels), "jpeg")
        shown.append(f'<div><img src="{uri}" alt="{name}, nuclei outlined: {title.lower()}"><p>{text}{score}</p></div>')
    return f'<figure><div class="panels">{"".join(shown)}</div><figcaption>{name}</figcaption></figure>'


def _render_widths(widths: Sequence[Width]) -> Iterable[str]:
    """Yield a bar for each channel group with the share of its channels that was kept."""
    yield "<h2>Widths of the channel groups</h2>"
    yield '<p class="note">Each bar is a group of channels that are cut together; the filled part was kept. '
    yield '<strong class="skip">Skip groups</strong> cross an addition, '
    yield '<strong class="internal">internal groups</strong> do not.</p><ul class="widths">'
    for width in widths:
        kind = "skip" if width.kind == "skip" else "internal"
        filled = 100.0 * width.after / max(width.before, 1)
        yield f'<li><span class="{kind}">{escape(width.name)}</span>'
        yield '<svg viewBox="0 0 100 9" preserveAspectRatio="none" aria-hidden="true">'
        yield f'<rect class="full" width="100" height="9"/><rect class="{kind}" width="{filled:.1f}" height="9"/></svg>'
        yield f"<span>{width.before:,} → {width.after:,}</span></li>"
    yield "</ul>"


def _render_settings(settings: Mapping[str, object]) -> Iterable[str]:
    yield '<h2>Settings</h2><table class="settings"><tbody>'
    for name, value in settings.items():
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(format_setting(value))}</td></tr>'
    yield "</tbody></table>"


def _render_names(kind: str, names: Sequence[str]) -> Iterable[str]:
    if names:
        items = "".join(f"<li>{escape(name)}</li>" for name in names)
        noun = "slide" if all(map(is_summary, names)) else "image"
        yield f"<details><summary>{count_things(len(names), f'{kind} {noun}')}</summary>"
        yield f'<ul class="names">{items}</ul></details>'
