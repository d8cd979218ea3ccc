"""What every guideline says → `exam` of findings.json, in English."""

from __future__ import annotations

from cad.domain import ApplicableGuideline, Assessment, Guideline, Recommendation
from cad.report.json.nodules import Document
from cad.report.words.en import guidelines as english
from cad.report.words.guidelines import because_of, speak

UNVERIFIED = " [unverified]"
"""Follows what was not read in the guideline itself."""


def exam_document(assessment: Assessment | None) -> Document:
    """What each guideline says, and which one applies."""
    if assessment is None:
        names = (guideline.value for guideline in Guideline)
        return {**dict.fromkeys(names), "applicable": None, "applicable_because": None}
    applicable = assessment.applicable
    return {
        "applicable": None if applicable.guideline is None else applicable.guideline.value,
        "applicable_because": applicable_because(applicable),
        **{guideline.value: recommendation_document(said) for guideline, said in assessment.recommendations},
    }


def applicable_because(applicable: ApplicableGuideline) -> str:
    """Why a guideline applies, or none."""
    return because_of(applicable, english)


def recommendation_document(said: Recommendation) -> Document:
    """What one guideline says."""
    spoken = speak(said, english, UNVERIFIED)
    return {
        "scheme": spoken.scheme,
        "edition": spoken.edition,
        "category": spoken.category,
        "possible": list(spoken.possible),
        "management": spoken.management,
        "because": spoken.because,
        "assuming": list(spoken.assuming),
        "unverified": list(spoken.unverified),
    }
