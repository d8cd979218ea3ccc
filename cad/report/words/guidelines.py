"""What a guideline says, as sentences of any language: one logic, and a folder of tables for each language."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cad.domain import ApplicableGuideline, Assessment, DueDates, Guideline, Management, NoduleVerdict, Recommendation
from cad.policy import HeartLungPolicy
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
    IN_SHORT: str
    ONE_OF: str
    OR: str
    NOTHING: str
    DUE_ON: str
    DUE_BETWEEN: str
    OF_NODULE: str
    DOMINANT: str
    CHOSEN: str
    NOT_CHOSEN: str
    IN_FULL: str
    ASSUMED: str
    AND: str
    NO_GUIDELINE: str
    APPLIES: str

    def name(self, label: str) -> str:
        """The name of a nodule."""
        ...


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


def in_short(said: Recommendation, words: GuidelineWords) -> str:
    """Scheme, category, what follows and when, in one or two sentences."""
    spoken = speak(said, words)
    return words.IN_SHORT.format(
        scheme=spoken.scheme,
        edition=spoken.edition,
        category=_one_of(spoken.category, spoken.possible, words),
        management=spoken.management + _when(said.due, words),
    )


def stand_ins_of(assessment: Assessment) -> tuple[Recommendation, ...]:
    """The guidelines of screening and of incidental findings, named where none applies."""
    return tuple(assessment.recommendation(Guideline(name)) for name in HeartLungPolicy().stand_ins)


def by_nodule(said: Recommendation, words: GuidelineWords) -> tuple[str, ...]:
    """Each nodule by itself: category, when its next CT is due, and why; the one that decides is named as that."""
    return tuple(_of_nodule(verdict, said, words) for verdict in said.nodules)


def _of_nodule(verdict: NoduleVerdict, said: Recommendation, words: GuidelineWords) -> str:
    names = tuple(category_name(code, words) for code in verdict.possible)
    reasons = verdict.assuming if verdict.because is None else (verdict.because,)
    return words.OF_NODULE.format(
        label=words.name(verdict.label),
        category=_one_of(names[0] if len(names) == 1 else None, names, words),
        due=_when(verdict.due, words),
        dominant=words.DOMINANT if verdict.label == said.dominant and len(said.nodules) > 1 else "",
        because=words.JOINTS[JoinedTexts.MANAGEMENT].join(phrase_text(phrase, words) for phrase in reasons),
    )


def _one_of(category: str | None, possible: tuple[str, ...], words: GuidelineWords) -> str:
    return category or words.ONE_OF.format(categories=words.OR.join(possible) or words.NOTHING)


def _when(due: DueDates | None, words: GuidelineWords) -> str:
    if due is None:
        return ""
    text = words.DUE_ON if due.early == due.late else words.DUE_BETWEEN
    return text.format(early=due.early.isoformat(), late=due.late.isoformat())


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
