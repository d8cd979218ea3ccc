"""Fleischner Society 2017: incidental nodules → the row of its table, by low and high risk.

Source: MacMahon et al., Radiology 2017. Not for screening, patients younger than 35 years, a known primary cancer or
immunosuppression.
"""

from __future__ import annotations

from collections.abc import Sequence

from cad.domain import (
    Composition,
    Guideline,
    GuidelineNodule,
    NoduleSize,
    PatientFactors,
    Phrase,
    Recommendation,
    RiskLevel,
    rounded,
)
from cad.policy import FleischnerPolicy
from cad.policy.guidelines.fleischner import FleischnerRow
from cad.policy.guidelines.rules import FleischnerRule, Outcome, Rule
from cad.science.guidelines.sizes import (
    benign_assumption,
    inclusive_band,
    is_benign,
    is_typical_perifissural,
    measured_signs,
    solid_kind,
)
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict, category, not_applicable, with_assumptions

GROWTH_DECIMALS = 1
"""A change of diameter is a difference of measurements to 0.1 mm."""


def fleischner(nodules: Sequence[GuidelineNodule], patient: PatientFactors, policy: FleischnerPolicy) -> Recommendation:
    """What the most suspicious nodule asks for; "not applicable" when the guideline excludes the patient."""
    scheme = scheme_of(patient.risk_level, policy)
    if reasons := exclusions(patient, policy):
        return not_applicable(scheme, Phrase(FleischnerRule.NOT_FOR, edition=policy.edition, reasons=reasons))
    followed = [nodule for nodule in nodules if not _needs_nothing(nodule, policy)]
    solid = sum(solid_kind(nodule) is Composition.SOLID for nodule in followed)
    several = {True: solid > 1, False: len(followed) - solid > 1}  # solid and subsolid nodules have tables of their own
    opinions = [
        _opinion(nodule, policy, multiple=several[solid_kind(nodule) is Composition.SOLID])
        if nodule in followed
        else _benign_opinion(nodule)
        for nodule in nodules
    ]
    nothing = Verdict(FleischnerRow.NO_NODULE, Phrase(Rule.NO_NODULE))
    if nodules and not followed:
        every = Verdict(FleischnerRow.BENIGN, Phrase(Rule.EVERY_BENIGN, nodules=len(nodules)))
        opinions.insert(0, Opinion((every,)))  # one sentence for all of them
    return with_assumptions(scheme.recommend(opinions, nothing), *_taken_for_granted(patient, policy))


def _benign_opinion(nodule: GuidelineNodule) -> Opinion:
    benign = Verdict(FleischnerRow.BENIGN, Phrase(Rule.BENIGN_FEATURES, label=nodule.label))
    return Opinion((benign,), measured_signs(nodule), label=nodule.label)


def exclusions(patient: PatientFactors, policy: FleischnerPolicy) -> tuple[Phrase, ...]:
    """Why the guideline is not for this patient; empty when nothing known excludes it."""
    is_young = patient.age_years is not None and patient.age_years < policy.min_age_years
    reasons = (
        (Phrase(FleischnerRule.SCREENING), patient.screening is True),
        (Phrase(FleischnerRule.YOUNGER, years=policy.min_age_years), is_young),
        (Phrase(FleischnerRule.CANCER), patient.known_cancer is True),
        (Phrase(FleischnerRule.IMMUNOSUPPRESSION), patient.immunosuppressed is True),
    )
    return tuple(phrase for phrase, is_so in reasons if is_so)


def scheme_of(risk: RiskLevel | None, policy: FleischnerPolicy) -> Scheme:
    """The table for a risk; an unknown risk keeps both recommendations where they differ."""
    high_risk = None if risk is None else risk is RiskLevel.HIGH
    return Scheme(Guideline.FLEISCHNER, policy.edition, policy.rows, high_risk)


def _taken_for_granted(patient: PatientFactors, policy: FleischnerPolicy) -> tuple[Phrase, ...]:
    unknown = (
        (Phrase(FleischnerRule.IS_OLD_ENOUGH, years=policy.min_age_years), patient.age_years),
        (Phrase(FleischnerRule.NO_CANCER), patient.known_cancer),
        (Phrase(FleischnerRule.NOT_IMMUNOSUPPRESSED), patient.immunosuppressed),
        (Phrase(FleischnerRule.INCIDENTAL), patient.screening),
    )
    return tuple(phrase for phrase, value in unknown if value is None)


def _needs_nothing(nodule: GuidelineNodule, policy: FleischnerPolicy) -> bool:
    """Benign features, or a typical perifissural or other smooth juxtapleural nodule."""
    is_typical = is_typical_perifissural(nodule, policy.typical_perifissural_below_mm)
    return is_benign(nodule) or is_typical or bool(nodule.proven_benign)


def _opinion(nodule: GuidelineNodule, policy: FleischnerPolicy, *, multiple: bool) -> Opinion:
    size = mean_size(nodule.size, policy)
    rows = _rows(nodule, size, policy, multiple=multiple)
    described = _described(nodule, size)
    verdicts = tuple(Verdict(row, Phrase(Rule.NODULE, nodule=described, rule=category(row))) for row in rows)
    assuming = (*benign_assumption(nodule, Outcome.WITHOUT_FOLLOW_UP), *_component_unknown(nodule, rows))
    return Opinion(verdicts, assuming, label=nodule.label)


def _described(nodule: GuidelineNodule, size: float) -> Phrase:
    kind, mm = nodule.size.composition, f"{size:g}"
    if not nodule.earlier:
        return Phrase(Rule.MEAN, label=nodule.label, composition=kind, mm=mm)
    return Phrase(Rule.MEAN_AND_GAIN, label=nodule.label, composition=kind, mm=mm, gain=_gain_mm(nodule))


SOLID_ROWS = {
    False: (FleischnerRow.SINGLE_SOLID_BELOW_6, FleischnerRow.SINGLE_SOLID_6_TO_8, FleischnerRow.SOLID_ABOVE_8),
    True: (FleischnerRow.MULTIPLE_SOLID_BELOW_6, FleischnerRow.MULTIPLE_SOLID_6_TO_8, FleischnerRow.SOLID_ABOVE_8),
}
"""Rows of solid nodules, by whether there are several."""

SUBSOLID_ROWS = {
    None: (FleischnerRow.MULTIPLE_SUBSOLID_BELOW_6, FleischnerRow.MULTIPLE_SUBSOLID_6_OR_MORE),
    Composition.GROUND_GLASS: (
        FleischnerRow.SINGLE_GROUND_GLASS_BELOW_6,
        FleischnerRow.SINGLE_GROUND_GLASS_6_OR_MORE,
    ),
    Composition.PART_SOLID: (FleischnerRow.SINGLE_PART_SOLID_BELOW_6, FleischnerRow.SINGLE_PART_SOLID_6_OR_MORE),
}
"""Rows of several subsolid nodules, and of one by its kind."""

GROWING_ROWS = {
    Composition.SOLID: FleischnerRow.SOLID_GROWING,
    Composition.GROUND_GLASS: FleischnerRow.GROUND_GLASS_GROWING,
    Composition.PART_SOLID: FleischnerRow.PART_SOLID_LARGE_COMPONENT_OR_GROWING,
}


def _rows(
    nodule: GuidelineNodule, size: float, policy: FleischnerPolicy, *, multiple: bool
) -> tuple[FleischnerRow, ...]:
    grows = bool(nodule.earlier) and _gain_mm(nodule) >= policy.growth_from_mm
    kind = solid_kind(nodule)
    if kind is Composition.PART_SOLID and size >= policy.subsolid_mm:
        return _part_solid(nodule, policy, multiple=multiple, grows=grows)
    if grows:
        return (GROWING_ROWS[kind],)
    days = nodule.earlier[0].interval_days if nodule.earlier else 0.0
    if kind is Composition.SOLID:
        return (_solid_row(size, days, policy, multiple=multiple),)
    return (_small_or_ground_glass_row(kind, size, days, policy, multiple=multiple),)


def _solid_row(size: float, stable_days: float, policy: FleischnerPolicy, *, multiple: bool) -> FleischnerRow:
    """The row of a solid nodule that did not grow since it was first seen."""
    reached = inclusive_band(size, policy.solid_mm)
    end_days = (policy.months_12_days, policy.months_18_days, policy.months_24_days)[reached]
    if stable_days >= end_days:
        return FleischnerRow.FOLLOW_UP_COMPLETE
    if reached == 1 and stable_days >= policy.months_6_days:
        return FleischnerRow.SOLID_STABLE
    return SOLID_ROWS[multiple][reached]


def _small_or_ground_glass_row(
    kind: Composition, size: float, stable_days: float, policy: FleischnerPolicy, *, multiple: bool
) -> FleischnerRow:
    """The row of a subsolid nodule that did not grow, without the part-solid ones of 6 mm and more."""
    if size >= policy.subsolid_mm:
        if stable_days >= policy.years_5_days:
            return FleischnerRow.FOLLOW_UP_COMPLETE
        if stable_days >= policy.months_6_days:
            return FleischnerRow.GROUND_GLASS_PERSISTENT
    elif multiple and stable_days >= policy.months_3_days:
        is_over = stable_days >= policy.years_4_days
        return FleischnerRow.FOLLOW_UP_COMPLETE if is_over else FleischnerRow.MULTIPLE_SUBSOLID_STABLE
    return SUBSOLID_ROWS[None if multiple else kind][size >= policy.subsolid_mm]


def _part_solid(
    nodule: GuidelineNodule, policy: FleischnerPolicy, *, multiple: bool, grows: bool
) -> tuple[FleischnerRow, ...]:
    """A part-solid nodule of 6 mm or more: its solid component decides, and its morphology."""
    if nodule.earlier:
        return _persistent_part_solid(nodule, policy, grows=grows)
    watched = FleischnerRow.MULTIPLE_SUBSOLID_6_OR_MORE if multiple else FleischnerRow.SINGLE_PART_SOLID_6_OR_MORE
    large = FleischnerRow.PART_SOLID_LARGE_COMPONENT
    if nodule.spiculated or nodule.suspicious:
        return (large,)
    component = nodule.size.solid_axes
    if component is None:
        could_be_large = nodule.size.axes.mean_mm > policy.large_component_mm
        return (watched, large) if could_be_large else (watched,)
    return (large if component.mean_mm > policy.large_component_mm else watched,)


def _persistent_part_solid(
    nodule: GuidelineNodule, policy: FleischnerPolicy, *, grows: bool
) -> tuple[FleischnerRow, ...]:
    """A part-solid nodule of 6 mm or more that is still there."""
    large = FleischnerRow.PART_SOLID_LARGE_COMPONENT_OR_GROWING
    if grows or _component_grows(nodule, policy) or nodule.spiculated or nodule.suspicious:
        return (large,)
    is_over = nodule.earlier[0].interval_days >= policy.years_5_days
    small = FleischnerRow.SINGLE_PART_SOLID_PERSISTENT_SMALL_COMPONENT
    stays = FleischnerRow.FOLLOW_UP_COMPLETE if is_over else small
    component = nodule.size.solid_axes
    if component is None:
        return stays, large
    return (large if rounded(component.mean_mm, policy.mean_decimals) >= policy.component_mm else stays,)


def _component_grows(nodule: GuidelineNodule, policy: FleischnerPolicy) -> bool:
    """Whether the solid component is known to be new or to have grown by 2 mm or more."""
    if any(e.size.composition is Composition.GROUND_GLASS for e in nodule.earlier):
        return True
    now = nodule.size.solid_axes
    past = [e.size.solid_axes for e in nodule.earlier]
    return now is not None and any(
        then is not None and rounded(now.mean_mm - then.mean_mm, GROWTH_DECIMALS) >= policy.growth_from_mm
        for then in past
    )


def mean_size(size: NoduleSize, policy: FleischnerPolicy) -> float:
    """The mean of both axes as the guideline rounds it."""
    return rounded(size.axes.mean_mm, policy.mean_decimals)


def _gain_mm(nodule: GuidelineNodule) -> float:
    """The largest increase of the mean diameter since an earlier examination, before rounding to the whole mm."""
    now = nodule.size.axes.mean_mm
    return max(rounded(now - e.size.axes.mean_mm, GROWTH_DECIMALS) for e in nodule.earlier)


def _component_unknown(nodule: GuidelineNodule, rows: tuple[FleischnerRow, ...]) -> tuple[Phrase, ...]:
    return (Phrase(Rule.COMPONENT_DECIDES_ROW, label=nodule.label),) if len(rows) > 1 else ()
