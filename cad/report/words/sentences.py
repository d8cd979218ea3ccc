"""What a radiologist can paste into a report: the whole result as plain sentences of one language."""

from __future__ import annotations

from collections.abc import Iterator

from cad.report.statements import Statements
from cad.report.words.calcium import result as calcium_result
from cad.report.words.languages import LanguageWords

FOOTNOTE = "*"
"""Marks on the page what its note explains; here the note is a sentence of its own."""


def sentences(statements: Statements, words: LanguageWords) -> list[str]:
    """Findings, comparison, guideline and calcium, a sentence or two each, in the order of a report."""
    return [sentence.replace(FOOTNOTE, "") for sentence in _all(statements, words) if sentence]


def _all(statements: Statements, words: LanguageWords) -> Iterator[str]:
    limited = statements.is_search_limited
    yield words.nodules.summary(statements.nodules, is_limited=limited)
    yield from map(words.nodules.nodule_sentence, statements.found)
    if any(one.suspicion is not None or one.brock is not None for one in statements.found):
        yield words.nodules.LABELS.score_note
    if statements.followup is not None:
        yield words.followup.overview(statements.followup)
        yield from map(words.followup.change_sentence, statements.followup.changes)
    yield from words.nodules.guidance(statements.guidelines)
    if statements.mentions_calcium:
        yield calcium_result(words.calcium, statements)
        if statements.calcium is not None:
            yield words.calcium.apart(statements.calcium)
    yield from map(words.nodules.caution, statements.cautions)
    yield words.pictures.LABELS.research_use
