"""British Thoracic Society 2015: sizes, Brock and Herder steps, surveillance by doubling time, subsolid nodules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from cad.domain import (
    AxisLengths,
    Composition,
    EarlierSize,
    GuidelineNodule,
    NoduleSize,
    PatientFactors,
)
from cad.policy import BtsPolicy
from cad.report.words.en import guidelines as english
from cad.report.words.guidelines import SpokenRecommendation
from cad.science.guidelines.bts import bts
from tests.made.guideline_nodules import (
    GROUND_GLASS,
    PART_SOLID,
    SOLID,
    a_new,
    earlier,
    followed,
    grown,
    grown_in_diameter,
    guideline_nodule,
    in_english,
)

POLICY = BtsPolicy()
BY_DIAMETER = replace(POLICY, measure="diameter")
ADULT = PatientFactors(age_years=60)
YEAR, QUARTER = 365, 92


def reading(*nodules: GuidelineNodule, policy: BtsPolicy = POLICY) -> SpokenRecommendation:
    return in_english(bts(nodules, ADULT, policy))


LOW_RISK: dict[str, Any] = {"brock": (0.0999, 0.0999)}
HIGH_RISK: dict[str, Any] = {"brock": (0.1, 0.1)}


@pytest.mark.parametrize(
    ("volume_mm3", "outcome"),
    [
        (79.9, "discharge"),
        (80.0, "CT at 3 months"),
        (299.9, "CT at 3 months"),
        (300.0, "Brock <10 %"),
        (5000.0, "Brock <10 %"),
    ],
)
def test_a_solid_nodule_by_volume(volume_mm3: float, outcome: str) -> None:
    assert reading(guideline_nodule(volume_mm3=volume_mm3, **LOW_RISK)).category == outcome


@pytest.mark.parametrize(
    ("largest_mm", "outcome"),
    [
        (4.9, "discharge"),
        (5.0, "CT at 12 months"),
        (5.9, "CT at 12 months"),
        (6.0, "CT at 3 months"),
        (7.9, "CT at 3 months"),
        (8.0, "Brock <10 %"),
    ],
)
def test_a_solid_nodule_by_its_largest_diameter_where_there_is_no_volume(largest_mm: float, outcome: str) -> None:
    size = NoduleSize(SOLID, AxisLengths(largest_mm, 3.0))
    assert reading(GuidelineNodule("Nodule 1", size, **LOW_RISK)).category == outcome


def test_the_policy_can_prefer_the_diameter() -> None:
    nodule = guideline_nodule(5.5, volume_mm3=70.0)
    assert reading(nodule).category == "discharge"
    assert reading(nodule, policy=BY_DIAMETER).category == "CT at 12 months"


@pytest.mark.parametrize(
    ("brock", "possible"),
    [
        ((0.02, 0.0999), ("Brock <10 %",)),
        ((0.1, 0.5), ("Brock 10 % or more",)),
        ((0.05, 0.2), ("Brock <10 %", "Brock 10 % or more")),
        (None, ("Brock <10 %", "Brock 10 % or more")),
    ],
)
def test_a_large_solid_nodule_goes_by_brock_and_its_range(
    brock: tuple[float, float] | None, possible: tuple[str, ...]
) -> None:
    result = reading(guideline_nodule(volume_mm3=400.0, brock=brock))
    assert result.possible == possible
    assert (result.category is None) == (len(possible) > 1)


@pytest.mark.parametrize(
    ("herder", "outcome"),
    [
        (0.0999, "Herder <10 %"),
        (0.1, "Herder 10–70 %"),
        (0.7, "Herder 10–70 %"),
        (0.7001, "Herder >70 %"),
    ],
)
def test_after_pet_ct_the_herder_model_decides_and_is_marked_unverified(herder: float, outcome: str) -> None:
    result = reading(guideline_nodule(volume_mm3=400.0, herder=(herder, herder), **HIGH_RISK))
    assert result.category == outcome
    assert result.unverified


def test_a_range_of_herder_leaves_its_outcomes_open() -> None:
    assert reading(guideline_nodule(volume_mm3=400.0, herder=(0.05, 0.9))).possible == (
        "Herder <10 %",
        "Herder 10–70 %",
        "Herder >70 %",
    )


def test_the_more_demanding_of_growth_and_pet_ct_decides() -> None:
    assert reading(grown(400, 410, YEAR, herder=(0.3, 0.3))).category == "Herder 10–70 %"
    assert reading(grown(400, 800, 200, herder=(0.05, 0.05))).category == "VDT 400 days or less"


@pytest.mark.parametrize(
    ("earlier_mm3", "now_mm3", "days", "outcome"),
    [
        (100, 118.92071, 100, "CT at 12 months"),  # doubling in 400.0 days, but less than 25 %
        (100, 200, 400, "VDT 400 days or less"),
        (100, 200, 401, "VDT 400–600 days"),
        (100, 200, 600, "VDT 400–600 days"),
        (100, 200, 601, "VDT >600 days"),
        (80, 120, 365, "VDT >600 days"),  # 623.9716 days
        (100, 125, 90, "VDT 400 days or less"),  # 279.5655 days
        (100, 124, 90, "CT at 12 months"),
        (300, 250, 180, "CT at 12 months"),
        (100, 124, 335, "discharge"),
        (300, 150, 400, "discharge"),
    ],
)
def test_surveillance_of_a_solid_nodule_by_volume(
    earlier_mm3: float, now_mm3: float, days: float, outcome: str
) -> None:
    assert reading(grown(earlier_mm3, now_mm3, days)).category == outcome


def test_growth_with_a_long_doubling_time_is_seen_again_at_12_months() -> None:
    assert reading(grown(100, 130, 200)).category == "CT at 12 months"  # doubling in 528 days


@pytest.mark.parametrize(
    ("days", "outcome"),
    [(90, "CT at 12 months"), (334, "CT at 12 months"), (335, "CT at 24 months"), (700, "discharge")],
)
def test_stable_on_diameters_alone_is_followed_for_two_years(days: float, outcome: str) -> None:
    assert reading(grown_in_diameter(6.0, 6.2, days)).category == outcome


def test_the_fastest_growth_among_earlier_examinations_decides() -> None:
    slow, fast = grown(100, 210, 700).earlier[0], grown(110, 210, 100).earlier[0]
    assert reading(followed(8.0, slow, fast, volume_mm3=210.0)).category == "VDT 400 days or less"


@pytest.mark.parametrize(
    "nodule",
    [
        guideline_nodule(20.0, Composition.FAT),
        guideline_nodule(20.0, Composition.CALCIFIED, benign_pattern=True),
        guideline_nodule(9.0, juxtapleural_smooth=True),
        guideline_nodule(20.0, proven_benign=True),
    ],
)
def test_benign_and_typical_perifissural_nodules_are_discharged(nodule: GuidelineNodule) -> None:
    assert reading(nodule).category == "discharge"


@pytest.mark.parametrize("nodule", [a_new(4.0, volume_mm3=40.0), a_new(4.0), a_new(4.0, GROUND_GLASS)])
def test_a_small_nodule_that_is_new_merits_follow_up(nodule: GuidelineNodule) -> None:
    assert reading(nodule).category == "new and small"


@pytest.mark.parametrize(("largest_mm", "outcome"), [(4.9, "discharge"), (5.0, "CT at 3 months")])
@pytest.mark.parametrize("composition", [GROUND_GLASS, PART_SOLID])
def test_a_subsolid_nodule_at_first(largest_mm: float, outcome: str, composition: Composition) -> None:
    assert reading(guideline_nodule(largest_mm, composition, volume_mm3=400.0)).category == outcome


@pytest.mark.parametrize(
    ("now_mm", "facts", "possible"),
    [
        (10.0, LOW_RISK, ("subsolid, Brock <10 %",)),
        (10.0, HIGH_RISK, ("subsolid, Brock 10 % or more or concerning",)),
        (10.0, {"spiculated": True, **LOW_RISK}, ("subsolid, Brock 10 % or more or concerning",)),
        (10.0, {"suspicious": ("pleural indentation",)}, ("subsolid, Brock 10 % or more or concerning",)),
        (10.0, {}, ("subsolid, Brock <10 %", "subsolid, Brock 10 % or more or concerning")),
        (11.9, LOW_RISK, ("subsolid, Brock <10 %",)),
        (12.0, LOW_RISK, ("subsolid, growing or altered",)),
        (4.0, LOW_RISK, ("discharge",)),
    ],
)
def test_a_persistent_subsolid_nodule(now_mm: float, facts: dict[str, Any], possible: tuple[str, ...]) -> None:
    past = earlier(10.0, QUARTER, GROUND_GLASS)
    assert reading(followed(now_mm, past, composition=GROUND_GLASS, **facts)).possible == possible


@pytest.mark.parametrize(
    ("past", "now_solid_mm", "is_altered"),
    [
        (earlier(10.0, QUARTER, GROUND_GLASS), 1.0, True),
        (earlier(10.0, QUARTER, PART_SOLID, solid_mm=3.0), 5.0, True),
        (earlier(10.0, QUARTER, PART_SOLID, solid_mm=3.0), 4.9, False),
    ],
)
def test_a_new_or_growing_solid_component_favours_resection(
    past: EarlierSize, now_solid_mm: float, is_altered: bool
) -> None:
    nodule = followed(10.0, past, composition=PART_SOLID, solid_mm=now_solid_mm, **LOW_RISK)
    assert (reading(nodule).category == "subsolid, growing or altered") is is_altered


def test_is_for_adults() -> None:
    assert in_english(bts([guideline_nodule()], PatientFactors(age_years=17), POLICY)).category == "not applicable"
    assert in_english(bts([guideline_nodule()], PatientFactors(age_years=18), POLICY)).category != "not applicable"


def test_a_large_smooth_juxtapleural_nodule_is_not_typical() -> None:
    assert reading(guideline_nodule(9.9, juxtapleural_smooth=True, **LOW_RISK)).category == "discharge"
    assert reading(guideline_nodule(10.0, juxtapleural_smooth=True, **LOW_RISK)).category == "Brock <10 %"


def test_no_nodule_needs_nothing() -> None:
    assert reading().category == "no nodule"


def test_says_why_with_the_numbers_and_what_was_assumed() -> None:
    result = reading(guideline_nodule(9.0, volume_mm3=400.0, brock=(0.05, 0.2)))
    assert "Nodule 1, solid, 400 mm³: 300 mm³ or more; Brock 5.0 to 20.0 %" in result.because
    assert any("perifissural" in text for text in result.assuming)
    assert any("depends on inputs" in text for text in result.assuming)


RANKS = {english.CATEGORIES[row.code]: rank for rank, row in enumerate(POLICY.rows)}


@given(st.floats(10.0, 5000.0), st.floats(10.0, 5000.0), st.sampled_from([0.02, 0.3]))
def test_a_larger_solid_nodule_never_asks_for_less(a_mm3: float, b_mm3: float, brock: float) -> None:
    smaller, larger = (
        reading(guideline_nodule(volume_mm3=mm3, brock=(brock, brock))).category for mm3 in sorted((a_mm3, b_mm3))
    )
    assert RANKS[str(smaller)] <= RANKS[str(larger)]


@given(st.floats(2.0, 40.0), st.floats(2.0, 40.0), st.sampled_from([SOLID, GROUND_GLASS]))
def test_a_larger_diameter_never_asks_for_less(a_mm: float, b_mm: float, kind: Composition) -> None:
    smaller, larger = (reading(guideline_nodule(mm, kind, **LOW_RISK)).category for mm in sorted((a_mm, b_mm)))
    assert RANKS[str(smaller)] <= RANKS[str(larger)]
