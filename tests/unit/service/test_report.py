"""What the report says of guidelines."""

from __future__ import annotations

from cad.assessment import assess
from cad.domain import ClinicalContext, NotAssessed, NotAssessedReason, PatientFactors, Region
from cad.policy import Policy
from cad.service.report import guidance_sentences


def test_names_the_applicable_guideline_its_category_management_and_rule() -> None:
    context = ClinicalContext(PatientFactors(screening=True, region=Region.USA))
    assert guidance_sentences(assess((), context, Policy())) == [
        "Lung-RADS v2022: 1. 12-month screening LDCT.",
        "Because: no lung nodule (screening, region usa).",
    ]


def test_says_what_was_assumed() -> None:
    context = ClinicalContext(PatientFactors(screening=False))
    *_, last = guidance_sentences(assess((), context, Policy()))
    assert last.startswith("Assumed: the patient is 35 years or older; there is no known primary cancer")


def test_says_why_no_guideline_was_chosen() -> None:
    (sentence,) = guidance_sentences(assess((), ClinicalContext(), Policy()))
    assert sentence.startswith("No guideline was chosen: it was not stated")


def test_says_nothing_when_nodules_were_not_asked_for() -> None:
    assert guidance_sentences(NotAssessed(NotAssessedReason.NOT_REQUESTED)) == []
