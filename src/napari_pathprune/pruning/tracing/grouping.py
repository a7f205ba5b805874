"""Channel groups from united identities."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_pathprune.pruning.graph import SINGLE_CHANNEL, ChannelGroup, Kind, Member, Role, compress_positions
from napari_pathprune.pruning.modules.replica import split_name
from napari_pathprune.pruning.sizes import Length
from napari_pathprune.pruning.tracing.identities import MADE, READ, Identities, Ids

_ROLES: dict[int, Role] = {MADE: "out", READ: "in"}


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Channel groups, and the group and index of each identity.

    Attributes
    ----------
    groups
        In the order of execution.
    labels
        (identities,): class of each identity.
    group_of
        (identities,): number of the group of a class, or -1; look up with ``group_of[labels[ids]]``.
    index_of
        (identities,): index of a class in its group.
    """

    groups: tuple[ChannelGroup, ...]
    labels: Ids
    group_of: Ids
    index_of: Ids

    def length(self, ids: Ids) -> Length:
        """Return the length of an axis as a sum over groups."""
        numbers = self.group_of[self.labels[ids]]
        first = int(numbers[0])
        if bool((numbers == first).all()):
            return (len(ids), ()) if first < 0 else (0, ((first, len(ids) // self.groups[first].width),))
        counts = np.bincount(numbers + 1)  # entry 0 counts positions of no group
        found = (np.flatnonzero(counts[1:]) + 1).tolist()
        return int(counts[0]), tuple((n - 1, int(counts[n]) // self.groups[n - 1].width) for n in found)


def group_channels(ids: Identities) -> Grouping:
    """Sort classes of identities into groups: those that lie on the same axes, equally often, form a group."""
    labels = ids.classes()
    reasons = _frozen_classes(ids, labels)
    signature, first_made = _signatures(ids, labels)
    placed = signature != 0  # a class may lie on no axis: positions of an activation
    classes = np.flatnonzero((labels == np.arange(ids.count)) & (first_made >= 0) & placed)
    reason_names = ["", *dict.fromkeys(reason for _, reason in ids.frozen)]
    number_of = {name: number for number, name in enumerate(reason_names)}
    reason_of = np.array([number_of[reasons.get(int(c), "")] for c in classes], np.int64)
    order = np.lexsort((first_made[classes],))
    classes, reason_of = classes[order], reason_of[order]
    runs: dict[tuple[int, int], list[int]] = {}
    for position, key in enumerate(zip(signature[classes].tolist(), reason_of.tolist(), strict=True)):
        runs.setdefault(key, []).append(position)
    group_of = np.full(ids.count, -1, np.int64)
    index_of = np.zeros(ids.count, np.int64)
    frozen: list[str | None] = []
    units: list[Ids] = []
    for number, ((_, reason), positions) in enumerate(runs.items()):
        members = classes[positions]
        group_of[members] = number
        units.append(members)
        frozen.append(reason_names[reason] if reason else None)
    splits, units = _order_splits(ids, labels, group_of, units, frozen)
    for members in units:
        index_of[members] = np.arange(len(members))
    found = _find_members(ids, labels, group_of, index_of, [len(members) for members in units])
    skips = np.zeros(len(units), bool)
    for joined in ids.joined:
        touched = group_of[labels[joined]]
        skips[touched[touched >= 0]] = True
    groups = []
    for number, members in enumerate(units):
        kind: Kind = "skip" if skips[number] else "internal"
        single = SINGLE_CHANNEL if len(members) == splits[number] else None
        reason_text = frozen[number] or single
        groups.append(ChannelGroup("", len(members), tuple(found[number]), splits[number], kind, reason_text))
    return Grouping(tuple(_name_groups(groups)), labels, group_of, index_of)


def _frozen_classes(ids: Identities, labels: Ids) -> dict[int, str]:
    """Return why each class that must not be cut is frozen; the first reason counts."""
    reasons: dict[int, str] = {}
    for frozen, reason in ids.frozen:
        for root in np.unique(labels[frozen]).tolist():
            reasons.setdefault(root, reason)
    return reasons


def _signatures(ids: Identities, labels: Ids) -> tuple[NDArray[np.uint64], Ids]:
    """Return a hash of the axes that each class lies on, and its first identity with a filter (-1 if none)."""
    signature = np.zeros(ids.count, np.uint64)
    axes = np.concatenate([axis.ids for axis in ids.axes] or [np.zeros(0, np.int64)])
    hashes = np.array([_scramble(number + 1) for number in range(len(ids.axes))], np.uint64)
    np.add.at(signature, labels[axes], np.repeat(hashes, [len(axis.ids) for axis in ids.axes]))
    roles = ids.roles[: ids.count]
    first = np.full(ids.count, np.iinfo(np.int64).max, np.int64)
    for role, penalty in ((MADE, 0), (READ, ids.count)):  # made ones come first: they name and order the group
        of_role = np.flatnonzero(roles == role)
        np.minimum.at(first, labels[of_role], of_role + penalty)
    first[first == np.iinfo(np.int64).max] = -1
    return signature, first


def _scramble(number: int) -> np.uint64:
    """Spread a small number over 64 bits (splitmix64), so that sums of them identify sets."""
    mask = (1 << 64) - 1
    z = (number * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return np.uint64(z ^ (z >> 31))


def _order_splits(
    ids: Identities, labels: Ids, group_of: Ids, units: list[Ids], frozen: list[str | None]
) -> tuple[list[int], list[Ids]]:
    """Return the number of equal parts of every group, and its channels in the order of these parts."""
    parts: dict[int, list[Ids]] = {}
    for even in ids.even:
        roots = labels[even.ids]
        numbers = set(np.unique(group_of[roots]).tolist())
        open_numbers = {n for n in numbers if n >= 0 and frozen[n] is None}
        if not open_numbers:
            continue
        label = _part_labels(roots, units[open_numbers.copy().pop()]) if len(numbers) == 1 else None
        if label is None:
            for number in open_numbers:
                frozen[number] = f"its channels spread unevenly over the conv groups of {even.module}"
        elif label.max() > 0:
            parts.setdefault(open_numbers.pop(), []).append(label)
    splits = [1] * len(units)
    ordered = list(units)
    for number, labels_of_group in parts.items():
        cells = np.unique(np.stack(labels_of_group), axis=1, return_inverse=True)[1].ravel()
        sizes = np.bincount(cells)
        if len(set(sizes.tolist())) > 1:
            frozen[number] = frozen[number] or "its conv groups overlap unevenly"
            continue
        splits[number] = len(sizes)
        ordered[number] = units[number][np.argsort(cells, kind="stable")]
    return splits, ordered


def _part_labels(roots: Ids, units: Ids) -> Ids | None:
    """Return the conv group of each channel, all 0 if each is in every one alike, or None if neither holds."""
    column = {int(root): number for number, root in enumerate(units)}
    counts = np.zeros((len(units), len(roots)), np.int64)
    for split, row in enumerate(roots):
        np.add.at(counts, ([column[int(root)] for root in row], split), 1)
    if (counts == counts[:, :1]).all():
        return np.zeros(len(units), np.int64)
    one_each = ((counts > 0).sum(axis=1) == 1).all() and len(np.unique(counts)) == 2
    labels: Ids = counts.argmax(axis=1)
    equal = len(set(np.bincount(labels, minlength=len(roots)).tolist())) == 1
    return labels if one_each and equal else None


def _find_members(
    ids: Identities, labels: Ids, group_of: Ids, index_of: Ids, widths: Sequence[int]
) -> list[list[Member]]:
    found: list[list[Member]] = [[] for _ in widths]
    numbers, indices = group_of[labels], index_of[labels]
    for axis, runs in zip(ids.axes, _split_axes(ids, numbers, indices), strict=True):
        module, parameter = split_name(axis.name)
        start = int(axis.ids[0])
        own = [int(numbers[first]) for first, _ in runs]
        present = [number for number in own if number >= 0]
        whole = len(set(present)) == len(present) and all(
            number < 0 or stop - first == widths[number] for number, (first, stop) in zip(own, runs, strict=True)
        )
        if whole:
            for number, (first, _) in zip(own, runs, strict=True):
                if number >= 0:
                    role = _ROLES.get(int(ids.roles[first]), "scale")
                    found[number].append(Member(module, parameter, axis.axis, first - start, role, 1, axis.splits))
            continue
        on_axis = numbers[start : start + len(axis.ids)]
        for number in dict.fromkeys(present):
            where = np.flatnonzero(on_axis == number)
            by_channel = where[np.argsort(indices[start + where], kind="stable")]
            role = _ROLES.get(int(ids.roles[start + where[0]]), "scale")
            for positions, block in _split_stretches(by_channel.reshape(widths[number], -1)):
                offset, order = compress_positions(positions)
                found[number].append(Member(module, parameter, axis.axis, offset, role, block, axis.splits, order))
    return found


def _split_axes(ids: Identities, numbers: Ids, indices: Ids) -> Iterable[list[tuple[int, int]]]:
    """Yield the runs of each axis; a new one starts where the group changes or the index does not rise by one."""
    breaks = (np.flatnonzero((np.diff(numbers) != 0) | (np.diff(indices) != 1)) + 1).tolist()
    for axis in ids.axes:  # the identities of an axis are consecutive
        start, stop = int(axis.ids[0]), int(axis.ids[0]) + len(axis.ids)
        inner = breaks[bisect_right(breaks, start) : bisect_left(breaks, stop)]
        yield list(pairwise([start, *inner, stop]))


def _split_stretches(positions: Ids) -> Iterable[tuple[Ids, int]]:
    """Split (width, block) positions into one stretch for each column if these are consecutive."""
    block = positions.shape[1]
    flat = positions.ravel()
    columns = positions.T
    if block > 1 and bool((np.diff(columns, axis=1) == 1).all()):
        return [(column, 1) for column in columns]
    return [(flat, block)]


def _name_groups(groups: list[ChannelGroup]) -> Iterable[ChannelGroup]:
    """Yield the groups under unique names: that of the first module that makes, or else reads, their channels."""
    places = []
    for group in groups:
        makers = group.producers or tuple(m for m in group.members if m.role == "in") or group.members
        first = makers[0]
        path = (first.module if first.parameter in {"weight", "bias"} else "") or first.tensor
        places.append((path if first.role == "out" else f"{path} (input)", first.offset, group.width * first.block))
    names = [path for path, _, _ in places]
    taken: set[str] = set()
    for group, (path, offset, length) in zip(groups, places, strict=True):
        name = path if names.count(path) == 1 else f"{path}[{offset}:{offset + length}]"
        number = 2
        while name in taken:  # scattered channels of one layer
            name, number = f"{path}[{offset}:{offset + length}]#{number}", number + 1
        taken.add(name)
        yield replace(group, name=name)
