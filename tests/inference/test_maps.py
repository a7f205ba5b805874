"""The maps of one tile."""

import numpy as np
import pytest

from napari_pathprune.inference.maps import NetworkMaps


def test_maps_of_one_shape_have_it():
    flat = np.zeros((20, 30), np.float32)
    assert NetworkMaps(flat, flat, flat).shape == (20, 30)
    assert NetworkMaps(flat, flat, flat, np.zeros((4, 20, 30), np.float32)).shape == (20, 30)


@pytest.mark.parametrize(
    ("horizontal", "types"),
    [((19, 20), None), ((20, 20), (3, 19, 20)), ((20, 20), (20, 20)), ((20, 20, 1), None)],
)
def test_maps_of_different_shapes_are_rejected(horizontal, types):
    flat = np.zeros((20, 20), np.float32)
    with pytest.raises(ValueError, match="expected one shape"):
        NetworkMaps(
            flat, np.zeros(horizontal, np.float32), flat, None if types is None else np.zeros(types, np.float32)
        )
