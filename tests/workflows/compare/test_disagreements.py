"""The CSV file of disagreements."""

import csv

from napari_pathprune.workflows.compare.compare import compare
from napari_pathprune.workflows.compare.disagreements import COLUMNS, write_disagreements


def test_csv_has_one_row_for_each_disagreement(dense, compact, tmp_path):
    *_, end = compare(dense, compact)
    one = end.comparison
    write_disagreements(one.disagreements, tmp_path / "rows.csv", one.type_names, one.mpp)
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    only_a, only_b, changed = (dict(zip(header, row, strict=True)) for row in rows)
    area = int((dense.labels == 3).sum())
    assert only_a["disagreement"] == "only_a"
    assert (only_a["y_px"], only_a["x_px"], only_a["area_a_px"]) == ("100.0", "100.0", str(area))
    assert (only_a["area_a_um2"], only_a["area_b_um2"]) == (f"{area / 4:.2f}", "")
    assert (only_a["type_a"], only_a["type_b"], only_a["id_b"]) == ("stroma", "", "")
    assert (only_b["id_a"], only_b["id_b"], only_b["type_b"]) == ("", "30", "stroma")
    assert (changed["type_a"], changed["type_b"]) == ("tumour", "stroma")
    assert 0.5 < float(changed["iou"]) < 1
