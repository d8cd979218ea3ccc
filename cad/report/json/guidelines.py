"""What every guideline says → `exam` of findings.json, in English."""

from __future__ import annotations

from dataclasses import replace

from cad.domain import ApplicableGuideline, Assessment, DueDates, Guideline, NoduleVerdict, Recommendation
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
        "dominant": said.dominant,
        "due": due_document(said.due),
        "nodules": [_verdict_document(verdict, said) for verdict in said.nodules],
    }


def _verdict_document(verdict: NoduleVerdict, said: Recommendation) -> Document:
    """What one guideline says of one nodule, by itself."""
    alone = replace(
        said,
        category=verdict.possible[0] if len(verdict.possible) == 1 else None,
        possible=verdict.possible,
        management=verdict.management,
        because=said.because if verdict.because is None else verdict.because,
        assuming=verdict.assuming,
        other_finding=False,
    )
    spoken = speak(alone, english, UNVERIFIED)
    return {
        "nodule": verdict.label,
        "category": spoken.category,
        "possible": list(spoken.possible),
        "management": spoken.management if verdict.possible else None,
        "because": spoken.because if verdict.because is not None else None,
        "assuming": list(spoken.assuming),
        "due": due_document(verdict.due),
    }


def due_document(due: DueDates | None) -> Document | None:
    """When the next CT is due; None where none is, or nobody knows when the scan was made."""
    return None if due is None else {"from": due.early.isoformat(), "to": due.late.isoformat()}
