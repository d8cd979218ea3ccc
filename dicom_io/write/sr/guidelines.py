"""What the guidelines say of an examination → content items of a report's qualitative evaluations (TID 1500 row 12)."""

from __future__ import annotations

from collections.abc import Iterator

from highdicom.sr import CodeContentItem, RelationshipTypeValues, TextContentItem

from cad.domain import ApplicableGuideline, Assessment, Guideline, Recommendation
from cad.report.words.en import guidelines as english
from cad.report.words.guidelines import because_of, speak
from dicom_io import codes

CONTAINS = RelationshipTypeValues.CONTAINS


def guideline_items(assessment: Assessment | None) -> Iterator[CodeContentItem | TextContentItem]:
    """Which guideline applies, the Lung-RADS category, and a text for each guideline with the rule that fired."""
    if assessment is None:
        return
    applicable = assessment.applicable
    yield TextContentItem(codes.APPLICABLE_GUIDELINE, _applies(applicable), CONTAINS)
    category = assessment.recommendation(Guideline.LUNG_RADS).category
    if category is not None:
        yield CodeContentItem(codes.LUNG_RADS_CATEGORY, codes.lung_rads_category(category), CONTAINS)
    for guideline, said in assessment.recommendations:
        is_applicable = guideline is applicable.guideline
        yield TextContentItem(codes.RECOMMENDATION, recommendation_text(said, is_applicable=is_applicable), CONTAINS)


def _applies(applicable: ApplicableGuideline) -> str:
    name = "None" if applicable.guideline is None else codes.GUIDELINE[applicable.guideline]
    return f"{name}: {because_of(applicable, english)}."


def recommendation_text(said: Recommendation, *, is_applicable: bool) -> str:
    """What one guideline says, in one paragraph."""
    spoken = speak(said, english)
    category = spoken.category or f"one of {', '.join(spoken.possible) or 'none'}"
    chosen = "applicable" if is_applicable else "not chosen as applicable"
    sentences = [
        f"{spoken.scheme} {spoken.edition} ({chosen}): {category}.",
        f"{spoken.management}.",
        f"Because: {spoken.because}.",
    ]
    return " ".join(sentences + ([f"Assumed: {'; '.join(spoken.assuming)}."] if spoken.assuming else []))
