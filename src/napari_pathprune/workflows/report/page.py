"""What all reports share: the page around them, their style, and pictures inside the page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Final

from napari_pathprune.base.atomic import write_atomically

LINE: Final = "#2f6690"
"""Main colour of the report."""
KEPT: Final = "#c8553d"
"""Colour of the stage that was kept."""

STYLE: Final = f"""
:root {{ --ink: #22292f; --soft: #66707a; --rule: #dfe4e8; --wash: #f5f7f9; --line: {LINE}; --kept: {KEPT}; }}
* {{ box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
body {{ margin: 0; background: #fff; color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }}
main {{ max-width: 1080px; margin: 0 auto; padding: 36px 28px; overflow-wrap: anywhere; }}
h1 {{ font-size: 26px; font-weight: 600; line-height: 1.25; margin: 0 0 12px; }}
h2 {{ font-size: 18px; font-weight: 600; margin: 40px 0 8px; break-after: avoid; }}
p {{ margin: 0 0 12px; max-width: 76ch; }}
.note, footer, figcaption {{ color: var(--soft); font-size: 13.5px; }}
.key {{ display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0 0; }}
.key div {{ flex: 1 1 150px; max-width: 260px; background: var(--wash); border-radius: 6px;
  padding: 10px 14px; break-inside: avoid; }}
.key dt {{ color: var(--soft); font-size: 13px; }}
.key dd {{ margin: 0; font-size: 17px; white-space: nowrap; }}
.key dd + dd {{ color: var(--soft); font-size: 13px; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; overflow-wrap: normal; }}
th, td {{ padding: 5px 12px 5px 0; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }}
th {{ font-weight: 600; vertical-align: bottom; }}
thead th {{ white-space: normal; color: var(--soft); font-size: 13px; }}
thead th[colspan] {{ text-align: center; border-bottom-color: var(--soft); }}
tbody th, thead tr:first-child th:first-child {{ text-align: left; }}
.stages {{ width: 100%; }}
.kept th, .kept td {{ background: #fbf1ee; font-weight: 600; }}
.kept th::before {{ content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 50%;
  background: var(--kept); margin-right: 6px; }}
.cut {{ color: var(--soft); }}
.settings td {{ text-align: left; white-space: normal; overflow-wrap: anywhere; }}
.settings th, .settings td {{ padding-top: 2px; padding-bottom: 2px; font-size: 13.5px; }}
.settings th {{ font-weight: 400; color: var(--soft); padding-right: 28px; }}
figure {{ margin: 0 0 22px; break-inside: avoid; }}
img {{ max-width: 100%; height: auto; display: block; }}
.panels {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: 10px; }}
.panels p {{ margin: 4px 0 0; font-size: 14px; }}
.panels img {{ width: 100%; border-radius: 3px; }}
.widths {{ columns: 2; column-gap: 36px; list-style: none; margin: 0; padding: 0; font-size: 12px; line-height: 17px; }}
.widths li {{ display: grid; grid-template-columns: minmax(0, 1fr) 130px 94px; gap: 8px; align-items: center;
  break-inside: avoid; }}
.widths svg {{ width: 130px; height: 9px; display: block; }}
.widths span:last-child {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.internal {{ fill: var(--line); color: var(--line); }}
.skip {{ fill: #d08c2c; color: #a96c12; }}
.full {{ fill: #e3e8ec; }}
details {{ margin: 0 0 8px; }}
summary {{ cursor: pointer; }}
.names {{ columns: 3; font-size: 13px; margin: 8px 0; padding-left: 18px; }}
footer {{ margin-top: 40px; border-top: 1px solid var(--rule); padding-top: 12px; }}
@page {{ margin: 14mm; }}
@media print {{
main {{ max-width: none; padding: 0; }}
body {{ font-size: 10pt; }}
.wide {{ overflow: visible; }}
.stages, .settings th, .settings td, .panels p, .note, footer, figcaption {{ font-size: 8.5pt; }}
th, td {{ padding-right: 6px; }}
tr {{ break-inside: avoid; }}
.widths {{ font-size: 7.5pt; line-height: 10pt; column-gap: 20px; }}
.widths li {{ grid-template-columns: minmax(0, 1fr) 70px 74px; }}
.widths svg {{ width: 70px; }}
}}
"""
"""Style sheet of all reports."""


def write_page(title: str, body: Iterable[str], path: Path, more_style: str = "") -> None:
    """Write a report as a single HTML file without external resources.

    Parameters
    ----------
    title
        Title of the page, plain text.
    body
        Lines of HTML.
    path
        File to write; replaced only when the new report is complete.
    more_style
        Rules that are added to `STYLE`.

    Raises
    ------
    OSError
        If the file cannot be written, such as on a full disk.
    """
    head = f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    style = f"<style>{STYLE}{more_style}</style></head><body><main>"
    page = "\n".join([head, view, style, *body, "</main></body></html>", ""])
    with write_atomically(path) as part:
        part.write_bytes(page.encode("utf-8", "replace"))  # file names may hold bytes that are not Unicode


def embed_picture(picture: bytes, kind: str) -> str:
    """Return the URI of a picture for an HTML page.

    Parameters
    ----------
    picture
        An encoded picture.
    kind
        Its format, such as "png" or "jpeg".

    Examples
    --------
    >>> embed_picture(b"abc", "png")
    'data:image/png;base64,YWJj'
    """
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
