"""What the guidelines say of an examination → content items of a report's qualitative evaluations (TID 1500 row 12)."""

from __future__ import annotations

from collections.abc import Iterator

from highdicom.sr import CodeContentItem, RelationshipTypeValues, TextContentItem

from cad.domain import ApplicableGuideline, Assessment, Guideline, Recommendation
from cad.report.words.en import guidelines as english
from cad.report.words.guidelines import GuidelineWords, because_of, by_nodule, category_name, in_short, speak
from dicom_io import codes

CONTAINS = RelationshipTypeValues.CONTAINS


def guideline_items(
    assessment: Assessment | None, words: GuidelineWords
) -> Iterator[CodeContentItem | TextContentItem]:
    """Which guideline applies, its category, and a text for each guideline with the rule that fired.

    Only the applicable guideline is coded, and named for each nodule: a category of another one in coded form would be
    counted as if it were given.
    """
    if assessment is None:
        return
    applicable = assessment.applicable
    yield TextContentItem(codes.APPLICABLE_GUIDELINE, _applies(applicable, words), CONTAINS)
    if applicable.guideline is not None:
        chosen = assessment.recommendation(applicable.guideline)
        if chosen.category is not None:
            yield _category(applicable.guideline, chosen.category)
        for text in by_nodule(chosen, words):
            yield TextContentItem(codes.RECOMMENDATION, text, CONTAINS)
    for guideline, said in assessment.recommendations:
        is_applicable = guideline is applicable.guideline
        text = recommendation_text(said, words, is_applicable=is_applicable)
        yield TextContentItem(codes.RECOMMENDATION, text, CONTAINS)


def _category(guideline: Guideline, category: str) -> CodeContentItem:
    if guideline is Guideline.LUNG_RADS:
        return CodeContentItem(codes.LUNG_RADS_CATEGORY, codes.lung_rads_category(category), CONTAINS)
    meaning = f"{english.SCHEMES[guideline]}: {category_name(category, english)}"
    return CodeContentItem(codes.GUIDELINE_CATEGORY, codes.guideline_category(guideline, category, meaning), CONTAINS)


def _applies(applicable: ApplicableGuideline, words: GuidelineWords) -> str:
    name = words.NO_GUIDELINE if applicable.guideline is None else codes.GUIDELINE[applicable.guideline]
    return words.APPLIES.format(name=name, because=because_of(applicable, words))


def recommendation_text(said: Recommendation, words: GuidelineWords, *, is_applicable: bool) -> str:
    """What one guideline says, in one paragraph."""
    spoken = speak(said, words)
    chosen = words.CHOSEN if is_applicable else words.NOT_CHOSEN
    short = in_short(said, words).removeprefix(f"{spoken.scheme} {spoken.edition}")
    text = words.IN_FULL.format(
        scheme=spoken.scheme, edition=spoken.edition, chosen=chosen, short=short, because=spoken.because
    )
    return text + (words.ASSUMED.format(words.AND.join(spoken.assuming)) if spoken.assuming else "")
