"""Two sets of nuclei side by side: one row for each pair and each nucleus alone, with what type it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from napari_pathprune.instances.tallies import PanopticCounts, TypeCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN: Final = -1
"""Type of a true nucleus of which the annotation does not say what it is."""


@dataclass(frozen=True, slots=True, eq=False)
class NucleusPairs:
    """Who is whose partner, as a struct of arrays: pairs first, then true nuclei alone, then predictions alone.

    Parameters
    ----------
    truth_id, found_id
        (N,) int64, 0 where there is none.
    iou
        (N,) float64, intersection over union of the pair, 0 for those alone.
    truth_type, found_type
        (N,) int64, types of the two; 0 where there is no nucleus or it has no type, truth -1 where it is not known.

    Examples
    --------
    >>> import numpy as np
    >>> pairs = NucleusPairs.of(np.array([[1, 4]]), np.array([0.8]), np.array([2]), np.array([], int), None, None)
    >>> pairs.truth_id.tolist(), pairs.found_id.tolist(), pairs.iou.tolist()
    ([1, 2], [4, 0], [0.8, 0.0])
    """

    truth_id: NDArray[np.int64]
    found_id: NDArray[np.int64]
    iou: NDArray[np.float64]
    truth_type: NDArray[np.int64]
    found_type: NDArray[np.int64]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.truth_id)

    @classmethod
    def of(
        cls,
        pairs: NDArray[np.int64],
        iou: NDArray[np.float64],
        only_truth: NDArray[np.int64],
        only_found: NDArray[np.int64],
        truth_types: NDArray[Any] | None,
        found_types: NDArray[Any] | None,
    ) -> Self:
        """Write pairs and those alone one below the other, and look up their types.

        Parameters
        ----------
        pairs, iou
            (P, 2) ids of truth and prediction, and (P,) their IoU.
        only_truth, only_found
            (N,), (M,) ids of those alone.
        truth_types, found_types
            Integers, the type of every id (``types[0] == 0``); None where types are not known.

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
            _looked_up(truth_types, truth_id, "true", UNKNOWN),
            _looked_up(found_types, found_id, "predicted", 0),
        )

    def panoptic_by_type(self, num_types: int) -> tuple[PanopticCounts, ...]:
        """Count each type's pairs and those of it without a partner of the same type.

        A pair of two types is one false negative of the truth's type and one false positive of the prediction's: what
        counting on maps restricted to each type gives. True nuclei of unknown type and their partners are left out.

        Parameters
        ----------
        num_types
            Number of types, background included.

        Returns
        -------
        tuple of PanopticCounts
            By type; that of the background (0) is empty.

        Raises
        ------
        ValueError
            If there are other types.
        """
        truth, found = self._known(num_types)
        same = (truth == found) & (truth > 0)
        tp, there, seen = (_tally(types, num_types) for types in (truth[same], truth, found))
        iou_sum = np.bincount(truth[same], self.iou[self.truth_type != UNKNOWN][same], num_types)
        return tuple(
            PanopticCounts(pairs, found_all - pairs, truth_all - pairs, total)
            for pairs, found_all, truth_all, total in zip(tp, seen, there, iou_sum.tolist(), strict=True)
        )

    def classified_by_type(self, num_types: int) -> tuple[TypeCounts, ...]:
        """Count, for each type, pairs that agree, pairs that do not, and those alone; see `TypeCounts`.

        Parameters, return and errors as for `panoptic_by_type`.
        """
        truth, found = self._known(num_types)
        known = self.truth_type != UNKNOWN
        is_pair = (self.truth_id[known] > 0) & (self.found_id[known] > 0)
        same = is_pair & (truth == found)
        other = is_pair & (truth != found)
        columns = (found[same], found[other], truth[other], found[~is_pair], truth[~is_pair])
        return tuple(
            TypeCounts(*counts) for counts in zip(*(_tally(types, num_types) for types in columns), strict=True)
        )

    def _known(self, num_types: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Types of the rows whose true type is known."""
        for which, types, lowest in (("true", self.truth_type, UNKNOWN), ("predicted", self.found_type, 0)):
            strange = (types < lowest) | (types >= num_types)
            if strange.any():
                got = int(types[strange][0])
                raise ValueError(f"a {which} nucleus has type {got}; types go from {lowest} to {num_types - 1}")
        known = self.truth_type != UNKNOWN
        return self.truth_type[known], self.found_type[known]


def _tally(types: NDArray[np.int64], num_types: int) -> list[int]:
    """Count how often each type occurs; the background is no type."""
    counts: list[int] = np.bincount(types, minlength=num_types).tolist()
    return [0, *counts[1:]]


def _looked_up(types: NDArray[Any] | None, ids: NDArray[np.int64], which: str, not_known: int) -> NDArray[np.int64]:
    if types is None:
        return np.where(ids > 0, not_known, 0)
    if types.ndim != 1 or types.dtype.kind not in "iu" or len(types) <= ids.max(initial=0) or types[0] != 0:
        raise ValueError(
            f"{which} types are whole numbers, one for every id from 0 (whose type is 0) to {ids.max(initial=0)}; "
            f"got {types.shape} {types.dtype}"
            + (f" that begin with {types[0]}" if types.ndim == 1 and types.size else "")
        )
    return types[ids].astype(np.int64)
