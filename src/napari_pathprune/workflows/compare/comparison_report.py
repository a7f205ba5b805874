"""Report of a comparison: a single HTML file with numbers and pictures of the worst regions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_pathprune.base.box import Box
from napari_pathprune.base.score_names import UNKNOWN, format_score, score_name
from napari_pathprune.workflows.compare.comparison import Comparison
from napari_pathprune.workflows.compare.comparison_pictures import draw_statuses
from napari_pathprune.workflows.compare.difference import STATUS_COLOURS, find_status
from napari_pathprune.workflows.compare.disagreements import Status, describe_status
from napari_pathprune.workflows.compare.segmentation import Segmentation
from napari_pathprune.workflows.report.page import embed_picture, write_page

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_pathprune.instances.palette import Colour
    from napari_pathprune.slides.slide import Slide

PICTURES: Final = 6
"""Largest number of regions with a picture."""
_TRUTH: Final = 100
_TRUTH_COLOUR: Final = (47, 102, 144)
_STYLE: Final = """
.pair .panels { grid-template-columns: repeat(2, 1fr); }
.legend { display: flex; flex-wrap: wrap; gap: 6px 20px; list-style: none; padding: 0; margin: 0 0 14px; }
.legend i { display: inline-block; width: 12px; height: 12px; border: 1px solid #555; margin-right: 6px; }
h3 { font-size: 15px; font-weight: 600; margin: 20px 0 6px; }
"""
_SCORES: Final = (
    "PQ is DQ, the share of nuclei that are paired (IoU above 0.5), times SQ, the mean IoU of the pairs. AJI and AJI+ "
    "are Jaccard indices summed over nuclei; Dice is computed on all nuclear pixels. F1 pairs centres within 3 µm, and "
    "boundary F1 compares pixels of outlines within 1 µm. 1 is perfect, 0 is nothing."
)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A comparison and what was compared.

    Parameters
    ----------
    comparison
        The result.
    a, b
        The segmentations.
    """

    comparison: Comparison
    a: Segmentation
    b: Segmentation


def write_comparison_report(compared: Sequence[Compared], path: Path, slide: Slide | None = None) -> None:
    """Write the report of comparisons of two segmentations, and of both with an annotation.

    Parameters
    ----------
    compared
        The comparison of A and B, alone or followed by those of the annotation with A and with B.
    path
        File to write; replaced only when the new report is complete.
    slide
        The tissue in the pictures; None draws outlines on a plain background.

    Raises
    ------
    OSError
        If the file cannot be written, such as on a full disk.
    """
    one = compared[0].comparison
    write_page(f"{one.name_a} and {one.name_b} compared", _body(compared, slide), path, _STYLE)


def summarise_comparison(one: Comparison) -> str:
    """Return what a comparison found, in a few sentences."""
    rows = one.disagreements
    area = "" if one.area_mm2 is None else f" In {one.area_mm2:.3g} mm²"
    found = f"{one.name_a} has {one.nuclei_a:,} nuclei and {one.name_b} {one.nuclei_b:,}."
    parts = [
        f"{area.strip()}, {found}" if area else found,
        f"Agreed: {one.agreed:,}; only in {one.name_a}: {rows.count(Status.ONLY_A):,}; "
        f"only in {one.name_b}: {rows.count(Status.ONLY_B):,}"
        + (f"; type changed: {rows.count(Status.TYPE_CHANGED):,}." if one.has_types else "."),
        f"The scores are the accuracy of {one.name_b} against the annotation {one.name_a}."
        if one.is_truth
        else "The scores are agreement: how alike the two are, not which of them is right.",
        f"{one.agreement_line[:1].upper()}{one.agreement_line[1:]}." if one.ceiling_line else "",
    ]
    return " ".join(filter(None, parts))


def _body(compared: Sequence[Compared], slide: Slide | None) -> Iterable[str]:
    one = compared[0].comparison
    yield f"<h1>{escape(one.name_a)} and {escape(one.name_b)} compared</h1>"
    for each in compared:
        yield f"<p>{escape(summarise_comparison(each.comparison))}</p>"
    figures = [("PQ", format_score(one.panoptic.pq)), ("Dice", format_score(one.dice))]
    figures += [("agree", f"{one.agreed:,}"), ("do not agree", f"{len(one.disagreements):,}")]
    yield '<dl class="key">' + "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in figures) + "</dl>"
    yield from _scores([each.comparison for each in compared])
    yield from _types([each.comparison for each in compared])
    for each in compared:
        if each.comparison.has_types:
            yield from _confusion(each.comparison)
    if one.worst:
        yield from _worst(compared, slide)
    date = f"{datetime.now().astimezone():%Y-%m-%d %H:%M}"
    yield f"<footer>napari-pathprune {version('napari-pathprune')}, {date}</footer>"


def _scores(comparisons: Sequence[Comparison]) -> Iterable[str]:
    yield '<h2>Scores</h2><div class="wide"><table><thead><tr><th></th>'
    ceiling = comparisons[0].ceiling
    for one in comparisons:
        yield f"<th>{escape(one.word)}<br>{escape(one.name_a)}, {escape(one.name_b)}</th>"
        if one is comparisons[0] and ceiling is not None:
            yield f"<th>ceiling<br>{escape(ceiling.describe_shift())}</th>"
    yield "</tr></thead><tbody>"
    for key in comparisons[0].scores():
        cells = [f"<td>{format_score(one.scores()[key])}</td>" for one in comparisons]
        if ceiling is not None:
            cells.insert(1, f"<td>{format_score(ceiling.scores.get(key))}</td>")
        yield f'<tr><th scope="row">{escape(score_name(key))}</th>{"".join(cells)}</tr>'
    yield f'</tbody></table></div><p class="note">{_SCORES}</p>'


def _types(comparisons: Sequence[Comparison]) -> Iterable[str]:
    """Show counts and densities by type of every segmentation once; those of an annotation come first."""
    sides: dict[str, tuple[Comparison, NDArray[np.int64]]] = {}
    for one in reversed(comparisons):
        sides.setdefault(one.name_a, (one, one.by_type_a))
        sides.setdefault(one.name_b, (one, one.by_type_b))
    names = list(dict.fromkeys(name for one in comparisons for name in (one.type_names[i] for i in one.shown_types())))
    yield '<h2>Nuclei</h2><div class="wide"><table><thead><tr><th></th>'
    yield "".join(f'<th colspan="2">{escape(name)}</th>' for name in sides) + "</tr><tr><th></th>"
    yield "<th>number</th><th>per mm²</th>" * len(sides) + "</tr></thead><tbody>"
    for name in [*names, "all"] if len(names) > 1 else ["all"]:
        yield f'<tr><th scope="row">{escape(name)}</th>'
        for one, by_type in sides.values():
            is_listed = name in one.type_names
            count = int(by_type[one.type_names.index(name)] if is_listed else by_type.sum() if name == "all" else 0)
            density = one.density(count)
            yield f"<td>{count:,}</td><td>{UNKNOWN if density is None else f'{density:,.0f}'}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"


def _confusion(one: Comparison) -> Iterable[str]:
    shown = [index for index in one.shown_types() if one.confusion[index].any() or one.confusion[:, index].any()]
    yield f"<h3>Types of the pairs: {escape(one.name_a)} (rows), {escape(one.name_b)} (columns)</h3>"
    yield '<div class="wide"><table><thead><tr><th></th>'
    yield "".join(f"<th>{escape(one.type_names[index])}</th>" for index in shown) + "</tr></thead><tbody>"
    for row in shown:
        cells = "".join(f"<td>{one.confusion[row, column]:,}</td>" for column in shown)
        yield f'<tr><th scope="row">{escape(one.type_names[row])}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _worst(compared: Sequence[Compared], slide: Slide | None) -> Iterable[str]:
    one = compared[0].comparison
    yield "<h2>Where they disagree most</h2>"
    yield '<p class="note">The regions with the most disagreements, worst first: what to annotate next.'
    yield "" if slide is not None else " The slide was not found, so the outlines are on a plain background."
    yield '</p><ul class="legend">'
    for status, colour in STATUS_COLOURS.items():
        if status is not Status.TYPE_CHANGED or one.has_types:
            words = escape(describe_status(status, one.name_a, one.name_b))
            yield f'<li><i style="background: rgb{colour}"></i>{words}</li>'
    if len(compared) > 1:
        yield f'<li><i style="background: rgb{_TRUTH_COLOUR}"></i>annotation</li>'
    yield "</ul>"
    for number, region in enumerate(one.worst[:PICTURES], 1):
        yield from _region(number, region.box, compared, slide)
        share = f"{region.disagreements:,} of {region.nuclei:,} nuclei disagree"
        y0, x0, y1, x1 = region.box
        place = f"Level-0 pixels: y {y0:,} to {y1:,}, x {x0:,} to {x1:,}."
        yield f"<figcaption>{number}. {share}. {place}</figcaption></figure>"


def _region(number: int, box: Box, compared: Sequence[Compared], slide: Slide | None) -> Iterable[str]:
    y0, x0, y1, x1 = box
    image = np.full((y1 - y0, x1 - x0, 3), 250, np.uint8) if slide is None else slide.read(box)
    first = compared[0]
    labels_a, labels_b = first.a.read(box), first.b.read(box)
    panels: list[tuple[str, NDArray[Any], NDArray[Any], Mapping[int, Colour]]] = [
        (first.a.name, labels_a, find_status(first.comparison, labels_a, "a"), STATUS_COLOURS),
        (first.b.name, labels_b, find_status(first.comparison, labels_b, "b"), STATUS_COLOURS),
    ]
    if len(compared) > 1:
        truth = compared[1].a
        labels = truth.read(box)
        panels.insert(0, (truth.name, labels, np.where(labels > 0, _TRUTH, 0), {_TRUTH: _TRUTH_COLOUR}))
    kind = "" if len(panels) == 3 else ' class="pair"'
    yield f'<figure{kind}><div class="panels">'
    for name, labels, status, colour_of in panels:
        uri = embed_picture(draw_statuses(image, labels, status, colour_of), "jpeg")
        yield f'<div><img src="{uri}" alt="region {number}, nuclei of {escape(name)}"><p>{escape(name)}</p></div>'
    yield "</div>"
