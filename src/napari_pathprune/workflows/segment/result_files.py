"""Names of the files in a result folder of `pathprune segment`."""

from typing import Final

LABELS: Final = "labels.ome.zarr"
"""Instance label pyramid, on the pixels of the slide."""
TABLE: Final = "instances.parquet"
"""Instance table, one row a nucleus."""
OUTLINES: Final = "nuclei.geojson"
"""Outlines for QuPath."""
RUN: Final = "run.json"
"""Provenance. Written last: a folder without it is not complete."""
FACTS: Final = "depends_on"
"""Key in it of what the run depends on."""
