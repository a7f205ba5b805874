"""Cells of a fixed grid hold tissue or do not."""

import numpy as np

from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.slides.tissue import TissueMask
from napari_pathprune.slides.tissue_grid import CELL_PX, TissueGrid


def test_cells_that_a_mask_touches_are_found():
    slide = slide_from_arrays([np.zeros((600, 700, 3), np.uint8)], mpp=0.5)
    mask = np.zeros((6, 7), bool)
    mask[1, 3] = True  # level-0 rows 100 to 200, columns 300 to 400: view rows 200 to 400, columns 600 to 800
    grid = TissueGrid.from_mask(TissueMask(mask, (0.01, 0.01)), slide.at(0.25))
    assert np.argwhere(grid.cells).tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]
    assert grid.cells.shape == (-(-1200 // CELL_PX), -(-1400 // CELL_PX))


def test_part_of_a_box_with_tissue_is_enclosed():
    grid = TissueGrid(np.array([[False, True, False], [False, False, False]]))
    assert grid.enclose((10, 20, 400, 700)) == (10, 256, 256, 512)
    assert grid.enclose((30, 300, 40, 310)) == (30, 300, 40, 310)
