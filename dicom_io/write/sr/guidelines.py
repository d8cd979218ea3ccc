"""What the guidelines say of an examination → content items of a report's qualitative evaluations (TID 1500 row 12)."""

from __future__ import annotations

from collections.abc import Iterator

from highdicom.sr import CodeContentItem, RelationshipTypeValues, TextContentItem

from cad.domain import ApplicableGuideline, Assessment, Guideline, Recommendation
from cad.report.words.en import guidelines as english
from cad.report.words.guidelines import because_of, by_nodule, category_name, in_short, speak
from dicom_io import codes

CONTAINS = RelationshipTypeValues.CONTAINS


def guideline_items(assessment: Assessment | None) -> Iterator[CodeContentItem | TextContentItem]:
    """Which guideline applies, its category, and a text for each guideline with the rule that fired.

    Only the applicable guideline is coded, and named for each nodule: a category of another one in coded form would be
    counted as if it were given.
    """
    if assessment is None:
        return
    applicable = assessment.applicable
    yield TextContentItem(codes.APPLICABLE_GUIDELINE, _applies(applicable), CONTAINS)
    if applicable.guideline is not None:
        chosen = assessment.recommendation(applicable.guideline)
        if chosen.category is not None:
            yield _category(applicable.guideline, chosen.category)
        for text in by_nodule(chosen, english):
            yield TextContentItem(codes.RECOMMENDATION, text, CONTAINS)
    for guideline, said in assessment.recommendations:
        is_applicable = guideline is applicable.guideline
        yield TextContentItem(codes.RECOMMENDATION, recommendation_text(said, is_applicable=is_applicable), CONTAINS)


def _category(guideline: Guideline, category: str) -> CodeContentItem:
    if guideline is Guideline.LUNG_RADS:
        return CodeContentItem(codes.LUNG_RADS_CATEGORY, codes.lung_rads_category(category), CONTAINS)
    meaning = f"{english.SCHEMES[guideline]}: {category_name(category, english)}"
    return CodeContentItem(codes.GUIDELINE_CATEGORY, codes.guideline_category(guideline, category, meaning), CONTAINS)


def _applies(applicable: ApplicableGuideline) -> str:
    name = "None" if applicable.guideline is None else codes.GUIDELINE[applicable.guideline]
    return f"{name}: {because_of(applicable, english)}."


def recommendation_text(said: Recommendation, *, is_applicable: bool) -> str:
    """What one guideline says, in one paragraph."""
    spoken = speak(said, english)
    chosen = "applicable" if is_applicable else "not chosen as applicable"
    short = in_short(said, english).removeprefix(f"{spoken.scheme} {spoken.edition}")
    sentences = [f"{spoken.scheme} {spoken.edition} ({chosen}){short}", f"Because: {spoken.because}."]
    return " ".join(sentences + ([f"Assumed: {'; '.join(spoken.assuming)}."] if spoken.assuming else []))
