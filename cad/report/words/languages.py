"""The languages that a report can be in: the one place that names their folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cad.report.words.calcium import CalciumWords
from cad.report.words.choices import Language
from cad.report.words.en import (
    calcium as en_calcium,
    followup as en_followup,
    nodules as en_nodules,
    refusals as en_refusals,
)
from cad.report.words.followup import ComparisonWords
from cad.report.words.language import Words
from cad.report.words.refusals import RefusalWords
from cad.report.words.zh import (
    calcium as zh_calcium,
    followup as zh_followup,
    nodules as zh_nodules,
    refusals as zh_refusals,
)


@dataclass(frozen=True, slots=True)
class LanguageWords:
    """The words of one language, by subject."""

    nodules: Words
    followup: ComparisonWords
    calcium: CalciumWords
    refusals: RefusalWords


ENGLISH = LanguageWords(en_nodules, en_followup, en_calcium, en_refusals)
CHINESE = LanguageWords(zh_nodules, zh_followup, zh_calcium, zh_refusals)

LANGUAGES: Mapping[Language, tuple[LanguageWords, ...]] = {
    Language.ENGLISH: (ENGLISH,),
    Language.CHINESE: (CHINESE,),
    Language.BOTH: (ENGLISH, CHINESE),
}
"""The languages of a report, the first in the first line."""
