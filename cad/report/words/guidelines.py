"""What a guideline says, as sentences of any language: one logic, and a folder of tables for each language."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cad.domain import ApplicableGuideline, Guideline, Management, Recommendation
from cad.report.words.phrases import PhraseWords, phrase_text

Texts = str | tuple[str, str]
"""What follows from a row: one text, or one for low and one for high risk."""


class GuidelineWords(PhraseWords, Protocol):
    """A language: a module with these tables."""

    SCHEMES: Mapping[Guideline, str]
    MANAGEMENT: Mapping[Guideline, Mapping[str, Texts]]
    RISKS: Mapping[Guideline, tuple[str, str]]
    OF_CATEGORY: str
    NO_MANAGEMENT: str
    OTHER_FINDING: str


@dataclass(frozen=True, slots=True)
class SpokenRecommendation:
    """A recommendation in the words of one language. `unverified` names what was not read in the guideline itself."""

    scheme: str
    edition: str
    category: str | None
    possible: tuple[str, ...]
    management: str
    because: str
    assuming: tuple[str, ...]
    unverified: tuple[str, ...]


def speak(said: Recommendation, words: GuidelineWords, mark: str = "") -> SpokenRecommendation:
    """A recommendation in words. `mark` follows what was not verified: empty wherever a patient's report prints it."""
    return SpokenRecommendation(
        scheme=words.SCHEMES[said.guideline],
        edition=words.EDITIONS.get(said.edition, said.edition) + ("" if said.edition_verified else mark),
        category=None if said.category is None else category_name(said.category, words),
        possible=tuple(category_name(code, words) for code in said.possible),
        management=_management(said, words, mark),
        because=phrase_text(said.because, words, mark),
        assuming=tuple(phrase_text(phrase, words, mark) for phrase in said.assuming),
        unverified=tuple(
            f"{category_name(code, words)}: {_follows(said.guideline, management, words, mark)}"
            for code, management in zip(said.possible, said.management, strict=False)
            if not management.verified
        ),
    )


def because_of(applicable: ApplicableGuideline, words: GuidelineWords) -> str:
    """Why a guideline applies, or none."""
    return phrase_text(applicable.because, words)


def category_name(code: str, words: GuidelineWords) -> str:
    """The name of a category; one that has no name in the table is written as it is."""
    return words.CATEGORIES.get(code, code)


def _management(said: Recommendation, words: GuidelineWords, mark: str) -> str:
    """What follows; of several possible categories each with its own."""
    if not said.management:
        return words.NO_MANAGEMENT
    texts = [_follows(said.guideline, one, words, mark) for one in said.management]
    if len(texts) > 1:
        named = zip(said.management, texts, strict=True)
        texts = [words.OF_CATEGORY.format(category=category_name(one.row, words), text=text) for one, text in named]
    joined = words.JOINTS[JoinedTexts.MANAGEMENT].join(texts)
    return joined + (words.OTHER_FINDING if said.other_finding else "")


class JoinedTexts(enum.StrEnum):
    """Texts that stand beside each other."""

    MANAGEMENT = "joined.management"


def _follows(guideline: Guideline, management: Management, words: GuidelineWords, mark: str) -> str:
    texts = words.MANAGEMENT[guideline][management.row]
    suffix = "" if management.verified else mark
    if isinstance(texts, str):
        return texts + suffix
    if management.high_risk is not None:
        return texts[management.high_risk] + suffix
    low, high = words.RISKS[guideline]
    return low.format(text=texts[0] + suffix) + high.format(text=texts[1] + suffix)
