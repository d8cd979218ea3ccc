"""The Chinese expert consensus, a draft: its boundaries, its high risk, and that all of it is marked unverified."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cad.domain import Composition, GuidelineNodule, PatientFactors
from cad.policy import ChineseConsensusPolicy
from cad.report.words.guidelines import SpokenRecommendation
from cad.science.guidelines.chinese_consensus import chinese_consensus, is_high_risk
from tests.made.guideline_nodules import GROUND_GLASS, PART_SOLID, guideline_nodule, in_english

POLICY = ChineseConsensusPolicy()
NO_RISK = PatientFactors(
    age_years=60,
    family_history_lung_cancer=False,
    pack_years=0,
    years_since_quitting=30,
    extrathoracic_cancer=False,
    known_cancer=False,
    occupational_exposure=False,
    chronic_lung_disease=False,
)
HIGH_RISK = replace(NO_RISK, chronic_lung_disease=True)


def reading(*nodules: GuidelineNodule, patient: PatientFactors = NO_RISK) -> SpokenRecommendation:
    return in_english(chinese_consensus(nodules, patient, POLICY))


@pytest.mark.parametrize(
    ("mean_mm", "row", "without", "with_risk"),
    [
        (4.0, "solid up to 4 mm", "Optional follow-up", "CT at 12 months"),
        (4.1, "solid >4 to 6 mm", "CT at 12 months", "CT at 6–12, then 18–24 months"),
        (6.0, "solid >4 to 6 mm", "CT at 12 months", "CT at 6–12, then 18–24 months"),
        (6.1, "solid >6 to 8 mm", "CT at 6–12, then 18–24 months", "CT at 3–6, 9–12 and 24 months"),
        (8.0, "solid >6 to 8 mm", "CT at 6–12, then 18–24 months", "CT at 3–6, 9–12 and 24 months"),
    ],
)
def test_solid_up_to_8_mm_with_and_without_high_risk(mean_mm: float, row: str, without: str, with_risk: str) -> None:
    assert reading(guideline_nodule(mean_mm)).category == row
    assert reading(guideline_nodule(mean_mm)).management == f"{without} [unverified]"
    assert reading(guideline_nodule(mean_mm), patient=HIGH_RISK).management == f"{with_risk} [unverified]"
    assert reading(guideline_nodule(mean_mm), patient=PatientFactors()).management.startswith("without high risk: ")


@pytest.mark.parametrize(
    ("mayo", "rows"),
    [
        ((0.049, 0.049), ("solid >8 mm, probability <5 %",)),
        ((0.05, 0.65), ("solid >8 mm, probability 5–65 %",)),
        ((0.651, 0.9), ("solid >8 mm, probability >65 %",)),
        ((0.01, 0.3), ("solid >8 mm, probability <5 %", "solid >8 mm, probability 5–65 %")),
    ],
)
def test_larger_solid_nodules_go_by_probability(mayo: tuple[float, float], rows: tuple[str, ...]) -> None:
    assert reading(guideline_nodule(8.1, mayo=mayo)).possible == rows


def test_without_a_probability_every_row_of_a_larger_solid_nodule_is_possible() -> None:
    assert len(reading(guideline_nodule(9.0)).possible) == 3


@pytest.mark.parametrize(
    ("mean_mm", "composition", "row"),
    [
        (5.0, GROUND_GLASS, "ground-glass up to 5 mm"),
        (5.1, GROUND_GLASS, "ground-glass >5 to 10 mm"),
        (10.0, GROUND_GLASS, "ground-glass >5 to 10 mm"),
        (10.1, GROUND_GLASS, "ground-glass >10 mm"),
        (8.0, PART_SOLID, "part-solid up to 8 mm"),
        (8.1, PART_SOLID, "part-solid >8 mm"),
    ],
)
def test_subsolid_nodules(mean_mm: float, composition: Composition, row: str) -> None:
    result = reading(guideline_nodule(mean_mm, composition))
    assert result.category == row
    assert result.unverified


def test_benign_features_and_no_nodule_need_nothing() -> None:
    assert reading(guideline_nodule(20.0, Composition.FAT)).category == "benign"
    assert reading().category == "no nodule"


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        (NO_RISK, False),
        (replace(NO_RISK, pack_years=20, years_since_quitting=None), True),
        (replace(NO_RISK, pack_years=2, years_since_quitting=10), False),
        (replace(NO_RISK, pack_years=20, years_since_quitting=15), False),
        (replace(NO_RISK, pack_years=19.9), False),
        (replace(NO_RISK, pack_years=20, years_since_quitting=14.9), True),
        (replace(NO_RISK, years_since_quitting=15), False),
        (replace(NO_RISK, occupational_exposure=True), True),
        (replace(NO_RISK, chronic_lung_disease=True), True),
        (replace(NO_RISK, known_cancer=True), True),
        (replace(NO_RISK, extrathoracic_cancer=True), True),
        (replace(NO_RISK, family_history_lung_cancer=True), True),
        (replace(HIGH_RISK, age_years=40), True),
        (replace(HIGH_RISK, age_years=39), False),
        (replace(HIGH_RISK, age_years=None), None),
        (replace(NO_RISK, pack_years=None, years_since_quitting=10), None),
        (replace(HIGH_RISK, pack_years=None), True),
        (PatientFactors(), None),
    ],
)
def test_high_risk_is_40_years_and_one_factor(patient: PatientFactors, expected: bool | None) -> None:
    assert is_high_risk(patient, POLICY) is expected
