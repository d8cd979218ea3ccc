"""What a report says of a nodule's change since earlier examinations, before it is put into words of any language."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cad.domain import (
    ChangeStatus,
    FollowUp,
    Lobe,
    Nodule,
    NoduleChange,
    PriorNodule,
    Side,
    SizeAt,
    SizeChange,
    VolumeTrend,
)
from cad.policy import WordingPolicy

STATUS_ORDER = (
    ChangeStatus.GROWING,
    ChangeStatus.NEW,
    ChangeStatus.SHRINKING,
    ChangeStatus.RESOLVED,
    ChangeStatus.STABLE,
)
"""What a reader looks for first."""


class Untold(enum.Enum):
    """Why it cannot be told whether a nodule is new or gone: its place was outside the field of view."""

    THEN = "then"
    NOW = "now"


Verdict = ChangeStatus | Untold
VERDICT_ORDER: tuple[Verdict, ...] = (*STATUS_ORDER, *Untold)


@dataclass(frozen=True, slots=True)
class SizeSaid:
    """A nodule's size at one examination."""

    volume_mm3: float
    interval_mm3: tuple[float, float] | None
    mean_diameter_mm: float


@dataclass(frozen=True, slots=True)
class Named:
    """A nodule by its label, which is that of an earlier examination when `is_earlier`."""

    label: str
    is_earlier: bool


UNNAMED = Named("", is_earlier=True)
"""A nodule of an earlier examination of which no label is known."""


@dataclass(frozen=True, slots=True)
class ChangeStatement:
    """What is said of one nodule's change. None, and what is not in a tuple, is left out of the sentence.

    `record` is the change itself, `nodule` the current nodule, None for one that is gone.
    `split_into` and `merged_from` name other nodules. `since` is the first date of the
    trend, `shown_before` that of an older examination that shows a nodule which the latest one does not.
    """

    name: Named
    verdict: Verdict
    side: Side | None
    lobe: Lobe | None
    then: SizeSaid | None
    now: SizeSaid | None
    change: SizeChange | None
    searched_again: bool
    split_into: tuple[Named, ...]
    merged_from: tuple[Named, ...]
    trend: VolumeTrend | None
    since: datetime.date | None
    shown_before: datetime.date | None
    record: NoduleChange
    nodule: Nodule | None


@dataclass(frozen=True, slots=True, eq=False)
class FollowupStatement:
    """What is said of the comparison. `changes` are in the order of its records; `pictured` get a picture."""

    record: FollowUp
    changes: tuple[ChangeStatement, ...]
    counts: tuple[tuple[Verdict, int], ...]
    pictured: tuple[ChangeStatement, ...]

    def change_of(self, number: int) -> ChangeStatement | None:
        """What became of the n-th current nodule (from 0); None when it was not compared."""
        return next((one for one in self.changes if one.record.current == number), None)


def state_followup(followup: FollowUp, nodules: Sequence[Nodule], policy: WordingPolicy) -> FollowupStatement:
    """What is said of a comparison and of each change."""
    names = _names(followup, nodules)
    changes = tuple(_state_change(change, nodules, names) for change in followup.changes)
    return FollowupStatement(followup, changes, _counts(changes), _pictured(changes, policy))


def verdict_of(change: NoduleChange) -> Verdict:
    """What became of a nodule, as far as both examinations show its place."""
    if change.prior is None and change.place_in_prior is None:
        return Untold.THEN
    return Untold.NOW if change.current is None and change.place_in_current is None else change.status


def size_then(change: NoduleChange) -> SizeSaid | None:
    """The size at the latest earlier examination, with all parts that are one nodule now; None for a new nodule."""
    prior = change.prior
    if prior is None:
        return None
    before = change.history if change.current is None else change.history[:-1]
    if before:
        return _said(before[-1].size)
    return SizeSaid(prior.volume_mm3, prior.volume_interval_mm3, prior.size.axes.mean_mm)


def _counts(changes: Sequence[ChangeStatement]) -> tuple[tuple[Verdict, int], ...]:
    """How many nodules there are of each verdict that occurs, most pressing first."""
    found = [one.verdict for one in changes]
    return tuple((verdict, found.count(verdict)) for verdict in VERDICT_ORDER if verdict in found)


def _pictured(changes: Sequence[ChangeStatement], policy: WordingPolicy) -> tuple[ChangeStatement, ...]:
    """The changes that get a picture of then and now: what changed first, then stable nodules, as far as allowed."""
    ranked = sorted(changes, key=lambda one: STATUS_ORDER.index(one.record.status))
    changed = [one for one in ranked if one.record.status is not ChangeStatus.STABLE]
    stable = [one for one in ranked if one.record.status is ChangeStatus.STABLE]
    return (*changed[: policy.changed_comparisons], *stable[: policy.stable_comparisons])


def _names(followup: FollowUp, nodules: Sequence[Nodule]) -> Mapping[str, Named]:
    """The name of each nodule by its tracking UID; that of now where there is one."""
    earlier = {n.tracking_uid: Named(n.label, is_earlier=True) for n in _prior_nodules(followup)}
    return {**earlier, **{n.tracking_uid: Named(n.label, is_earlier=False) for n in nodules}}


def _prior_nodules(followup: FollowUp) -> Iterator[PriorNodule]:
    yield from followup.latest.scan.nodules or ()
    yield from (change.prior for change in followup.changes if change.prior is not None)


def _state_change(change: NoduleChange, nodules: Sequence[Nodule], names: Mapping[str, Named]) -> ChangeStatement:
    nodule = None if change.current is None else nodules[change.current]
    prior = change.prior
    parts = tuple(names.get(uid, UNNAMED) for uid in change.parts)
    dates = [entry.acquired for entry in change.history]
    return ChangeStatement(
        name=_name_of(nodule, prior),
        verdict=verdict_of(change),
        side=nodule.side if nodule is not None else None if prior is None else prior.side,
        lobe=_lobe(nodule, prior),
        then=size_then(change),
        now=None if nodule is None else _now(nodule, change),
        change=change.change,
        searched_again=change.searched_again,
        split_into=tuple(part for part in parts if not part.is_earlier),
        merged_from=tuple(part for part in parts if part.is_earlier),
        trend=change.trend,
        since=dates[0] if dates else None,
        shown_before=dates[-2] if prior is None and len(dates) > 1 else None,
        record=change,
        nodule=nodule,
    )


def _name_of(nodule: Nodule | None, prior: PriorNodule | None) -> Named:
    if nodule is not None:
        return Named(nodule.label, is_earlier=False)
    if prior is None:
        raise ValueError("a change belongs to a nodule of now or of then")
    return Named(prior.label, is_earlier=True)


def _lobe(nodule: Nodule | None, prior: PriorNodule | None) -> Lobe | None:
    if nodule is not None:
        return None if nodule.location is None else nodule.location.lobe
    return None if prior is None else prior.lobe


def _now(nodule: Nodule, change: NoduleChange) -> SizeSaid:
    """The size now, with all parts that were one nodule then."""
    if change.history:
        return _said(change.history[-1].size)
    interval = None if nodule.measures is None else nodule.measures.volume_interval_mm3
    return SizeSaid(nodule.volume_mm3, interval, nodule.diameters.mean_mm)


def _said(size: SizeAt) -> SizeSaid:
    return SizeSaid(size.volume_mm3, size.volume_interval_mm3, size.mean_diameter_mm)
