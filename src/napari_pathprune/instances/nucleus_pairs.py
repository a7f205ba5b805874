"""Pairs of true and predicted nuclei, and unpaired nuclei, with their types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from napari_pathprune.instances.score_counts import PanopticCounts, TypeCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN: Final = -1
"""Type of a true nucleus that is not annotated with a type."""


@dataclass(frozen=True, slots=True, eq=False)
class NucleusPairs:
    """A struct of arrays with one row per pair, then per unpaired true nucleus, then per unpaired prediction.

    Parameters
    ----------
    truth_id, found_id
        (N,) int64, 0 in a row without one.
    iou
        (N,) float64, intersection over union of the pair, 0 for unpaired nuclei.
    truth_type, found_type
        (N,) int64, types; 0 in a row without a nucleus or for a nucleus without a type, -1 for a truth of unknown type.

    Examples
    --------
    >>> import numpy as np
    >>> ids, iou, only_truth, only_found = np.array([[1, 4]]), np.array([0.8]), np.array([2]), np.array([], int)
    >>> pairs = NucleusPairs.from_ids(ids, iou, only_truth, only_found, None, None)
    >>> pairs.truth_id.tolist(), pairs.found_id.tolist(), pairs.iou.tolist()
    ([1, 2], [4, 0], [0.8, 0.0])
    """

    truth_id: NDArray[np.int64]
    found_id: NDArray[np.int64]
    iou: NDArray[np.float64]
    truth_type: NDArray[np.int64]
    found_type: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.truth_id)

    @classmethod
    def from_ids(
        cls,
        pairs: NDArray[np.int64],
        iou: NDArray[np.float64],
        only_truth: NDArray[np.int64],
        only_found: NDArray[np.int64],
        truth_types: NDArray[Any] | None,
        found_types: NDArray[Any] | None,
    ) -> Self:
        """Concatenate pairs and unpaired nuclei, and look up their types.

        Parameters
        ----------
        pairs, iou
            (P, 2) ids of truth and prediction, and (P,) their IoU.
        only_truth, only_found
            (N,), (M,) ids of unpaired nuclei.
        truth_types, found_types
            Integers, the type of every id (``types[0] == 0``); None if types are not known.

        Raises
        ------
        ValueError
            If an id has no type, or id 0 has one.
        """
        truth_id = np.concatenate([pairs[:, 0], only_truth, np.zeros_like(only_found)])
        found_id = np.concatenate([pairs[:, 1], np.zeros_like(only_truth), only_found])
        return cls(
            truth_id,
            found_id,
            np.concatenate([iou, np.zeros(len(truth_id) - len(iou))]),
            _look_up(truth_types, truth_id, "true", UNKNOWN),
            _look_up(found_types, found_id, "predicted", 0),
        )

    def panoptic_by_type(self, num_types: int) -> tuple[PanopticCounts, ...]:
        """Count, for each type, the pairs and the nuclei without a partner of the same type.

        A pair of different types is a false negative of the type of the truth and a false positive of the type of the
        prediction, as if the maps were restricted to one type. True nuclei of unknown type and their partners are left
        out.

        Parameters
        ----------
        num_types
            Number of types, background included.

        Returns
        -------
        tuple of PanopticCounts
            One for each type; the counts of the background (0) are 0.

        Raises
        ------
        ValueError
            If a type is out of range.
        """
        truth, found = self._select_known(num_types)
        is_same = (truth == found) & (truth > 0)
        tp, true, predicted = (_count_types(types, num_types) for types in (truth[is_same], truth, found))
        iou_sum = np.bincount(truth[is_same], self.iou[self.truth_type != UNKNOWN][is_same], num_types)
        return tuple(
            PanopticCounts(pairs, found_all - pairs, truth_all - pairs, total)
            for pairs, found_all, truth_all, total in zip(tp, predicted, true, iou_sum.tolist(), strict=True)
        )

    def classified_by_type(self, num_types: int) -> tuple[TypeCounts, ...]:
        """Count, for each type, pairs that agree, pairs that do not, and unpaired nuclei.

        Parameters
        ----------
        num_types
            Number of types, background included.

        Returns
        -------
        tuple of TypeCounts
            One for each type; the counts of the background (0) are 0.

        Raises
        ------
        ValueError
            If a type is out of range.
        """
        truth, found = self._select_known(num_types)
        is_known = self.truth_type != UNKNOWN
        is_pair = (self.truth_id[is_known] > 0) & (self.found_id[is_known] > 0)
        is_same = is_pair & (truth == found)
        is_other = is_pair & (truth != found)
        columns = (found[is_same], found[is_other], truth[is_other], found[~is_pair], truth[~is_pair])
        return tuple(
            TypeCounts(*counts) for counts in zip(*(_count_types(types, num_types) for types in columns), strict=True)
        )

    def _select_known(self, num_types: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the types in the rows whose true type is known."""
        for which, types, lowest in (("true", self.truth_type, UNKNOWN), ("predicted", self.found_type, 0)):
            is_wrong = (types < lowest) | (types >= num_types)
            if is_wrong.any():
                got = int(types[is_wrong][0])
                raise ValueError(
                    f"got a {which} nucleus of type {got}; expected types from {lowest} to {num_types - 1}"
                )
        is_known = self.truth_type != UNKNOWN
        return self.truth_type[is_known], self.found_type[is_known]


def _count_types(types: NDArray[np.int64], num_types: int) -> list[int]:
    """Count the occurrences of each type; the background is not counted."""
    counts: list[int] = np.bincount(types, minlength=num_types).tolist()
    return [0, *counts[1:]]


def _look_up(types: NDArray[Any] | None, ids: NDArray[np.int64], which: str, not_known: int) -> NDArray[np.int64]:
    """Look up the types of ids, or return a default if types are not known."""
    if types is None:
        return np.where(ids > 0, not_known, 0)
    if types.ndim != 1 or types.dtype.kind not in "iu" or len(types) <= ids.max(initial=0) or types[0] != 0:
        raise ValueError(
            f"got {which} types of shape {types.shape} and type {types.dtype}"
            + (f" that start with {types[0]}" if types.ndim == 1 and types.size else "")
            + f"; expected integers, one for every id from 0 (whose type is 0) to {ids.max(initial=0)}"
        )
    return types[ids].astype(np.int64)
