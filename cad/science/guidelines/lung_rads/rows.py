"""The rows of the Lung-RADS table for nodules, stepped management included."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cad.domain import Composition, EarlierSize, Guideline, GuidelineNodule, Phrase, Sighting
from cad.policy import LungRadsPolicy
from cad.policy.guidelines.rules import LungRadsRule
from cad.science.guidelines.lung_rads.growth import Pace, component_pace, grew_repeatedly, pace_of, pace_phrase
from cad.science.guidelines.lung_rads.sizes import limits, solid_size, table_band, total_size
from cad.science.guidelines.sizes import is_smooth_juxtapleural, solid_kind
from cad.science.guidelines.verdicts import Scheme

Found = tuple[str, Phrase]
"""A category, and the row of the table that gives it."""

NOT_OF_A_LESION = ("0", "1")
"""Earlier categories from which stepped management cannot start: incomplete, and nothing that needs follow-up."""


@dataclass(frozen=True, slots=True)
class Case:
    """A nodule with one of the sizes, and one of the changes, that its solid component can have.

    `total` and `solid` are in the policy's measure.
    """

    nodule: GuidelineNodule
    total: float
    solid: float
    component: Pace


def scheme_of(policy: LungRadsPolicy) -> Scheme:
    """Edition and table."""
    return Scheme(Guideline.LUNG_RADS, policy.edition, policy.rows)


def possible_rows(nodule: GuidelineNodule, policy: LungRadsPolicy) -> tuple[Found, ...]:
    """The row of a nodule, or one per category that is possible when its solid component is not known."""
    rows: dict[str, Found] = {}
    for case in _cases(nodule, policy):
        row = _row(case, policy)
        rows.setdefault(row[0], row)
    return tuple(rows[category] for category in (row.code for row in policy.rows) if category in rows)


def step_down(before: str, interval_days: float, policy: LungRadsPolicy) -> str:
    """Stepped management of a stable or smaller lesion: 3 → 2 from six months on, 4A → 3 from three months on."""
    if before == "3" and interval_days >= policy.months_6_days:
        return "2"
    if before == "4A" and interval_days >= policy.months_3_days:
        return "3"
    return "4B" if before == "4X" else before


def _cases(nodule: GuidelineNodule, policy: LungRadsPolicy) -> tuple[Case, ...]:
    total = total_size(nodule.size, policy)
    solid = total if solid_kind(nodule) is Composition.SOLID else solid_size(nodule.size, policy)
    solids = _possible_components(total, policy) if solid is None else (solid,)
    change = component_pace(nodule, policy) if nodule.earlier else Pace.STABLE
    changes = (Pace.STABLE, Pace.GROWING) if change is None else (change,)
    return tuple(Case(nodule, total, size, pace) for size in solids for pace in changes)


def _possible_components(total: float, policy: LungRadsPolicy) -> tuple[float, ...]:
    """A size below every limit of a solid component, and each limit that the whole nodule reaches."""
    limits_mm = {policy.part_solid_component_new_or_growing_mm, *policy.part_solid_component_baseline_mm}
    return (0.0, *(limit for limit in limits(sorted(limits_mm), policy) if limit <= total))


def _row(case: Case, policy: LungRadsPolicy) -> Found:
    match case.nodule.sighting:
        case Sighting.BASELINE:
            return _baseline_row(case, policy)
        case Sighting.NEW:
            return _new_row(case, policy)
        case Sighting.FOLLOWED:
            return _followed_row(case, policy)


# -- first sights ----------------------------------------------------------------------------------------------


def _baseline_row(case: Case, policy: LungRadsPolicy) -> Found:
    if _is_small_juxtapleural(case, policy):
        return "2", Phrase(LungRadsRule.JUXTAPLEURAL, limit=policy.juxtapleural_below_mm)
    match solid_kind(case.nodule):
        case Composition.PART_SOLID:
            return _part_solid_baseline_row(case, policy)
        case Composition.GROUND_GLASS:
            reached, words = table_band(case.total, (policy.ground_glass_mm,), policy)
            return ("2", "3")[reached], Phrase(LungRadsRule.GROUND_GLASS, band=words)
        case _:
            reached, words = table_band(case.total, policy.solid_baseline_mm, policy)
            return ("2", "3", "4A", "4B")[reached], Phrase(LungRadsRule.SOLID_BASELINE, band=words)


def _is_small_juxtapleural(case: Case, policy: LungRadsPolicy) -> bool:
    """Solid, smooth, oval, lentiform or triangular, juxtapleural and below 10 mm; larger or lobulated ones are not."""
    limit = limits((policy.juxtapleural_below_mm,), policy)[0]
    return is_smooth_juxtapleural(case.nodule) and case.total < limit


def _part_solid_baseline_row(case: Case, policy: LungRadsPolicy) -> Found:
    reached, total = table_band(case.total, (policy.part_solid_total_mm,), policy)
    if not reached:
        return "2", Phrase(LungRadsRule.PART_SOLID_SMALL, total=total)
    reached, words = table_band(case.solid, policy.part_solid_component_baseline_mm, policy)
    return ("3", "4A", "4B")[reached], Phrase(LungRadsRule.PART_SOLID_BASELINE, total=total, band=words)


def _new_row(case: Case, policy: LungRadsPolicy) -> Found:
    if _is_small_juxtapleural(case, policy):
        return _baseline_row(case, policy)
    match solid_kind(case.nodule):
        case Composition.PART_SOLID:
            reached, words = table_band(case.total, (policy.part_solid_total_mm,), policy)
            return (
                _component_row(case, policy)
                if reached
                else ("3", Phrase(LungRadsRule.PART_SOLID_NEW_SMALL, total=words))
            )
        case Composition.GROUND_GLASS:
            return _baseline_row(case, policy)
        case _:
            reached, words = table_band(case.total, policy.solid_new_mm, policy)
            return ("2", "3", "4A", "4B")[reached], Phrase(LungRadsRule.SOLID_NEW, band=words)


def _component_row(case: Case, policy: LungRadsPolicy) -> Found:
    reached, words = table_band(case.solid, (policy.part_solid_component_new_or_growing_mm,), policy)
    return ("4A", "4B")[reached], Phrase(LungRadsRule.COMPONENT, band=words)


# -- nodules that were seen before -----------------------------------------------------------------------------


def _followed_row(case: Case, policy: LungRadsPolicy) -> Found:
    if solid_kind(case.nodule) is Composition.GROUND_GLASS:
        return _followed_ground_glass_row(case, policy)
    if case.component is Pace.GROWING:
        return _component_row(case, policy)
    match pace_of(case.nodule, policy):
        case Pace.GROWING:
            return _growing_row(case, policy)
        case Pace.STABLE | Pace.DECREASED if case.component is not Pace.SLOW:
            return _stepped_row(case, policy)
        case _:
            return _slow_row(case, policy)


def _slow_row(case: Case, policy: LungRadsPolicy) -> Found:
    """Growth that shows only over more than 12 months: note 8 where several examinations show it, else note 5."""
    paced = pace_phrase(case.nodule, policy)
    if grew_repeatedly(case.nodule, policy):
        return policy.slow_solid_growth, Phrase(LungRadsRule.SLOW, pace=paced)
    not_benign = replace(case, nodule=replace(case.nodule, juxtapleural_smooth=None))  # as it grows
    category, words = _baseline_row(not_benign, policy)
    return category, Phrase(LungRadsRule.SLOW_ONCE, row=words, pace=paced)


def _growing_row(case: Case, policy: LungRadsPolicy) -> Found:
    grows = pace_phrase(case.nodule, policy)
    if solid_kind(case.nodule) is Composition.SOLID:
        reached, words = table_band(case.total, (policy.solid_growing_mm,), policy)
        return ("4A", "4B")[reached], Phrase(LungRadsRule.SOLID_GROWING, band=words, pace=grows)
    category, words = _baseline_row(case, policy)
    least = scheme_of(policy).most_demanding(category, policy.part_solid_growing_in_total_least)
    return least, Phrase(LungRadsRule.IN_TOTAL, row=words, pace=grows)


def _followed_ground_glass_row(case: Case, policy: LungRadsPolicy) -> Found:
    """Ground glass stays 2 or becomes 2 again, unless it is large and grows, or had a solid part before."""
    if any(e.size.composition is not Composition.GROUND_GLASS for e in case.nodule.earlier):
        return _stepped_row(case, policy)
    reached, words = table_band(case.total, (policy.ground_glass_mm,), policy)
    paced = pace_phrase(case.nodule, policy)
    if reached and pace_of(case.nodule, policy) is Pace.GROWING:
        return policy.growing_large_ground_glass, Phrase(LungRadsRule.GROUND_GLASS_GROWING, band=words, pace=paced)
    return "2", Phrase(LungRadsRule.GROUND_GLASS_FOLLOWED, band=words, pace=paced)


def _stepped_row(case: Case, policy: LungRadsPolicy) -> Found:
    """Stepped management of a nodule that does not grow, unless its size reached a higher row (note 5)."""
    ranks = scheme_of(policy).ranks
    then = _case_then(case, policy)
    given = case.nodule.earlier[-1].lung_rads
    before = _row(then, policy)[0] if given is None else given.value
    now, words = _baseline_row(case, policy)
    if before in NOT_OF_A_LESION:
        return now, Phrase(LungRadsRule.EARLIER_SAYS_NOTHING, row=words, category=before)
    if ranks[now] > ranks[_baseline_row(then, policy)[0]]:
        return scheme_of(policy).most_demanding(now, before), Phrase(LungRadsRule.BY_SIZE, row=words)
    interval_days = case.nodule.earlier[-1].interval_days
    paced = pace_phrase(case.nodule, policy)
    stepped = Phrase(LungRadsRule.STEPPED, category=before, days=interval_days, pace=paced)
    return step_down(before, interval_days, policy), stepped


def _case_then(case: Case, policy: LungRadsPolicy) -> Case:
    """The nodule as its last earlier examination showed it; a component not measured then counts as it is now."""
    last = case.nodule.earlier[-1]
    before = tuple(
        EarlierSize(e.interval_days - last.interval_days, e.size, None, e.lung_rads) for e in case.nodule.earlier[:-1]
    )
    sighting = Sighting.FOLLOWED if before else Sighting.BASELINE
    nodule = replace(case.nodule, size=last.size, sighting=sighting, earlier=before)
    total, solid = total_size(last.size, policy), solid_size(last.size, policy)
    change = component_pace(nodule, policy) if before else Pace.STABLE
    return Case(
        nodule, total, min(case.solid, total) if solid is None else solid, case.component if change is None else change
    )
