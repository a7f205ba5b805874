"""Channel groups: the places of a network that have to lose the same channels together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_pathprune.pruning.sizes import Sizes

Role = Literal["out", "in", "scale"]
Kind = Literal["skip", "internal"]
Indices = NDArray[np.int64]

SINGLE_CHANNEL = "one channel is left"


@dataclass(frozen=True, slots=True)
class Member:
    """One place where the channels of a group live: a stretch of one axis of a parameter or buffer.

    Attributes
    ----------
    module
        Dotted path of the module; empty for the model itself.
    parameter
        Name of the parameter or buffer in that module.
    axis
        Axis of the tensor.
    offset
        Position of the group's first channel on that axis; not zero after a concatenation.
    role
        ``"out"``: a filter makes the channel. ``"in"``: a filter reads it. ``"scale"``: anything that is applied to
        each channel alone (biases, norms, layer scales, added embeddings).
    block
        Consecutive positions that belong to one channel: 49 where a 7x7 map is flattened before a linear layer.
    splits
        Number of conv groups, if the positions are counted over all of them although the axis of the tensor holds
        those of one.
    order
        Positions relative to ``offset``, ``block`` for each channel; None if they are consecutive.
    """

    module: str
    parameter: str
    axis: int
    offset: int
    role: Role
    block: int = 1
    splits: int = 1
    order: tuple[int, ...] | None = None

    @property
    def tensor(self) -> str:
        """Name of the parameter or buffer in the model's state."""
        return f"{self.module}.{self.parameter}" if self.module else self.parameter

    def positions(self, width: int) -> Indices:
        """Return the positions on the axis, (width, block)."""
        if self.order is None:
            return np.arange(self.offset, self.offset + width * self.block, dtype=np.int64).reshape(width, self.block)
        return (self.offset + np.asarray(self.order, np.int64)).reshape(width, self.block)


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that are cut together, with the same index in every member.

    Attributes
    ----------
    name
        Name of the module that makes these channels first; ``name[a:b]`` where a module makes several groups.
    width
        Number of channels.
    members
        Every place that holds these channels, in the order of execution.
    splits
        Number of equal parts (conv groups) that each keep the same number of channels, but not the same ones.
        Channel ``i`` belongs to part ``i // (width // splits)``.
    kind
        ``"skip"`` if an addition joins the outputs of two producers of these channels (residual or
        encoder-decoder), else ``"internal"``.
    frozen
        The reason why the group cannot be cut, or None.
    """

    name: str
    width: int
    members: tuple[Member, ...]
    splits: int = 1
    kind: Kind = "internal"
    frozen: str | None = None

    @property
    def producers(self) -> tuple[Member, ...]:
        """Members whose filters make the channels."""
        return tuple(member for member in self.members if member.role == "out")


@dataclass(frozen=True, slots=True)
class Rescale:
    """Rows of a weight that compensate for a number in the code that is a power of a width.

    Attention is scaled by the root of the number of dimensions of a head. When some dimensions are cut, the rows that
    make the queries are multiplied, so that the remaining ones give the same products as before.

    Attributes
    ----------
    tensor
        Name of the parameter.
    rows
        Positions on its axis 0.
    fixed, parts
        The width: number of positions of no group, and pairs of a group and its positions for each channel.
    power
        The number in the code is ``width ** power`` times a constant.
    """

    tensor: str
    rows: tuple[int, ...]
    fixed: int
    parts: tuple[tuple[str, int], ...]
    power: float

    def factor(self, before: Mapping[str, int], after: Mapping[str, int]) -> float:
        """Return the factor for the rows when the widths of the groups change."""
        widths = [self.fixed + sum(block * own[name] for name, block in self.parts) for own in (before, after)]
        return float((widths[0] / widths[1]) ** self.power)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelGraph:
    """All channel groups of a network, as found by `trace`.

    Attributes
    ----------
    groups
        In the order of execution, including those that cannot be cut.
    shapes
        Shape of every parameter and buffer of the traced model.
    example
        Positional and keyword arguments of the traced call, with `TensorSpec` for tensors.
    sizes
        Parameters, MACs and bytes as functions of the widths of the groups.
    unreached
        Parameters that the traced call did not use, such as heads for training only. They are not cut, and no
        longer fit if the channels that they read are.
    norms
        Weights of norms that take one mean over all channels (layer norm); after a cut, over those that stay.
    rescales
        Weights that compensate for numbers in the code.
    directions
        Pairs of a tensor and its axis on which a masked model keeps removed rows: those of a weight norm, whose
        lengths are zeroed instead.
    standardised
        Weights that are standardised over the channels that they read; after a cut, over those that stay.
    """

    groups: tuple[ChannelGroup, ...]
    shapes: Mapping[str, tuple[int, ...]]
    example: tuple[Any, Any]
    sizes: Sizes
    unreached: tuple[str, ...] = ()
    norms: tuple[str, ...] = ()
    rescales: tuple[Rescale, ...] = ()
    directions: tuple[tuple[str, int], ...] = ()
    standardised: tuple[str, ...] = ()

    @property
    def prunable(self) -> tuple[ChannelGroup, ...]:
        """The groups that can be cut."""
        return tuple(group for group in self.groups if group.frozen is None)

    @property
    def frozen(self) -> dict[str, str]:
        """The reason why each frozen group cannot be cut, by name of the group."""
        return {group.name: group.frozen for group in self.groups if group.frozen is not None}

    def group(self, name: str) -> ChannelGroup:
        """Return the group of this name.

        Raises
        ------
        ValueError
            If there is no such group.
        """
        for group in self.groups:
            if group.name == name:
                return group
        raise ValueError(f"got channel group {name!r}, which this graph does not have; see graph.to_text()")

    def to_text(self) -> str:
        """Return a readable form: one paragraph for each group, one line for each module in it."""
        lines = [line for group in self.groups for line in _write_group(group)]
        return "\n".join([*lines, *(f"not reached: {name}" for name in self.unreached)])

    def fingerprint(self) -> str:
        """Return a hash of the groups, independent of the weights, the process and the machine."""
        text = "\n".join(
            f"{group.name}|{group.width}|{group.splits}|{group.kind}|{group.frozen is None}|"
            + ";".join(f"{m.tensor},{m.axis},{m.offset},{m.role},{m.block},{m.splits},{m.order}" for m in group.members)
            for group in self.groups
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def after(self, keep: Mapping[str, tuple[int, ...]]) -> ChannelGraph:
        """Return the graph of the compact model, without another trace.

        Parameters
        ----------
        keep
            Group to the indices that stay; groups that are not named stay whole.
        """
        if not isinstance(keep, Mapping):
            raise ValueError(  # noqa: TRY004 (the user's mistake)
                f"got keep of type {type(keep).__name__}; give the indices that stay by group, such as plan.keep"
            )
        kept = {group.name: np.asarray(keep.get(group.name, range(group.width)), np.int64) for group in self.groups}
        gone = positions_to_cut(self, keep)
        groups: list[ChannelGroup] = []
        for group in self.groups:
            width = len(kept[group.name])
            members = tuple(_move_member(m, group.width, kept[group.name], gone) for m in group.members)
            single = SINGLE_CHANNEL if width == group.splits else None
            groups.append(replace(group, width=width, members=members, frozen=group.frozen or single))
        shapes = {name: tuple(shape) for name, shape in self.shapes.items()}
        for (name, axis, splits), cut in gone.items():
            shape = list(shapes[name])
            shape[axis] -= len(cut) // splits
            shapes[name] = tuple(shape)
        rescales = tuple(
            replace(own, rows=_renumber_rows(own.rows, gone.get((own.tensor, 0, 1)))) for own in self.rescales
        )
        return replace(self, groups=tuple(groups), shapes=shapes, rescales=rescales)

    def __repr__(self) -> str:
        return f"ChannelGraph({len(self.groups)} groups, {len(self.frozen)} of them frozen, {self.fingerprint()})"


def positions_to_cut(graph: ChannelGraph, keep: Mapping[str, tuple[int, ...]]) -> dict[tuple[str, int, int], Indices]:
    """Return the sorted positions to remove, for every (tensor, axis, splits) that loses some."""
    parts: dict[tuple[str, int, int], list[Indices]] = {}
    for group in graph.groups:
        stay = keep.get(group.name)
        if stay is None or len(stay) == group.width:
            continue
        gone = np.setdiff1d(np.arange(group.width), np.asarray(stay, np.int64), assume_unique=True)
        for member in group.members:
            key = (member.tensor, member.axis, member.splits)
            parts.setdefault(key, []).append(member.positions(group.width)[gone].ravel())
    return {key: np.sort(np.concatenate(value)) for key, value in parts.items()}


def _renumber_rows(rows: tuple[int, ...], gone: Indices | None) -> tuple[int, ...]:
    """Return the new positions of the rows that stay."""
    if gone is None:
        return rows
    stay = np.setdiff1d(np.asarray(rows, np.int64), gone)
    return tuple((stay - np.searchsorted(gone, stay)).tolist())


def _move_member(member: Member, width: int, kept: Indices, gone: Mapping[tuple[str, int, int], Indices]) -> Member:
    """Return the place of a member after the cut: positions shift by the number removed before them."""
    cut = gone.get((member.tensor, member.axis, member.splits))
    if cut is None:
        return member
    at_start = member.offset == 0 and member.order is None and cut[-1] < width * member.block
    if (
        at_start and len(cut) == (width - len(kept)) * member.block
    ):  # nothing is removed before it, nor between its channels
        return member
    old = member.positions(width)[kept].ravel()
    offset, order = compress_positions(old - np.searchsorted(cut, old))
    return Member(member.module, member.parameter, member.axis, offset, member.role, member.block, member.splits, order)


def compress_positions(positions: Indices) -> tuple[int, tuple[int, ...] | None]:
    """Return the offset and the order of flat positions; the order is None if they are consecutive."""
    offset = int(positions.min())
    relative = positions - offset
    regular = bool((relative == np.arange(len(positions))).all())
    return offset, None if regular else tuple(relative.tolist())


def _write_group(group: ChannelGroup) -> Iterator[str]:
    splits = f", {group.splits} splits" if group.splits > 1 else ""
    frozen = f", frozen: {group.frozen}" if group.frozen else ""
    yield f"{group.name}: {group.width} {group.kind}{splits}{frozen}"
    lines: dict[str, str] = {}
    for member in group.members:
        where = f" at {member.offset}" if member.offset else ""
        where += f", blocks of {member.block}" if member.block > 1 else ""
        where += ", scattered" if member.order is not None else ""
        where += f", {member.splits} splits" if member.splits > 1 else ""
        known = member.parameter in {"weight", "bias", "running_mean", "running_var"}
        path = member.module if known else member.tensor
        lines.setdefault(f"{path}{where}", member.role)
    yield from (f"    {role:<5} {place}" for place, role in lines.items())
