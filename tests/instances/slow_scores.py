"""Slow reference implementations of the scores: masks, loops over all pairs, dense assignments."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def make_masks(instances):
    return {int(id_): instances == id_ for id_ in np.unique(instances[instances > 0])}


def slow_iou(truth, prediction):
    true, found = make_masks(truth), make_masks(prediction)
    return {(t, p): (true[t] & found[p]).sum() / (true[t] | found[p]).sum() for t in true for p in found}


def slow_panoptic(truth, prediction, truth_types, found_types, kind):
    """Return TP, FP, FN and the sum of IoU of one type, or of all nuclei if `kind` is None."""
    iou = slow_iou(truth, prediction)
    left_out = {p for (t, p), value in iou.items() if value > 0.5 and truth_types[t] == -1}
    true = [t for t in make_masks(truth) if kind in (None, truth_types[t])]
    found = [p for p in make_masks(prediction) if kind is None or (found_types[p] == kind and p not in left_out)]
    matched = [iou[t, p] for t in true for p in found if iou[t, p] > 0.5]
    return len(matched), len(found) - len(matched), len(true) - len(matched), sum(matched)


def slow_centres(instances):
    return np.array([np.argwhere(mask).mean(axis=0) for mask in make_masks(instances).values()]).reshape(-1, 2)


def slow_centre_pairs(truth, prediction, radius_px):
    """Return the ids of centres within a radius, paired by a dense assignment."""
    a, b = slow_centres(truth), slow_centres(prediction)
    distance = np.linalg.norm(a[:, None] - b[None], axis=2)
    cost = np.where(distance <= radius_px, distance - 1e6, 0.0)
    rows, columns = linear_sum_assignment(cost)
    true, found = list(make_masks(truth)), list(make_masks(prediction))
    return [(true[i], found[j]) for i, j in zip(rows, columns, strict=True) if cost[i, j] < 0]


def slow_f1_of_type(images, kind, radius_px):
    """Return HoVer-Net's F_c over images of (truth, prediction, types, types)."""
    tp = wrong = alone = 0
    for truth, prediction, truth_types, found_types in images:
        pairs = slow_centre_pairs(truth, prediction, radius_px)
        for t, p in pairs:
            if truth_types[t] == -1:
                continue
            tp += truth_types[t] == found_types[p] == kind
            wrong += (truth_types[t] == kind) != (found_types[p] == kind)
        alone += sum(truth_types[t] == kind for t in make_masks(truth) if t not in {pair[0] for pair in pairs})
        alone += sum(found_types[p] == kind for p in make_masks(prediction) if p not in {pair[1] for pair in pairs})
    return 2 * tp / (2 * tp + 2 * wrong + alone)
