"""The languages that a report can be in: the one place that names their folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cad.report.words.calcium import CalciumWords
from cad.report.words.choices import Language
from cad.report.words.en import (
    calcium as en_calcium,
    followup as en_followup,
    guidelines as en_guidelines,
    nodules as en_nodules,
    pictures as en_pictures,
    refusals as en_refusals,
)
from cad.report.words.followup import ComparisonWords
from cad.report.words.guidelines import GuidelineWords
from cad.report.words.language import Words
from cad.report.words.pictures import PictureWords
from cad.report.words.refusals import RefusalWords
from cad.report.words.zh import (
    calcium as zh_calcium,
    followup as zh_followup,
    guidelines as zh_guidelines,
    nodules as zh_nodules,
    pictures as zh_pictures,
    refusals as zh_refusals,
)


@dataclass(frozen=True, slots=True)
class LanguageWords:
    """The words of one language, by subject."""

    nodules: Words
    followup: ComparisonWords
    calcium: CalciumWords
    refusals: RefusalWords
    guidelines: GuidelineWords
    pictures: PictureWords


ENGLISH = LanguageWords(
    nodules=en_nodules,
    followup=en_followup,
    calcium=en_calcium,
    refusals=en_refusals,
    guidelines=en_guidelines,
    pictures=en_pictures,
)
CHINESE = LanguageWords(
    nodules=zh_nodules,
    followup=zh_followup,
    calcium=zh_calcium,
    refusals=zh_refusals,
    guidelines=zh_guidelines,
    pictures=zh_pictures,
)

LANGUAGES: Mapping[Language, tuple[LanguageWords, ...]] = {
    Language.ENGLISH: (ENGLISH,),
    Language.CHINESE: (CHINESE,),
    Language.BOTH: (ENGLISH, CHINESE),
}
"""The languages of a report, the first in the first line."""


def words_of(language: Language) -> LanguageWords:
    """The words of what is said in one language only: key images, labels, and texts of the objects."""
    return LANGUAGES[language][0]
