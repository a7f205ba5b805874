"""Write tables.md and plots/ from the available results.

Usage: python benchmarks/study/tables.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from field_labels import label_field
from grid import Part, Study, read_study
from outcome import SEED, Row, collect_rows, compare_results, find_reference, find_uncut, read_result
from plots import draw

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results"
PLOTS: Final = HERE / "plots"
LONGER: Final = "longer"


def main() -> None:
    """Write the tables and plots."""
    study = read_study(HERE / "study.toml")
    dense = read_result(RESULTS, "dense")
    if dense is None:
        raise SystemExit(f"{RESULTS} has no dense.json yet; run run.py first")
    PLOTS.mkdir(exist_ok=True)
    pages = ["\n".join(write_head(study, dense))]
    for part in study.parts:
        rows = list(collect_rows(part, RESULTS))
        if is_answered(part, rows):
            name = f"{re.sub(r'[^a-z0-9]+', '-', part.name.lower())}.png"
            draw(part, rows, find_parents(part, dense), [name for name, _, _ in study.sets], PLOTS / name)
            pages.append("\n".join([*write_section(part, rows, dense, study), "", f"![{part.question}](plots/{name})"]))
    (HERE / "tables.md").write_text("\n\n".join(pages) + "\n", encoding="utf-8")


def write_head(study: Study, dense: Mapping[str, Any]) -> Iterator[str]:
    """Yield the introduction and the table of the dense models."""
    runs = study.runs
    results = [result for run in runs if (result := read_result(RESULTS, run.name))]
    hours = sum(result["making"]["seconds"] + result["scoring"]["seconds"] for result in results) / 3600
    machines = sorted({result["machine"] for result in (dense, *results)})
    yield "# Tables of the study"
    yield ""
    yield "Written by tables.py from results/; README.md explains them. Choices were made on the validation images;"
    yield "the other columns are scores on the test images. PQ is the mean over images, mPQ+ is pooled over the set."
    yield "Settings with several seeds are given as mean ± standard deviation. The last differences are in PQ over all"
    yield "test images, image by image and seed by seed over the seeds that both sides have, with a 95 % interval"
    yield "(bootstrap over images and seeds). They compare with the dense model trained for as many more steps at the"
    yield "same rate, if that was run, and with the first value of what a part compares. With a single seed, the"
    yield "interval does not show how results vary between seeds."
    yield f"{len(results)} of {len(runs)} runs are available; they took {hours:.1f} hours of run time, in parallel on"
    yield f"{'; '.join(machines)}."
    yield ""
    yield "| | parameters | MACs per megapixel | " + " | ".join(list_titles(study)) + " |"
    yield "|---|" + "---|" * (2 + len(list_titles(study)))
    for name in ("dense", LONGER, "slim"):
        result = read_result(RESULTS, name)
        if result:
            scores = " | ".join(Row({}, [result]).score(images, score).text() for images, score in list_columns(study))
            yield f"| {name} | {result['params']:,} | {result['macs_per_megapixel'] / 1e9:.0f} G | {scores} |"


def is_answered(part: Part, rows: Sequence[Row]) -> bool:
    """Return whether the available rows differ in every factor of a part."""
    factors = [name for name in part.factors if name != SEED]
    return all(len({row.factors[name] for row in rows}) > 1 for name in factors)


def write_section(part: Part, rows: Sequence[Row], dense: Mapping[str, Any], study: Study) -> Iterator[str]:
    """Yield the table of a part."""
    factors = list(rows[0].factors)
    sets = [name for name, _, _ in study.sets]
    yield f"## {part.question}"
    yield ""
    heads = [*(label_field(name) for name in factors), "parameters left", "MACs left"]
    for title in list_titles(study):
        heads += [title, "to dense"] if title.startswith("PQ") else [title]
    heads.append("to dense, trained as long")
    if part.against:
        heads.append(f"to {label_field(part.against)} {getattr(part.runs[0], part.against)}")
    yield "| " + " | ".join([*heads, "seeds", "CPU s"]) + " |"
    yield "|---" * (len(heads) + 2) + "|"
    for row in rows:
        base = Row({}, [find_parent(row, dense)])
        cells = [f"{value:g}" if isinstance(value, float) else str(value) for value in row.factors.values()]
        cells += [f"{row.cost(name, dense):.1%}" for name in ("params", "macs")]
        for images, name in list_columns(study):
            found = row.score(images, name)
            cells.append(found.text())
            if name == "pq":
                cells.append(f"{found.mean - base.score(images, name).mean:+.3f}")
        compared = [find_uncut(row, study.defaults, RESULTS)]
        if part.against:
            first = find_reference(row, rows, part)
            compared.append(first.results if first else ())
        cells += [compare_results(row.results, others, sets).text() if others else "" for others in compared]
        seconds = [one["making"]["cpu_seconds"] for one in row.results if not one["making"]["resumed"]]
        spent = f"{sum(seconds) / len(seconds):.0f}" if seconds else "interrupted"
        yield "| " + " | ".join([*cells, str(len(row.results)), spent]) + " |"


def find_parent(row: Row, dense: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the result of the dense model with which a row is compared."""
    longer = read_result(RESULTS, LONGER) if row.run and row.run.start == LONGER else None
    return longer or dense


def find_parents(part: Part, dense: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the results of the dense models from which the runs of a part were cut, by name."""
    longer = read_result(RESULTS, LONGER) if any(run.start == LONGER for run in part.runs) else None
    return {"dense": dense} | ({LONGER: longer} if longer else {})


def list_columns(study: Study) -> list[tuple[str, str]]:
    """Return the sets and scores in the tables."""
    shown = [("validation", "pq"), *((name, "pq") for name, _, _ in study.sets)]
    return [*shown, (study.sets[-1][0], "mpq_plus")]  # only the last set has types


def list_titles(study: Study) -> list[str]:
    """Return the column titles for `list_columns`."""
    words = {"pq": "PQ", "mpq_plus": "mPQ+"}
    return [f"{words[score]} {images}" for images, score in list_columns(study)]


if __name__ == "__main__":
    main()
