"""Print the results as a Markdown table: python table.py results.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HEAD = (
    "network",
    "removed",
    "steps",
    "engine",
    "graph, s",
    "prune, s",
    "parameters left",
    "MACs left",
    "runs",
    "deviation",
    "layers of 1-2 channels",
    "file, MB",
    "opens without pickle",
)


def main() -> None:
    """Print one row for each measurement."""
    rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["rows"]
    print("| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD), sep="\n")
    for row in rows:
        print("| " + " | ".join(cells(row)) + " |")


def cells(row: dict[str, Any]) -> list[str]:
    """Format a measurement."""
    off = row.get("deviation")
    return [
        row["network"],
        f"{row['ratio']:.0%}",
        str(row["steps"]),
        row["engine"],
        f"{row['graph_s']:.2f}",
        f"{row['prune_s']:.2f}",
        f"{row['params_left']:.1%}",
        f"{row['macs_left']:.1%}" if row["runs"] else "-",
        "yes" if row["runs"] else f"no: {row['error']}",
        "not comparable" if off is None else f"{off:.0e}",
        str(row["thin_layers"]),
        f"{row['file_mb']:.1f}",
        "yes" if row["opens_without_pickle"] else "no",
    ]


if __name__ == "__main__":
    main()
