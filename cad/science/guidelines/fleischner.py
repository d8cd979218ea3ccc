"""Fleischner Society 2017: incidental nodules → the row of its table, by low and high risk.

Source: MacMahon et al., Radiology 2017. Not for screening, patients younger than 35 years, a known primary cancer or
immunosuppression.
"""

from __future__ import annotations

from collections.abc import Sequence

from cad.domain import Composition, GuidelineNodule, NoduleSize, PatientFactors, Recommendation, RiskLevel
from cad.policy import FleischnerPolicy
from cad.science.guidelines.sizes import (
    benign_assumption,
    inclusive_band,
    is_benign,
    is_typical_perifissural,
    rounded,
    solid_kind,
)
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict, not_applicable, with_assumptions

NAME = "Fleischner Society"
GROWTH_DECIMALS = 1
"""A change of diameter is a difference of measurements to 0.1 mm."""


def fleischner(nodules: Sequence[GuidelineNodule], patient: PatientFactors, policy: FleischnerPolicy) -> Recommendation:
    """What the most suspicious nodule asks for; "not applicable" when the guideline excludes the patient."""
    scheme = scheme_of(patient.risk_level, policy)
    if because := exclusion(patient, policy):
        return not_applicable(scheme, f"{NAME} {policy.edition} is not for {because}")
    followed = [nodule for nodule in nodules if not _needs_nothing(nodule, policy)]
    number = "single" if len(followed) == 1 else "multiple"
    opinions = [_opinion(nodule, number, policy) for nodule in followed]
    benign = Verdict("benign", f"every nodule has benign features ({len(nodules)})")
    nothing = benign if nodules else Verdict("no nodule", "no lung nodule")
    return with_assumptions(scheme.recommend(opinions, nothing), *_taken_for_granted(patient, policy))


def exclusion(patient: PatientFactors, policy: FleischnerPolicy) -> str:
    """Why the guideline is not for this patient; empty when nothing known excludes it."""
    reasons = (
        ("a screening examination", patient.screening is True),
        (
            f"patients younger than {policy.min_age_years:g} years",
            patient.age_years is not None and patient.age_years < policy.min_age_years,
        ),
        ("patients with a known primary cancer", patient.known_cancer is True),
        ("patients with immunosuppression", patient.immunosuppressed is True),
    )
    return ", ".join(text for text, is_so in reasons if is_so)


def scheme_of(risk: RiskLevel | None, policy: FleischnerPolicy) -> Scheme:
    """The table for a risk; an unknown risk keeps both recommendations where they differ."""

    def management(low: str, high: str) -> str:
        if risk is not None:
            return low if risk is RiskLevel.LOW else high
        return low if low == high else f"low risk: {low}; high risk: {high}"

    return Scheme(NAME, policy.edition, tuple((row, management(low, high)) for row, low, high in policy.rows))


def _taken_for_granted(patient: PatientFactors, policy: FleischnerPolicy) -> tuple[str, ...]:
    unknown = (
        (f"the patient is {policy.min_age_years:g} years or older", patient.age_years),
        ("there is no known primary cancer", patient.known_cancer),
        ("the patient is not immunosuppressed", patient.immunosuppressed),
        ("the nodules are incidental, not of a screening examination", patient.screening),
    )
    return tuple(text for text, value in unknown if value is None)


def _needs_nothing(nodule: GuidelineNodule, policy: FleischnerPolicy) -> bool:
    """Benign features, or a typical perifissural or other smooth juxtapleural nodule."""
    is_typical = is_typical_perifissural(nodule, policy.typical_perifissural_below_mm)
    return is_benign(nodule) or is_typical or bool(nodule.proven_benign)


def _opinion(nodule: GuidelineNodule, number: str, policy: FleischnerPolicy) -> Opinion:
    size = mean_size(nodule.size, policy)
    rows = _rows(nodule, size, number, policy)
    change = f", {_gain_mm(nodule):+.1f} mm at most" if nodule.earlier else ""
    described = f"{nodule.label}, {nodule.size.composition.value}, mean {size:g} mm{change}"
    verdicts = tuple(Verdict(row, f"{described}: {row}") for row in rows)
    return Opinion(verdicts, (*benign_assumption(nodule, "without follow-up"), *_component_unknown(nodule, rows)))


def _rows(nodule: GuidelineNodule, size: float, number: str, policy: FleischnerPolicy) -> tuple[str, ...]:
    grows = bool(nodule.earlier) and _gain_mm(nodule) >= policy.growth_from_mm
    kind = solid_kind(nodule)
    if kind is Composition.PART_SOLID and nodule.earlier and size >= policy.subsolid_mm:
        return _persistent_part_solid(nodule, number, policy, grows=grows)
    if grows:
        is_part_solid = kind is Composition.PART_SOLID
        return ("part-solid, solid component 6 mm or more, or growing" if is_part_solid else f"{kind.value}, growing",)
    if kind is Composition.SOLID:
        reached = inclusive_band(size, policy.solid_mm)
        return (f"{number} solid {('<6 mm', '6–8 mm', '>8 mm')[reached]}",)
    words = "<6 mm" if size < policy.subsolid_mm else "6 mm or more"
    return (f"multiple subsolid {words}" if number == "multiple" else f"single {kind.value} {words}",)


def _persistent_part_solid(
    nodule: GuidelineNodule, number: str, policy: FleischnerPolicy, *, grows: bool
) -> tuple[str, ...]:
    """A part-solid nodule of 6 mm or more that is still there: its solid component decides."""
    small = "single part-solid 6 mm or more, persistent, solid component <6 mm"
    stays = "multiple subsolid 6 mm or more" if number == "multiple" else small
    large = "part-solid, solid component 6 mm or more, or growing"
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


def _component_unknown(nodule: GuidelineNodule, rows: tuple[str, ...]) -> tuple[str, ...]:
    is_open = len(rows) > 1
    return (f"the size of the solid component of {nodule.label} is not known; it decides the row",) if is_open else ()
