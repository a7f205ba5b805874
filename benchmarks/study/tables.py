"""Write tables.md and plots/ from the results that are there.

Usage: python benchmarks/study/tables.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from grid import Part, Study, read_study
from outcome import SEED, Row, difference, read_result, reference, rows_of, trained_on
from plots import draw
from words import worded

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results"
PLOTS: Final = HERE / "plots"
LONGER: Final = "longer"


def main() -> None:
    """Write them."""
    study = read_study(HERE / "study.toml")
    dense = read_result(RESULTS, "dense")
    if dense is None:
        raise SystemExit(f"{RESULTS} has no dense.json yet: run run.py first")
    PLOTS.mkdir(exist_ok=True)
    pages = ["\n".join(head(study, dense))]
    for part in study.parts:
        rows = list(rows_of(part, RESULTS))
        if answered(part, rows):
            name = f"{re.sub(r'[^a-z0-9]+', '-', part.name.lower())}.png"
            draw(part, rows, parents_of(part, dense), [name for name, _, _ in study.sets], PLOTS / name)
            pages.append("\n".join([*section(part, rows, dense, study), "", f"![{part.question}](plots/{name})"]))
    (HERE / "tables.md").write_text("\n\n".join(pages) + "\n", encoding="utf-8")


def head(study: Study, dense: Mapping[str, Any]) -> Iterator[str]:
    """Tell what the tables show, and the dense model's own figures."""
    runs = study.runs
    results = [result for run in runs if (result := read_result(RESULTS, run.name))]
    hours = sum(result["making"]["seconds"] + result["scoring"]["seconds"] for result in results) / 3600
    machines = sorted({result["machine"] for result in (dense, *results)})
    yield "# Tables of the study"
    yield ""
    yield "Written by tables.py from results/; README.md says what they mean. Choices were made on the validation"
    yield "images; the other columns are scores on the images set aside. PQ is the mean over images, mPQ+ is pooled"
    yield "over the set."
    yield "Where a setting was run with several seeds: mean ± standard deviation. The last differences are in PQ over"
    yield "all images set aside, image by image and seed by seed, seeds that both have, with a 95 % interval (bootstrap"
    yield "over images and seeds): to the dense model trained on for as many steps at the same rate, where that was"
    yield "run, and to the first of what a part compares. With one seed it says nothing of what another would give."
    yield f"{len(results)} of {len(runs)} runs are there; they took {hours:.1f} hours of run time, side by side on"
    yield f"{'; '.join(machines)}."
    yield ""
    yield "| | parameters | MACs a megapixel | " + " | ".join(titles(study)) + " |"
    yield "|---|" + "---|" * (2 + len(titles(study)))
    for name in ("dense", LONGER, "slim"):
        result = read_result(RESULTS, name)
        if result:
            scores = " | ".join(Row({}, [result]).score(images, score).text() for images, score in columns(study))
            yield f"| {name} | {result['params']:,} | {result['macs_per_megapixel'] / 1e9:.0f} G | {scores} |"


def answered(part: Part, rows: Sequence[Row]) -> bool:
    """Tell whether the rows that are there differ in everything that a part asks about."""
    factors = [name for name in part.factors if name != SEED]
    return all(len({row.factors[name] for row in rows}) > 1 for name in factors)


def section(part: Part, rows: Sequence[Row], dense: Mapping[str, Any], study: Study) -> Iterator[str]:
    """Give a part's table."""
    factors = list(rows[0].factors)
    sets = [name for name, _, _ in study.sets]
    yield f"## {part.question}"
    yield ""
    heads = [*(worded(name) for name in factors), "parameters left", "MACs left"]
    for title in titles(study):
        heads += [title, "to dense"] if title.startswith("PQ") else [title]
    heads.append("to dense, trained on as long")
    if part.against:
        heads.append(f"to {worded(part.against)} {getattr(part.runs[0], part.against)}")
    yield "| " + " | ".join([*heads, "seeds", "CPU s"]) + " |"
    yield "|---" * (len(heads) + 2) + "|"
    for row in rows:
        base = Row({}, [cut_from(row, dense)])
        cells = [f"{value:g}" if isinstance(value, float) else str(value) for value in row.factors.values()]
        cells += [f"{row.cost(name, dense):.1%}" for name in ("params", "macs")]
        for images, name in columns(study):
            found = row.score(images, name)
            cells.append(found.text())
            if name == "pq":
                cells.append(f"{found.mean - base.score(images, name).mean:+.3f}")
        compared = [trained_on(row, study.defaults, RESULTS)]
        if part.against:
            first = reference(row, rows, part)
            compared.append(first.results if first else ())
        cells += [difference(row.results, others, sets).text() if others else "" for others in compared]
        seconds = [one["making"]["cpu_seconds"] for one in row.results if not one["making"]["resumed"]]
        told = f"{sum(seconds) / len(seconds):.0f}" if seconds else "stopped between"
        yield "| " + " | ".join([*cells, str(len(row.results)), told]) + " |"


def cut_from(row: Row, dense: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the result of the dense model that a row is told against."""
    longer = read_result(RESULTS, LONGER) if row.run and row.run.start == LONGER else None
    return longer or dense


def parents_of(part: Part, dense: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the results of the dense models that the runs of a part were cut from, by name."""
    longer = read_result(RESULTS, LONGER) if any(run.start == LONGER for run in part.runs) else None
    return {"dense": dense} | ({LONGER: longer} if longer else {})


def columns(study: Study) -> list[tuple[str, str]]:
    """Name the sets and scores that are shown."""
    shown = [("validation", "pq"), *((name, "pq") for name, _, _ in study.sets)]
    return [*shown, (study.sets[-1][0], "mpq_plus")]  # types are known in the last set alone


def titles(study: Study) -> list[str]:
    """Give the heads of `columns`."""
    words = {"pq": "PQ", "mpq_plus": "mPQ+"}
    return [f"{words[score]} {images}" for images, score in columns(study)]


if __name__ == "__main__":
    main()
