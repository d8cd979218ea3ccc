"""C-Lung-RADS 2024: the rows of its table and their boundaries."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from cad.domain import Composition, GuidelineNodule
from cad.policy import CLungRadsPolicy
from cad.report.words.guidelines import SpokenRecommendation
from cad.science.guidelines.c_lung_rads import c_lung_rads
from tests.made.guideline_nodules import GROUND_GLASS, PART_SOLID, SOLID, guideline_nodule, in_english

POLICY = CLungRadsPolicy()


def reading(*nodules: GuidelineNodule) -> SpokenRecommendation:
    return in_english(c_lung_rads(nodules, POLICY))


@pytest.mark.parametrize(
    ("mean_mm", "category"), [(5.9, "1"), (6.0, "2"), (9.9, "2"), (10.0, "3"), (17.9, "3"), (18.0, "4"), (40.0, "4")]
)
def test_solid(mean_mm: float, category: str) -> None:
    assert reading(guideline_nodule(mean_mm)).category == category


@pytest.mark.parametrize(
    ("total_mm", "solid_mm", "category"),
    [
        (5.9, 5.0, "1"),
        (6.0, 1.0, "2"),
        (20.0, 5.9, "2"),
        (6.0, 6.0, "3"),
        (20.0, 6.0, "3"),
        (20.0, 9.9, "3"),
        (20.0, 10.0, "4"),
    ],
)
def test_part_solid(total_mm: float, solid_mm: float, category: str) -> None:
    assert reading(guideline_nodule(total_mm, PART_SOLID, solid_mm=solid_mm)).category == category


@pytest.mark.parametrize(("mean_mm", "category"), [(5.9, "1"), (6.0, "2"), (19.9, "2"), (20.0, "3"), (45.0, "3")])
def test_ground_glass(mean_mm: float, category: str) -> None:
    assert reading(guideline_nodule(mean_mm, GROUND_GLASS)).category == category


@pytest.mark.parametrize(
    "nodule",
    [guideline_nodule(9.0, Composition.CALCIFIED, benign_pattern=True), guideline_nodule(9.0, Composition.FAT)],
)
def test_benign_calcification_and_fat_are_0(nodule: GuidelineNodule) -> None:
    assert reading(nodule).category == "0"


def test_no_nodule_is_0() -> None:
    assert reading().category == "0"


def test_calcification_of_an_unknown_pattern_counts_as_solid_and_is_said() -> None:
    result = reading(guideline_nodule(9.0, Composition.CALCIFIED))
    assert result.category == "2"
    assert any("category 0" in text for text in result.assuming)


@pytest.mark.parametrize(
    ("mean_mm", "probability", "category"),
    [(5.0, 0.9, "1"), (7.0, 0.49, "2"), (7.0, 0.5, "4"), (12.0, 0.49, "3"), (12.0, 0.5, "4")],
)
def test_the_publication_s_model_raises_2_and_3_to_4(mean_mm: float, probability: float, category: str) -> None:
    assert reading(guideline_nodule(mean_mm, model_probability=probability)).category == category


def test_says_where_the_model_was_not_applied() -> None:
    assert any("model" in text for text in reading(guideline_nodule(7.0)).assuming)
    assert not any("model" in text for text in reading(guideline_nodule(5.0)).assuming)


@pytest.mark.parametrize(
    ("total_mm", "possible"), [(5.9, ("1",)), (6.0, ("2", "3")), (9.9, ("2", "3")), (10.0, ("2", "3", "4"))]
)
def test_an_unmeasured_component_leaves_a_range(total_mm: float, possible: tuple[str, ...]) -> None:
    assert reading(guideline_nodule(total_mm, PART_SOLID)).possible == possible


def test_a_certain_model_closes_the_range() -> None:
    assert reading(guideline_nodule(12.0, PART_SOLID, model_probability=0.8)).category == "4"


@pytest.mark.parametrize(
    ("mean_mm", "management"),
    [
        (5.0, "Annual screening LDCT in 12 months"),
        (7.0, "6-month CT"),
        (12.0, "3-month CT; high-resolution CT or PET/CT may be considered"),
    ],
)
def test_management(mean_mm: float, management: str) -> None:
    assert reading(guideline_nodule(mean_mm)).management == management


@given(st.floats(2.0, 45.0), st.floats(2.0, 45.0), st.sampled_from([SOLID, GROUND_GLASS]))
def test_a_larger_nodule_never_gets_a_lower_category(a_mm: float, b_mm: float, kind: Composition) -> None:
    smaller, larger = (reading(guideline_nodule(mm, kind)).category for mm in sorted((a_mm, b_mm)))
    assert str(smaller) <= str(larger)
