"""Views and tissue masks read any source of pixels, not slides alone."""

import numpy as np
from slide_files import halve, paint

from napari_pathprune.slides.reader import slide_from_arrays
from napari_pathprune.slides.tissue import find_tissue
from napari_pathprune.slides.view import view_at

FINE = paint(240, 330)


class OtherSource:
    """A source of pixels that shares no code with `Slide`."""

    name, mpp, levels = "other", (0.25, 0.25), (FINE, halve(FINE))
    shape, downsamples = (240, 330), ((1.0, 1.0), (2.0, 2.0))

    def read(self, box, level=0):
        padded = np.pad(self.levels[level], ((50, 50), (50, 50), (0, 0)), mode="reflect")
        return padded[50 + box[0] : 50 + box[2], 50 + box[1] : 50 + box[3]]


def test_other_source_is_read_like_a_slide():
    slide = slide_from_arrays(OtherSource.levels, 0.25)
    box = (-7, 20, 60, 90)
    for mpp in (0.25, 0.4, 0.5):
        np.testing.assert_array_equal(view_at(OtherSource(), mpp).read(box), slide.at(mpp).read(box))
    np.testing.assert_array_equal(find_tissue(OtherSource()).mask, find_tissue(slide).mask)
