"""The side-by-side picture shows the tissue and outlines in the types' colours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from napari_pathprune.instances.table import InstanceTable
from napari_pathprune.workflows.demo.picture import Panel, draw_side_by_side


def panel(title: str, colour: int) -> Panel:
    labels = np.zeros((120, 160), np.int32)
    cv2.circle(labels, (80, 60), 30, 1, -1)
    pixels = np.full((120, 160, 3), colour, np.uint8)
    types = np.stack([labels == 0, labels > 0]).astype(np.float32)
    table = InstanceTable.from_instance_map(labels, types)
    return Panel(title, pixels, labels, table, ("background", "neoplastic"), (0.5, 0.5))


def test_two_panels_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    draw_side_by_side([panel("dense", 250), panel("compact", 180)], path)
    picture = cv2.imread(str(path))[..., ::-1].astype(int)
    height, width = picture.shape[:2]
    assert width > 1.2 * height
    red = (picture[..., 0] > 200) & (picture[..., 1] < 90) & (picture[..., 2] < 90)
    left, right = red[:, : width // 2], red[:, width // 2 :]
    assert left.sum() > 300
    assert abs(int(left.sum()) - int(right.sum())) < 0.3 * left.sum()
    tissue = [
        np.median(part[height // 3 : height // 2]) for part in (picture[:, : width // 2], picture[:, width // 2 :])
    ]
    assert tissue[0] > tissue[1] + 40
    assert not list(tmp_path.glob("*.part"))
