"""When the next CT is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from cad.domain import DueDates, ExamObservations, GuidelineNodule, PatientFactors, Recommendation, RiskLevel
from cad.policy import GuidelinePolicy
from cad.science.guidelines.due import months_after, with_due_dates
from cad.science.guidelines.fleischner import fleischner
from cad.science.guidelines.lung_rads.exam import lung_rads
from tests.made.guideline_nodules import GROUND_GLASS, earlier, followed, guideline_nodule

RULES = GuidelinePolicy()
TODAY = date(2026, 8, 31)
NOTHING_SAID = ExamObservations()


@pytest.mark.parametrize(
    ("months", "day"),
    [(1, date(2026, 9, 30)), (6, date(2027, 2, 28)), (12, date(2027, 8, 31)), (18, date(2028, 2, 29))],
)
def test_months_are_those_of_the_calendar(months: int, day: date) -> None:
    assert months_after(TODAY, months) == day


def screened(*nodules: GuidelineNodule, exam: ExamObservations = NOTHING_SAID) -> Recommendation:
    return with_due_dates(lung_rads(nodules, exam, RULES.lung_rads), nodules, TODAY)


def incidental(*nodules: GuidelineNodule) -> Recommendation:
    patient = PatientFactors(
        age_years=60, known_cancer=False, immunosuppressed=False, screening=False, risk_level=RiskLevel.HIGH
    )
    return with_due_dates(fleischner(nodules, patient, RULES.fleischner), nodules, TODAY)


def test_a_nodule_of_category_3_is_due_after_six_months_and_one_of_4b_not_by_ct() -> None:
    first, second = guideline_nodule(7.0), replace(guideline_nodule(4.0), label="Nodule 2")
    said = screened(first, second)
    assert said.due == DueDates(date(2027, 2, 28), date(2027, 2, 28))
    assert said.dominant == "Nodule 1"
    assert [verdict.due for verdict in said.nodules] == [said.due, DueDates(date(2027, 8, 31), date(2027, 8, 31))]
    referred = screened(replace(first, size=guideline_nodule(20.0).size), second)
    assert referred.category == "4B"
    assert referred.due is None


def test_a_negative_screening_is_due_in_a_year_and_infection_in_one_to_three_months() -> None:
    assert screened().due == DueDates(date(2027, 8, 31), date(2027, 8, 31))
    infected = screened(guideline_nodule(7.0), exam=ExamObservations(infection_suspected=True))
    assert infected.due == DueDates(date(2026, 9, 30), date(2026, 11, 30))


def test_what_counts_from_the_first_ct_is_due_from_there_and_never_in_the_past() -> None:
    stable = followed(7.0, earlier(7.0, 365))
    assert incidental(stable).due == DueDates(date(2027, 2, 28), date(2027, 8, 31))
    late = followed(7.0, earlier(7.0, 530))
    assert incidental(late).due == DueDates(date(2026, 9, 19), date(2027, 3, 19))
    assert incidental(followed(7.0, earlier(7.0, 760))).due is None
    ground_glass = followed(8.0, earlier(8.0, 240, GROUND_GLASS), composition=GROUND_GLASS)
    assert incidental(ground_glass).due == DueDates(date(2028, 8, 31), date(2028, 8, 31))
