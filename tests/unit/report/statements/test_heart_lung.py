"""Low, medium and high of lungs and heart: by the named categories, and never without one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cad.domain import (
    ApplicableGuideline,
    Assessment,
    CalciumCategory,
    CalciumScore,
    Findings,
    Grid,
    Guideline,
    LungMask,
    Nodule,
    NotAssessed,
    NotAssessedReason,
    Phrase,
    Recommendation,
)
from cad.policy import GuidelinePolicy, HeartLungPolicy
from cad.policy.guidelines.fleischner import FleischnerRow
from cad.policy.guidelines.rules import Rule
from cad.report.statements import Subject
from cad.report.statements.heart_lung import HeartLevel, Level, LungLevel, lung_level, most_suspicious, state_heart_lung
from cad.report.words.calcium import heart_reason
from cad.report.words.en import calcium as calcium_english
from cad.report.words.zh import calcium as calcium_chinese
from tests.made.calcium import CONTRAST, a_score
from tests.made.nodules import a_nodule, axes

GRID = Grid((40, 96, 128), np.diag([2.5, 2.0, 2.0, 1.0]))
POLICY = HeartLungPolicy()


def an_assessment(category: str | None, guideline: Guideline | None, possible: tuple[str, ...] = ()) -> Assessment:
    """What every guideline says: the same category."""
    rule = Phrase(Rule.NO_NODULE)
    said = Recommendation(Guideline.LUNG_RADS, "1", category, possible, (), rule)
    return Assessment((), tuple((one, said) for one in Guideline), ApplicableGuideline(guideline, rule))


def level_of(category: str, guideline: Guideline) -> Level | None:
    return lung_level(an_assessment(category, guideline), POLICY).level


@pytest.mark.parametrize(
    ("category", "level"),
    [
        ("1", Level.LOW),
        ("2", Level.LOW),
        ("2S", Level.LOW),
        ("3", Level.MEDIUM),
        ("4A", Level.HIGH),
        ("4BS", Level.HIGH),
        ("4X", Level.HIGH),
        ("0", None),
    ],
)
def test_lung_rads_has_the_level_of_its_category(category: str, level: Level | None) -> None:
    assert level_of(category, Guideline.LUNG_RADS) is level


RULES = GuidelinePolicy()
APPLICABLE = ("lung_rads", "fleischner", "bts", "c_lung_rads", "nelson", "eu_position")


@pytest.mark.parametrize("name", APPLICABLE)
def test_every_category_of_a_guideline_that_can_apply_has_exactly_one_level(name: str) -> None:
    categories = [row.code for row in getattr(RULES, name).rows]
    tables = {guideline: rows for guideline, *rows in POLICY.lung}
    listed = [category for row in tables[name] for category in row]
    assert sorted(listed) == sorted(categories)


@pytest.mark.parametrize("name", [name for name in APPLICABLE if name != "bts"])
def test_levels_rise_with_the_rows_of_a_guideline(name: str) -> None:
    """Rows go from least to most demanding; of BTS, "new and small" stands before a doubling time above 600 days."""
    levels = [level_of(row.code, Guideline(name)) for row in getattr(RULES, name).rows]
    assert levels == sorted(level for level in levels if level is not None)


def test_several_possible_categories_of_one_level_have_it_and_of_two_levels_none() -> None:
    same = an_assessment(None, Guideline.LUNG_RADS, ("4A", "4B"))
    different = an_assessment(None, Guideline.LUNG_RADS, ("2", "3"))
    assert lung_level(same, POLICY).level is Level.HIGH
    assert lung_level(different, POLICY).level is None
    assert "one of 2, 3" in calcium_english.lung_reason(lung_level(different, POLICY))
    assert calcium_english.level(lung_level(different, POLICY).level) == "NOT ASSESSED"


def test_without_an_applicable_guideline_there_is_a_level_only_where_screening_and_incidental_agree() -> None:
    def unstated(lung_rads: str, fleischner: str) -> LungLevel:
        rule = Phrase(Rule.NO_NODULE)
        by_name = {Guideline.LUNG_RADS: lung_rads, Guideline.FLEISCHNER: fleischner}
        said = tuple((one, Recommendation(one, "1", by_name.get(one, "1"), (), (), rule)) for one in Guideline)
        return lung_level(Assessment((), said, ApplicableGuideline(None, rule)), POLICY)

    assert unstated("4B", FleischnerRow.SOLID_ABOVE_8).level is Level.HIGH
    assert unstated("2", FleischnerRow.SINGLE_SOLID_BELOW_6).level is Level.LOW
    differing = unstated("4A", FleischnerRow.SINGLE_SOLID_6_TO_8)
    assert differing.level is None
    english = calcium_english.lung_reason(differing)
    assert "No guideline was chosen" in english
    assert "Lung-RADS 1: 4A" in english
    assert "Fleischner Society 1: single solid 6–8 mm" in english
    assert "未选定指南" in calcium_chinese.lung_reason(differing)


def findings_with(calcium: CalciumScore | NotAssessed, nodules: tuple[Nodule, ...] | NotAssessed = ()) -> Findings:
    lungs = LungMask(np.ones((4, 4, 4), dtype=np.uint8), Grid((4, 4, 4), np.eye(4)))
    assessed = an_assessment("2", Guideline.LUNG_RADS)
    return Findings(nodules, lungs, (), (), "1", assessed, calcium=calcium)


@pytest.mark.parametrize(
    ("category", "level"),
    [("A0/N0", Level.LOW), ("A1/N2", Level.LOW), ("A2/N1", Level.MEDIUM), ("A3/N4", Level.HIGH)],
)
def test_the_heart_has_the_level_of_cac_drs(category: str, level: Level) -> None:
    calcium = dataclasses.replace(a_score(GRID), categories=(CalciumCategory("CAC-DRS", category),))
    both = state_heart_lung(findings_with(calcium), POLICY)
    assert both is not None
    assert both.heart == HeartLevel(level, "CAC-DRS", category)
    assert category in heart_reason(calcium_english, both)


def test_a_score_without_cac_drs_has_no_level() -> None:
    calcium = dataclasses.replace(a_score(GRID), categories=(CalciumCategory("Another scheme", "A3"),))
    both = state_heart_lung(findings_with(calcium), POLICY)
    assert both is not None
    assert both.heart is not None
    assert calcium_english.level(both.heart.level) == "NOT ASSESSED"


def test_what_was_not_assessed_keeps_its_reason_and_has_no_level() -> None:
    both = state_heart_lung(findings_with(CONTRAST), POLICY)
    assert both is not None
    assert isinstance(both.lung, LungLevel)
    assert both.heart is None
    assert both.missing == {Subject.CALCIUM: CONTRAST}
    assert (calcium_english.level(None), calcium_chinese.level(None)) == ("NOT ASSESSED", "未评估")
    assert heart_reason(calcium_english, both) == CONTRAST.text
    assert heart_reason(calcium_chinese, both) == "血液有对比剂强化。"


def test_there_is_no_page_of_both_when_one_was_not_asked_for() -> None:
    not_asked = NotAssessed(NotAssessedReason.NOT_REQUESTED)
    assert state_heart_lung(findings_with(a_score(GRID), not_asked), POLICY) is None
    without = NotAssessed(NotAssessedReason.NOT_REQUESTED, "Not asked for.")
    assert state_heart_lung(findings_with(without), POLICY) is None


def test_the_largest_nodule_is_shown_where_none_is_rated() -> None:
    small = dataclasses.replace(a_nodule(), label="Nodule 1", diameters=axes(5.0, 4.0))
    large = dataclasses.replace(a_nodule(), label="Nodule 2")
    assert most_suspicious((small, large)) is large
    assert most_suspicious(()) is None
