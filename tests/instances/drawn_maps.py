"""Random instance maps."""

import numpy as np
from hypothesis import strategies as st


def draw_discs(shape, count, seed, radius_px=(3, 8)):
    """Draw discs at random positions with ids from 1; earlier discs cover later ones."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    instances = np.zeros(shape, np.int32)
    for id_ in range(1, count + 1):
        centre_y, centre_x, radius = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(*radius_px)
        disc = (y - centre_y) ** 2 + (x - centre_x) ** 2 <= radius**2
        instances[disc & (instances == 0)] = id_
    return instances


def draw_blocks(seed):
    """Draw a small map of up to six instances, which overlap those of other seeds; every eighth map is empty."""
    rng = np.random.default_rng(seed)
    ids = rng.choice(7, rng.integers(1, 6), replace=False) if seed % 8 else [0]
    return np.kron(rng.choice(ids, (4, 4)), np.ones((2, 2), int))[:7].astype(np.int32)


small_maps = st.integers(0, 2**32 - 1).map(draw_blocks)
