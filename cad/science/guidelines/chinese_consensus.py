"""The Chinese expert consensus on lung nodules: a draft until its 2024 text has been read, see the policy.

[unverified]: solid nodules after the 2018 edition, subsolid ones after an open implementation of the 2024 edition.
"""

from __future__ import annotations

from collections.abc import Sequence

from cad.domain import Composition, Guideline, GuidelineNodule, PatientFactors, Phrase, Recommendation
from cad.policy import ChineseConsensusPolicy
from cad.policy.guidelines.chinese_consensus import ConsensusRow
from cad.policy.guidelines.rules import Outcome, Rule
from cad.science.guidelines.sizes import benign_assumption, inclusive_band, is_benign, measured_signs, solid_kind
from cad.science.guidelines.verdicts import Opinion, Scheme, Verdict, category

SOLID_ROWS = (ConsensusRow.SOLID_UP_TO_4, ConsensusRow.SOLID_ABOVE_4_TO_6, ConsensusRow.SOLID_ABOVE_6_TO_8)
LARGE_SOLID_ROWS = (
    ConsensusRow.SOLID_ABOVE_8_PROBABILITY_BELOW_5,
    ConsensusRow.SOLID_ABOVE_8_PROBABILITY_5_TO_65,
    ConsensusRow.SOLID_ABOVE_8_PROBABILITY_ABOVE_65,
)
GROUND_GLASS_ROWS = (
    ConsensusRow.GROUND_GLASS_UP_TO_5,
    ConsensusRow.GROUND_GLASS_ABOVE_5_TO_10,
    ConsensusRow.GROUND_GLASS_ABOVE_10,
)
PART_SOLID_ROWS = (ConsensusRow.PART_SOLID_UP_TO_8, ConsensusRow.PART_SOLID_ABOVE_8)


def chinese_consensus(
    nodules: Sequence[GuidelineNodule], patient: PatientFactors, policy: ChineseConsensusPolicy
) -> Recommendation:
    """What the nodule that asks for most asks for, with or without high risk; both where the risk is not known."""
    opinions = [_opinion(nodule, policy).of(nodule.label) for nodule in nodules]
    nothing = Verdict(ConsensusRow.NO_NODULE, Phrase(Rule.NO_NODULE))
    return scheme_of(is_high_risk(patient, policy), policy).recommend(opinions, nothing)


def is_high_risk(patient: PatientFactors, policy: ChineseConsensusPolicy) -> bool | None:
    """Whether the patient has a high risk of lung cancer; None when what is known does not tell."""
    factors = (
        _has_smoked(patient, policy),
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


def _has_smoked(patient: PatientFactors, policy: ChineseConsensusPolicy) -> bool | None:
    """20 pack-years or more, and not ended 15 years ago or longer; whoever did not say when still smokes."""
    quit_years, pack_years = patient.years_since_quitting, patient.pack_years
    if quit_years is not None and quit_years >= policy.high_risk_quit_within_years:
        return False
    return None if pack_years is None else pack_years >= policy.high_risk_pack_years


def scheme_of(high_risk: bool | None, policy: ChineseConsensusPolicy) -> Scheme:
    """The table with or without high risk; both recommendations where the risk is not known."""
    return Scheme(
        Guideline.CHINESE_CONSENSUS, policy.edition, policy.rows, high_risk, edition_verified=policy.edition_verified
    )


def _opinion(nodule: GuidelineNodule, policy: ChineseConsensusPolicy) -> Opinion:
    if is_benign(nodule) or nodule.proven_benign:
        benign = Verdict(ConsensusRow.BENIGN, Phrase(Rule.BENIGN_FEATURES, label=nodule.label))
        return Opinion((benign,), measured_signs(nodule))
    size = nodule.size.axes.mean_mm
    described = Phrase(Rule.MEAN, label=nodule.label, composition=nodule.size.composition, mm=f"{size:.1f}")
    rows = _rows(nodule, size, policy)
    verdicts = tuple(Verdict(row, Phrase(Rule.NODULE, nodule=described, rule=category(row))) for row in rows)
    unknown = (Phrase(Rule.PROBABILITY_UNKNOWN, label=nodule.label),) if len(rows) > 1 else ()
    return Opinion(verdicts, (*benign_assumption(nodule, Outcome.WITHOUT_FOLLOW_UP), *unknown))


def _rows(nodule: GuidelineNodule, size: float, policy: ChineseConsensusPolicy) -> tuple[ConsensusRow, ...]:
    match solid_kind(nodule):
        case Composition.GROUND_GLASS:
            return (GROUND_GLASS_ROWS[_above(size, policy.ground_glass_mm)],)
        case Composition.PART_SOLID:
            return (PART_SOLID_ROWS[_above(size, (policy.part_solid_mm,))],)
        case _:
            exceeded = _above(size, policy.solid_mm)
            return (SOLID_ROWS[exceeded],) if exceeded < len(SOLID_ROWS) else _large_solid_rows(nodule, policy)


def _large_solid_rows(nodule: GuidelineNodule, policy: ChineseConsensusPolicy) -> tuple[ConsensusRow, ...]:
    low, high = (inclusive_band(p, policy.probability) for p in nodule.mayo or (0.0, 1.0))
    return LARGE_SOLID_ROWS[low : high + 1]


def _above(size: float, limits: Sequence[float]) -> int:
    """How many limits the size exceeds; a size at a limit does not."""
    return sum(size > limit for limit in limits)
