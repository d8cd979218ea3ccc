"""NELSON and the European position statement: volumes and doubling times of solid nodules."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from cad.domain import Composition, GuidelineNodule
from cad.policy import EuPositionPolicy, NelsonPolicy
from cad.science.guidelines.volumetric import eu_position, nelson
from tests.made.guideline_nodules import GROUND_GLASS, PART_SOLID, a_new, grown, guideline_nodule, in_english

NELSON, EU = NelsonPolicy(), EuPositionPolicy()


@pytest.mark.parametrize(
    ("volume_mm3", "result"),
    [
        (49.9, "negative"),
        (50.0, "indeterminate"),
        (500.0, "indeterminate"),
        (500.1, "positive"),
    ],
)
def test_nelson_by_volume(volume_mm3: float, result: str) -> None:
    assert in_english(nelson([guideline_nodule(volume_mm3=volume_mm3)], NELSON)).category == result


@pytest.mark.parametrize(
    ("earlier_mm3", "now_mm3", "days", "result"),
    [
        (100, 124, 90, "negative"),
        (100, 125, 90, "positive"),
        (100, 200, 399, "positive"),
        (100, 200, 400, "indeterminate"),
        (2000, 2200, 90, "positive"),  # what is above 500 mm³ stays with the work-up
        (600, 610, 90, "positive"),
        (600, 400, 90, "negative"),
        (100, 130, 600 * math.log(1.3) / math.log(2), "indeterminate"),
        (100, 130, 601 * math.log(1.3) / math.log(2), "negative"),  # GROWCAT A
    ],
)
def test_nelson_by_growth(earlier_mm3: float, now_mm3: float, days: float, result: str) -> None:
    assert in_english(nelson([grown(earlier_mm3, now_mm3, days)], NELSON)).category == result


@pytest.mark.parametrize(
    ("volume_mm3", "result"),
    [
        (99.9, "negative"),
        (100.0, "indeterminate"),
        (300.0, "indeterminate"),
        (300.1, "positive"),
    ],
)
def test_the_eu_statement_at_baseline(volume_mm3: float, result: str) -> None:
    assert in_english(eu_position([guideline_nodule(volume_mm3=volume_mm3)], EU)).category == result


@pytest.mark.parametrize(
    ("volume_mm3", "result"),
    [
        (29.9, "negative"),
        (30.0, "indeterminate"),
        (200.0, "indeterminate"),
        (200.1, "positive"),
    ],
)
def test_the_eu_statement_for_new_nodules(volume_mm3: float, result: str) -> None:
    assert in_english(eu_position([a_new(6.0, volume_mm3=volume_mm3)], EU)).category == result


@pytest.mark.parametrize(
    ("earlier_mm3", "now_mm3", "days", "result"),
    [
        (100, 124, 90, "negative"),
        (100, 200, 399, "positive"),
        (100, 200, 400, "indeterminate"),
        (100, 200, 600, "indeterminate"),
        (100, 200, 601, "negative"),
    ],
)
def test_the_eu_statement_by_growth(earlier_mm3: float, now_mm3: float, days: float, result: str) -> None:
    assert in_english(eu_position([grown(earlier_mm3, now_mm3, days)], EU)).category == result


def test_what_was_not_read_in_the_eu_statement_is_marked() -> None:
    assert in_english(eu_position([guideline_nodule(volume_mm3=150.0)], EU)).unverified
    assert not in_english(eu_position([guideline_nodule(volume_mm3=400.0)], EU)).unverified


@pytest.mark.parametrize("composition", [GROUND_GLASS, PART_SOLID])
def test_subsolid_nodules_are_not_covered_by_the_eu_statement(composition: Composition) -> None:
    result = in_english(eu_position([guideline_nodule(9.0, composition, volume_mm3=300.0)], EU))
    assert (result.category, result.possible) == (None, ())
    assert any("solid nodules" in text for text in result.assuming)


@pytest.mark.parametrize(
    ("nodule", "possible"),
    [
        (guideline_nodule(7.9, GROUND_GLASS), ("negative",)),
        (guideline_nodule(8.0, GROUND_GLASS), ("indeterminate",)),
        (guideline_nodule(7.0, PART_SOLID, solid_mm3=49.0), ("negative",)),
        (guideline_nodule(7.0, PART_SOLID, solid_mm3=50.0), ("indeterminate",)),
        (guideline_nodule(8.0, PART_SOLID, solid_mm3=10.0), ("indeterminate",)),
        (guideline_nodule(12.0, PART_SOLID, solid_mm3=501.0), ("positive",)),
        (guideline_nodule(12.0, PART_SOLID, volume_mm3=900.0), ("indeterminate", "positive")),
        (guideline_nodule(7.0, PART_SOLID, volume_mm3=180.0), ("negative", "indeterminate")),
    ],
)
def test_nelson_covers_subsolid_nodules(nodule: GuidelineNodule, possible: tuple[str, ...]) -> None:
    """NODCAT, PMC9347663 table 1: non-solid from 8 mm on and solid components of 50 to 500 mm³ are indeterminate."""
    assert in_english(nelson([nodule], NELSON)).possible == possible


def test_what_is_not_covered_never_leaves_an_examination_negative() -> None:
    nodules = [guideline_nodule(25.0, GROUND_GLASS), replace(guideline_nodule(volume_mm3=30.0), label="Nodule 2")]
    assert in_english(nelson(nodules, NELSON)).category == "indeterminate"
    open_result = in_english(eu_position(nodules, EU))
    assert (open_result.category, open_result.possible) == (None, ("negative", "indeterminate", "positive"))
    assert eu_position(nodules, EU).dominant != "Nodule 2"


def test_a_subsolid_nodule_does_not_hide_a_solid_one() -> None:
    result = in_english(eu_position([guideline_nodule(9.0, GROUND_GLASS), guideline_nodule(9.0, volume_mm3=400.0)], EU))
    assert result.category == "positive"
    assert any("ground-glass" in text for text in result.assuming)


def test_a_nodule_without_volume_is_not_covered() -> None:
    assert in_english(nelson([guideline_nodule(9.0)], NELSON)).possible == ()


def test_benign_features_and_no_nodules_are_negative() -> None:
    benign = guideline_nodule(20.0, Composition.CALCIFIED, volume_mm3=4000.0, benign_pattern=True)
    assert in_english(nelson([benign], NELSON)).category == "negative"
    assert in_english(nelson([], NELSON)).category == in_english(eu_position([], EU)).category == "negative"


RANKS: dict[str, int] = {row.code: rank for rank, row in enumerate(NELSON.rows)}


@given(st.floats(5.0, 5000.0), st.floats(5.0, 5000.0))
def test_a_larger_solid_nodule_never_gets_a_lower_result(a_mm3: float, b_mm3: float) -> None:
    smaller, larger = ([guideline_nodule(volume_mm3=mm3)] for mm3 in sorted((a_mm3, b_mm3)))
    for low, high in (
        (in_english(nelson(smaller, NELSON)), in_english(nelson(larger, NELSON))),
        (in_english(eu_position(smaller, EU)), in_english(eu_position(larger, EU))),
    ):
        assert RANKS[str(low.category)] <= RANKS[str(high.category)]
