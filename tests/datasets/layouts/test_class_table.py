"""Tables of classes are read however they were saved, or their row and header are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_pathprune.datasets.layouts.class_table import parse_number, read_class_table

COLUMNS = ("label", "class_name")


@pytest.mark.parametrize(
    "text",
    [
        "label,class_name\n3,muscle\n",
        "\ufefflabel,class_name\n3,muscle\n",
        "label;class_name\r\n3;muscle\r\n",
        "label\tclass_name\n3\tmuscle\n\n",
        " Label , CLASS_NAME\n 3.0 , muscle \n",
        'id,class_name,label\n9,"muscle",3.0\n,,\n',
    ],
)
def test_tables_of_other_programs_are_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    (row,) = read_class_table(path, COLUMNS)
    assert (parse_number(path, COLUMNS, row, "label"), row["class_name"]) == (3, "muscle")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"number,kind\n3,muscle\n", r"expected columns label, class_name; found 'number', 'kind'"),
        (b"", "found nothing"),
        ("label,class_name\n3,muscle\n".encode("utf-16"), "not a text in UTF-8"),
    ],
)
def test_other_tables_name_their_columns(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=message):
        read_class_table(path, COLUMNS)


@pytest.mark.parametrize("number", ["", "three", "3.5", "nan", "inf"])
def test_a_number_that_is_none_names_its_row(number: str) -> None:
    with pytest.raises(ValueError, match=rf"label is '{number}' in the row '{number}, muscle'"):
        parse_number(Path("a.csv"), COLUMNS, {"label": number, "class_name": "muscle"}, "label")
