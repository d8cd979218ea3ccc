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
)
from cad.policy import FleischnerPolicy
from cad.policy.guidelines.fleischner import FleischnerRow
from cad.policy.guidelines.rules import FleischnerRule, Outcome, Rule
from cad.science.guidelines.sizes import (
    benign_assumption,
    inclusive_band,
    is_benign,
    is_typical_perifissural,
    rounded,
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
    opinions = [_opinion(nodule, policy, multiple=len(followed) > 1) for nodule in followed]
    benign = Verdict(FleischnerRow.BENIGN, Phrase(Rule.EVERY_BENIGN, nodules=len(nodules)))
    nothing = benign if nodules else Verdict(FleischnerRow.NO_NODULE, Phrase(Rule.NO_NODULE))
    return with_assumptions(scheme.recommend(opinions, nothing), *_taken_for_granted(patient, policy))


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
    return Opinion(verdicts, (*benign_assumption(nodule, Outcome.WITHOUT_FOLLOW_UP), *_component_unknown(nodule, rows)))


def _described(nodule: GuidelineNodule, size: float) -> Phrase:
    kind, mm = nodule.size.composition, f"{size:g}"
    if not nodule.earlier:
        return Phrase(Rule.MEAN, label=nodule.label, composition=kind, mm=mm)
    return Phrase(Rule.MEAN_AND_GAIN, label=nodule.label, composition=kind, mm=mm, gain=_gain_mm(nodule))


SOLID_ROWS = {
    False: (FleischnerRow.SINGLE_SOLID_BELOW_6, FleischnerRow.SINGLE_SOLID_6_TO_8, FleischnerRow.SINGLE_SOLID_ABOVE_8),
    True: (
        FleischnerRow.MULTIPLE_SOLID_BELOW_6,
        FleischnerRow.MULTIPLE_SOLID_6_TO_8,
        FleischnerRow.MULTIPLE_SOLID_ABOVE_8,
    ),
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
    if kind is Composition.PART_SOLID and nodule.earlier and size >= policy.subsolid_mm:
        return _persistent_part_solid(nodule, policy, multiple=multiple, grows=grows)
    if grows:
        return (GROWING_ROWS[kind],)
    if kind is Composition.SOLID:
        return (SOLID_ROWS[multiple][inclusive_band(size, policy.solid_mm)],)
    return (SUBSOLID_ROWS[None if multiple else kind][size >= policy.subsolid_mm],)


def _persistent_part_solid(
    nodule: GuidelineNodule, policy: FleischnerPolicy, *, multiple: bool, grows: bool
) -> tuple[FleischnerRow, ...]:
    """A part-solid nodule of 6 mm or more that is still there: its solid component decides."""
    small = FleischnerRow.SINGLE_PART_SOLID_PERSISTENT_SMALL_COMPONENT
    stays = FleischnerRow.MULTIPLE_SUBSOLID_6_OR_MORE if multiple else small
    large = FleischnerRow.PART_SOLID_LARGE_COMPONENT_OR_GROWING
    if grows or _component_grows(nodule, policy):
        return (large,)
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
