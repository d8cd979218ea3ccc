"""The Chinese expert consensus on lung nodules: a draft until its 2024 text has been read, see the policy.

[unverified]: solid nodules after the 2018 edition, subsolid ones after an open implementation of the 2024 edition.
"""

from __future__ import annotations

from collections.abc import Sequence

from cad.domain import Composition, GuidelineNodule, PatientFactors, Recommendation
from cad.policy import ChineseConsensusPolicy
from cad.science.guidelines.sizes import benign_assumption, inclusive_band, is_benign, solid_kind
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict

NAME = "Chinese expert consensus"
SOLID_ROWS = ("solid up to 4 mm", "solid >4 to 6 mm", "solid >6 to 8 mm")
LARGE_SOLID_ROWS = (
    "solid >8 mm, probability <5 %",
    "solid >8 mm, probability 5–65 %",
    "solid >8 mm, probability >65 %",
)
GROUND_GLASS_ROWS = ("ground-glass up to 5 mm", "ground-glass >5 to 10 mm", "ground-glass >10 mm")
PART_SOLID_ROWS = ("part-solid up to 8 mm", "part-solid >8 mm")


def chinese_consensus(
    nodules: Sequence[GuidelineNodule], patient: PatientFactors, policy: ChineseConsensusPolicy
) -> Recommendation:
    """What the nodule that asks for most asks for, with or without high risk; both where the risk is not known."""
    opinions = [_opinion(nodule, policy) for nodule in nodules]
    return scheme_of(is_high_risk(patient, policy), policy).recommend(opinions, Verdict("no nodule", "no lung nodule"))


def is_high_risk(patient: PatientFactors, policy: ChineseConsensusPolicy) -> bool | None:
    """Whether the patient has a high risk of lung cancer; None when what is known does not tell."""
    quit_years, pack_years = patient.years_since_quitting, patient.pack_years
    factors = (
        None if pack_years is None else pack_years >= policy.high_risk_pack_years,
        None if quit_years is None else quit_years < policy.high_risk_quit_within_years,
        patient.occupational_exposure,
        patient.chronic_lung_disease,
        patient.known_cancer,
        patient.extrathoracic_cancer,
        patient.family_history_lung_cancer,
    )
    is_old = None if patient.age_years is None else patient.age_years >= policy.high_risk_from_years
    has_factor = True if True in factors else None if None in factors else False
    if is_old is False or has_factor is False:
        return False
    return True if is_old and has_factor else None


def scheme_of(high_risk: bool | None, policy: ChineseConsensusPolicy) -> Scheme:
    """The table with or without high risk; both recommendations where the risk is not known."""

    def management(without: str, with_risk: str) -> str:
        if high_risk is not None:
            return with_risk if high_risk else without
        return without if without == with_risk else f"without high risk: {without}; with high risk: {with_risk}"

    return Scheme(NAME, policy.edition, tuple((row, management(*texts)) for row, *texts in policy.rows))


def _opinion(nodule: GuidelineNodule, policy: ChineseConsensusPolicy) -> Opinion:
    if is_benign(nodule) or nodule.proven_benign:
        return Opinion((Verdict("benign", f"{nodule.label}: benign features"),))
    size = nodule.size.axes.mean_mm
    described = f"{nodule.label}, {nodule.size.composition.value}, mean {size:.1f} mm"
    rows = _rows(nodule, size, policy)
    verdicts = tuple(Verdict(row, f"{described}: {row}") for row in rows)
    unknown = (f"the probability of {nodule.label} depends on inputs that are not known",) if len(rows) > 1 else ()
    return Opinion(verdicts, (*benign_assumption(nodule, "without follow-up"), *unknown))


def _rows(nodule: GuidelineNodule, size: float, policy: ChineseConsensusPolicy) -> tuple[str, ...]:
    match solid_kind(nodule):
        case Composition.GROUND_GLASS:
            return (GROUND_GLASS_ROWS[_above(size, policy.ground_glass_mm)],)
        case Composition.PART_SOLID:
            return (PART_SOLID_ROWS[_above(size, (policy.part_solid_mm,))],)
        case _:
            exceeded = _above(size, policy.solid_mm)
            return (SOLID_ROWS[exceeded],) if exceeded < len(SOLID_ROWS) else _large_solid_rows(nodule, policy)


def _large_solid_rows(nodule: GuidelineNodule, policy: ChineseConsensusPolicy) -> tuple[str, ...]:
    low, high = (inclusive_band(p, policy.probability) for p in nodule.mayo or (0.0, 1.0))
    return LARGE_SOLID_ROWS[low : high + 1]


def _above(size: float, limits: Sequence[float]) -> int:
    """How many limits the size exceeds; a size at a limit does not."""
    return sum(size > limit for limit in limits)
