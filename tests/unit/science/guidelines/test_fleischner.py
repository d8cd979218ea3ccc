"""Fleischner Society 2017: every row of its table and its boundaries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from cad.domain import AxisLengths, Composition, GuidelineNodule, NoduleSize, PatientFactors, RiskLevel
from cad.policy import FleischnerPolicy
from cad.report.words.en import guidelines as english
from cad.report.words.guidelines import SpokenRecommendation
from cad.science.guidelines.fleischner import fleischner
from tests.made.guideline_nodules import (
    GROUND_GLASS,
    PART_SOLID,
    SOLID,
    earlier,
    followed,
    guideline_nodule,
    in_english,
)

POLICY = FleischnerPolicy()
UNROUNDED = replace(POLICY, mean_decimals=1)
LOW, HIGH = RiskLevel.LOW, RiskLevel.HIGH


def a_patient(risk: RiskLevel | None = LOW) -> PatientFactors:
    return PatientFactors(age_years=60, known_cancer=False, immunosuppressed=False, screening=False, risk_level=risk)


def reading(
    *nodules: GuidelineNodule, risk: RiskLevel | None = LOW, policy: FleischnerPolicy = POLICY
) -> SpokenRecommendation:
    return in_english(fleischner(nodules, a_patient(risk), policy))


def two(nodule: GuidelineNodule) -> tuple[GuidelineNodule, GuidelineNodule]:
    return nodule, replace(nodule, label="Nodule 2")


@pytest.mark.parametrize(
    ("mean_mm", "row"),
    [
        (5.4, "single solid <6 mm"),
        (5.5, "single solid 6–8 mm"),
        (6.0, "single solid 6–8 mm"),
        (8.0, "single solid 6–8 mm"),
        (8.4, "single solid 6–8 mm"),
        (8.5, "solid >8 mm"),
    ],
)
def test_a_single_solid_nodule_by_its_mean_to_the_whole_mm(mean_mm: float, row: str) -> None:
    assert reading(guideline_nodule(mean_mm)).category == row


@pytest.mark.parametrize(
    ("mean_mm", "row"),
    [
        (5.9, "single solid <6 mm"),
        (6.0, "single solid 6–8 mm"),
        (8.0, "single solid 6–8 mm"),
        (8.1, "solid >8 mm"),
    ],
)
def test_the_policy_can_leave_the_mean_at_a_tenth_of_a_mm(mean_mm: float, row: str) -> None:
    assert reading(guideline_nodule(mean_mm), policy=UNROUNDED).category == row


@pytest.mark.parametrize(
    ("mean_mm", "low", "high"),
    [
        (5.0, "No routine follow-up", "Optional CT at 12 months"),
        (7.0, "CT at 6–12 months, then consider CT at 18–24 months", "CT at 6–12 months, then CT at 18–24 months"),
        (
            9.0,
            "Consider CT at 3 months, PET/CT or tissue sampling",
            "Consider CT at 3 months, PET/CT or tissue sampling",
        ),
    ],
)
def test_management_of_a_single_solid_nodule(mean_mm: float, low: str, high: str) -> None:
    assert reading(guideline_nodule(mean_mm), risk=LOW).management == low
    assert reading(guideline_nodule(mean_mm), risk=HIGH).management == high


@pytest.mark.parametrize(
    ("mean_mm", "low", "high"),
    [
        (5.0, "No routine follow-up", "Optional CT at 12 months"),
        (7.0, "CT at 3–6 months, then consider CT at 18–24 months", "CT at 3–6 months, then CT at 18–24 months"),
        # "use most suspicious nodule as guide to management": never less than the nodule by itself asks for
        (9.0, *2 * ("Consider CT at 3 months, PET/CT or tissue sampling",)),
    ],
)
def test_management_of_multiple_solid_nodules(mean_mm: float, low: str, high: str) -> None:
    assert reading(*two(guideline_nodule(mean_mm)), risk=LOW).management == low
    assert reading(*two(guideline_nodule(mean_mm)), risk=HIGH).management == high


def test_an_unknown_risk_gives_both_recommendations_where_they_differ() -> None:
    differ, same = reading(guideline_nodule(7.0), risk=None), reading(guideline_nodule(9.0), risk=None)
    assert differ.management == (
        "low risk: CT at 6–12 months, then consider CT at 18–24 months; "
        "high risk: CT at 6–12 months, then CT at 18–24 months"
    )
    assert "risk" not in same.management


@pytest.mark.parametrize(
    ("nodule", "row", "management"),
    [
        (guideline_nodule(5.4, GROUND_GLASS), "single ground-glass <6 mm", "No routine follow-up"),
        (
            guideline_nodule(6.0, GROUND_GLASS),
            "single ground-glass 6 mm or more",
            "CT at 6–12 months to confirm persistence, then CT every 2 years until 5 years",
        ),
        (guideline_nodule(5.4, PART_SOLID, solid_mm=5.0), "single part-solid <6 mm", "No routine follow-up"),
    ],
)
def test_a_single_subsolid_nodule(nodule: GuidelineNodule, row: str, management: str) -> None:
    result = reading(nodule)
    assert (result.category, result.management) == (row, management)


def test_a_part_solid_nodule_of_6_mm_is_first_confirmed_unless_its_component_exceeds_8_mm() -> None:
    """MacMahon 2017, comments on part-solid nodules: PET/CT, biopsy or resection for components larger than 8 mm."""
    for nodule in (guideline_nodule(8.0, PART_SOLID), guideline_nodule(15.0, PART_SOLID, solid_mm=8.0)):
        result = reading(nodule)
        assert result.category == "single part-solid 6 mm or more"
        assert result.management.startswith("CT at 3–6 months to confirm persistence")
    for nodule in (
        guideline_nodule(15.0, PART_SOLID, solid_mm=10.0),
        guideline_nodule(15.0, PART_SOLID, solid_mm=2.0, spiculated=True),
    ):
        assert reading(nodule).management == "PET/CT, biopsy or resection"
    assert len(reading(guideline_nodule(9.0, PART_SOLID)).possible) == 2


def test_solid_and_subsolid_nodules_are_counted_apart() -> None:
    small = (guideline_nodule(4.0), replace(guideline_nodule(4.0, GROUND_GLASS), label="Nodule 2"))
    assert reading(*small, risk=LOW).management == "No routine follow-up"


def test_a_small_nodule_beside_a_large_one_never_lowers_what_is_asked_for() -> None:
    alone = reading(guideline_nodule(25.0), risk=HIGH)
    both = reading(guideline_nodule(25.0), replace(guideline_nodule(3.0), label="Nodule 2"), risk=HIGH)
    assert both.management == alone.management == "Consider CT at 3 months, PET/CT or tissue sampling"


@pytest.mark.parametrize(
    ("nodule", "management"),
    [
        (followed(7.0, earlier(7.0, 240)), "CT at 18–24 months from the first CT, then no further follow-up"),
        (followed(7.0, earlier(7.0, 760)), "No further follow-up"),
        (followed(9.0, earlier(9.0, 240)), "Consider CT at 3 months, PET/CT or tissue sampling"),
        (followed(9.0, earlier(9.0, 760)), "No further follow-up"),
        (
            followed(8.0, earlier(8.0, 240, GROUND_GLASS), composition=GROUND_GLASS),
            "CT every 2 years until 5 years",
        ),
        (followed(8.0, earlier(8.0, 2009, GROUND_GLASS), composition=GROUND_GLASS), "No further follow-up"),
        (
            followed(8.0, earlier(8.0, 2009, PART_SOLID, solid_mm=3.0), composition=PART_SOLID, solid_mm=3.0),
            "No further follow-up",
        ),
    ],
)
def test_follow_up_goes_on_and_ends_as_the_table_says(nodule: GuidelineNodule, management: str) -> None:
    assert reading(nodule, risk=HIGH).management == management


@pytest.mark.parametrize(
    ("solid_mm", "row"),
    [
        (5.4, "single part-solid 6 mm or more, persistent, solid component <6 mm"),
        (5.5, "part-solid, solid component 6 mm or more, or growing"),
        (6.0, "part-solid, solid component 6 mm or more, or growing"),
    ],
)
def test_a_persistent_part_solid_nodule_goes_by_its_component(solid_mm: float, row: str) -> None:
    past = earlier(9.0, 120, PART_SOLID, solid_mm=solid_mm)
    assert reading(followed(9.0, past, composition=PART_SOLID, solid_mm=solid_mm)).category == row


def test_a_persistent_part_solid_nodule_with_an_unmeasured_component_leaves_two_rows() -> None:
    result = reading(followed(9.0, earlier(9.0, 120, PART_SOLID), composition=PART_SOLID))
    assert result.category is None
    assert result.possible == (
        "single part-solid 6 mm or more, persistent, solid component <6 mm",
        "part-solid, solid component 6 mm or more, or growing",
    )
    assert any("solid component" in text for text in result.assuming)


@pytest.mark.parametrize(
    ("past_mm", "now_mm", "grows"), [(9.0, 10.9, False), (9.0, 11.0, True), (5.4, 6.6, False), (5.6, 7.4, False)]
)
def test_growth_is_2_mm_or_more_before_rounding_to_the_whole_mm(past_mm: float, now_mm: float, grows: bool) -> None:
    past = earlier(past_mm, 365)
    result = reading(followed(now_mm, past))
    assert (result.category == "solid, growing") is grows
    assert bool(result.unverified) is grows


@pytest.mark.parametrize(
    "nodule",
    [
        followed(11.0, earlier(9.0, 120, PART_SOLID, solid_mm=2.0), composition=PART_SOLID, solid_mm=2.0),
        followed(9.0, earlier(9.0, 120, PART_SOLID, solid_mm=2.0), composition=PART_SOLID, solid_mm=4.0),
        followed(9.0, earlier(9.0, 120, GROUND_GLASS), composition=PART_SOLID, solid_mm=2.0),
    ],
)
def test_a_part_solid_nodule_that_grows_or_has_a_new_component_is_for_work_up(nodule: GuidelineNodule) -> None:
    assert reading(nodule).management == "PET/CT, biopsy or resection"


def test_growing_ground_glass_is_for_resection_and_that_is_unverified() -> None:
    result = reading(followed(12.0, earlier(9.0, 365, GROUND_GLASS), composition=GROUND_GLASS))
    assert result.category == "ground-glass, growing"
    assert result.unverified


@pytest.mark.parametrize(
    ("mean_mm", "row", "management"),
    [
        (5.0, "multiple subsolid <6 mm", "CT at 3–6 months; if stable, consider CT at 2 and 4 years"),
        (6.0, "multiple subsolid 6 mm or more", "CT at 3–6 months, then by the most suspicious nodule"),
    ],
)
def test_multiple_subsolid_nodules(mean_mm: float, row: str, management: str) -> None:
    for composition in (GROUND_GLASS, PART_SOLID):
        result = reading(*two(guideline_nodule(mean_mm, composition, solid_mm=2.0)))
        assert (result.category, result.management) == (row, management)


def test_among_different_nodules_the_one_that_asks_for_most_decides() -> None:
    result = reading(guideline_nodule(7.0), replace(guideline_nodule(9.0, GROUND_GLASS), label="Nodule 2"))
    assert result.category == "single solid 6–8 mm"
    result = reading(guideline_nodule(5.0), replace(guideline_nodule(9.0, GROUND_GLASS), label="Nodule 2"))
    assert result.category == "single ground-glass 6 mm or more"
    assert result.because.startswith("Nodule 2")


@pytest.mark.parametrize(
    "harmless",
    [
        guideline_nodule(20.0, Composition.FAT),
        guideline_nodule(20.0, Composition.CALCIFIED, benign_pattern=True),
        guideline_nodule(9.0, juxtapleural_smooth=True),
        guideline_nodule(9.0, proven_benign=True),
    ],
)
def test_benign_and_typical_perifissural_nodules_need_nothing_and_are_not_counted(harmless: GuidelineNodule) -> None:
    assert reading(harmless).category == "benign"
    assert reading(harmless, replace(guideline_nodule(7.0), label="Nodule 2")).category == "single solid 6–8 mm"


def test_a_large_smooth_juxtapleural_nodule_is_not_typical() -> None:
    assert reading(guideline_nodule(9.9, juxtapleural_smooth=True)).category == "benign"
    assert reading(guideline_nodule(10.0, juxtapleural_smooth=True)).category == "solid >8 mm"


def test_no_nodule_needs_nothing() -> None:
    assert reading().category == "no nodule"


@pytest.mark.parametrize(
    ("patient", "words"),
    [
        (replace(a_patient(), age_years=34), "younger than 35"),
        (replace(a_patient(), known_cancer=True), "known primary cancer"),
        (replace(a_patient(), immunosuppressed=True), "immunosuppression"),
        (replace(a_patient(), screening=True), "screening"),
    ],
)
def test_is_not_for_patients_that_the_guideline_excludes(patient: PatientFactors, words: str) -> None:
    result = in_english(fleischner([guideline_nodule(9.0)], patient, POLICY))
    assert result.category == "not applicable"
    assert words in result.because


def test_is_for_patients_of_exactly_35_years() -> None:
    assert (
        in_english(fleischner([guideline_nodule(9.0)], replace(a_patient(), age_years=35), POLICY)).category
        == "solid >8 mm"
    )


def test_says_what_was_assumed_of_a_patient_about_whom_nothing_is_known() -> None:
    assert reading(guideline_nodule(9.0)).assuming == ()
    texts = in_english(fleischner([guideline_nodule(9.0)], PatientFactors(), POLICY)).assuming
    assert len(texts) == 4
    assert all(word in " ".join(texts) for word in ("35 years", "primary cancer", "immunosuppressed", "incidental"))


def test_says_why_with_the_numbers() -> None:
    nodule = GuidelineNodule("Nodule 1", NoduleSize(SOLID, AxisLengths(9.0, 6.0)))
    assert reading(nodule).because == "Nodule 1, solid, mean 8 mm: single solid 6–8 mm"


RANKS = {english.CATEGORIES[row.code]: rank for rank, row in enumerate(POLICY.rows)}
SIZES = st.floats(2.0, 45.0)


@given(SIZES, SIZES, st.booleans(), st.sampled_from([SOLID, GROUND_GLASS, PART_SOLID]))
def test_a_larger_nodule_never_asks_for_less(a_mm: float, b_mm: float, several: bool, kind: Composition) -> None:
    smaller, larger = (
        reading(*(two(nodule) if several else (nodule,))).category
        for nodule in (guideline_nodule(mm, kind, solid_mm=1.0) for mm in sorted((a_mm, b_mm)))
    )
    assert RANKS[str(smaller)] <= RANKS[str(larger)]
