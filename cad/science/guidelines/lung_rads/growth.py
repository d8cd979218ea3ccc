"""Growth as Lung-RADS v2022 defines it: an increase of the mean diameter by more than 1.5 mm within 12 months."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from cad.domain import Composition, GuidelineNodule, Phrase, rounded
from cad.policy import LungRadsPolicy
from cad.policy.guidelines.rules import LungRadsRule
from cad.science.guidelines.lung_rads.sizes import solid_mm, total_mm
from cad.science.guidelines.sizes import solid_kind


class Pace(enum.StrEnum):
    """How a size changed."""

    GROWING = "growing"
    SLOW = "slowly-growing"
    STABLE = "stable"
    DECREASED = "decreased"


@dataclass(frozen=True, slots=True)
class Past:
    """A diameter at an examination `days` before the current one."""

    days: float
    diameter_mm: float


def pace(now_mm: float, past: Sequence[Past], policy: LungRadsPolicy) -> Pace:
    """How a diameter changed since earlier examinations, oldest first.

    Where growth shows only over more than 12 months, `policy.long_interval_growth` decides. What grew between two
    earlier examinations had its category then, and is measured from the later one on. The increase of 2 mm³ in the
    text of Lung-RADS is never used: every nodule has it.
    """
    gains = [(p.days, rounded(now_mm - p.diameter_mm, 1)) for p in past[_last_growth(past, policy) :]]
    if any(_is_growth(days, gain, policy) for days, gain in gains):
        return Pace.GROWING
    most = max(gain for _, gain in gains)
    if most > policy.growth_above_mm:
        return Pace.SLOW
    return Pace.DECREASED if most < -policy.growth_above_mm else Pace.STABLE


def pace_of(nodule: GuidelineNodule, policy: LungRadsPolicy) -> Pace:
    """How a followed nodule changed in total."""
    past = [Past(e.interval_days, total_mm(e.size, policy)) for e in nodule.earlier]
    return pace(total_mm(nodule.size, policy), past, policy)


def pace_phrase(nodule: GuidelineNodule, policy: LungRadsPolicy) -> Phrase:
    """The same to be said, with the change since the first examination."""
    first = nodule.earlier[0]
    gain = rounded(total_mm(nodule.size, policy) - total_mm(first.size, policy), 1)
    return Phrase(LungRadsRule.PACE, pace=pace_of(nodule, policy), gain=gain, days=first.interval_days)


def component_pace(nodule: GuidelineNodule, policy: LungRadsPolicy) -> Pace | None:
    """How the solid component of a followed nodule changed; None when its sizes do not tell.

    A component is new, and counts as growing, where an earlier examination showed ground glass. A nodule that has
    been solid all the time has no component apart from itself and counts as stable here.
    """
    kind, kinds_then = solid_kind(nodule), {e.size.composition for e in nodule.earlier}
    if kind is Composition.GROUND_GLASS or nodule.cavitary:
        return Pace.STABLE
    if Composition.GROUND_GLASS in kinds_then:
        return Pace.GROWING
    if kind is Composition.SOLID and Composition.PART_SOLID not in kinds_then:
        return Pace.STABLE
    now = solid_mm(nodule.size, policy)
    measured = [(e.interval_days, solid_mm(e.size, policy)) for e in nodule.earlier]
    past = [Past(days, mm) for days, mm in measured if mm is not None]
    return None if now is None or not past else pace(now, past, policy)


def grew_repeatedly(nodule: GuidelineNodule, policy: LungRadsPolicy) -> bool:
    """Whether the nodule, or its solid component, became larger between each of three examinations or more (note 8)."""
    sizes = [*(e.size for e in nodule.earlier), nodule.size]
    totals, solids = [total_mm(size, policy) for size in sizes], [solid_mm(size, policy) for size in sizes]
    known = [solid for solid in solids if solid is not None]
    return len(sizes) > 2 and any(
        len(series) == len(sizes) and all(after > before for before, after in itertools.pairwise(series))
        for series in (totals, known)
    )


def has_doubled(nodule: GuidelineNodule, policy: LungRadsPolicy) -> bool:
    """Whether ground glass doubled its mean diameter within 12 months, which is a suspicious feature."""
    now = total_mm(nodule.size, policy)
    return solid_kind(nodule) is Composition.GROUND_GLASS and any(
        e.interval_days <= policy.months_12_days and now >= policy.doubling_factor * total_mm(e.size, policy)
        for e in nodule.earlier
    )


def _last_growth(past: Sequence[Past], policy: LungRadsPolicy) -> int:
    """The number of the earlier examination that last showed growth; 0 when none did."""
    grown = [
        number
        for number, (before, after) in enumerate(itertools.pairwise(past), start=1)
        if _is_growth(before.days - after.days, rounded(after.diameter_mm - before.diameter_mm, 1), policy)
    ]
    return grown[-1] if grown else 0


def _is_growth(days: float, gain_mm: float, policy: LungRadsPolicy) -> bool:
    if gain_mm <= policy.growth_above_mm:
        return False
    if days <= policy.months_12_days or policy.long_interval_growth == "total":
        return True
    return gain_mm * policy.days_per_year / days > policy.growth_above_mm
