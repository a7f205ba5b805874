"""Random fields of nuclei."""

import numpy as np


def draw_field(shape, seed, radius_px=12.0):
    """Draw discs of up to a radius, separate or touching, with ascending ids from 1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    instances = np.zeros(shape, np.int32)
    for id_ in range(1, shape[0] * shape[1] // 600):
        centre_y, centre_x, radius = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(2, radius_px)
        disc = (y - centre_y) ** 2 + (x - centre_x) ** 2 <= radius**2
        if not instances[disc].any():
            instances[disc] = id_
    return instances
