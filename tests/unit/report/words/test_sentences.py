"""What can be pasted into a report."""

from __future__ import annotations

import dataclasses
import re

import pytest

from cad.policy import WordingPolicy
from cad.report.statements import Statements, state
from cad.report.words.languages import CHINESE, ENGLISH, LanguageWords
from cad.report.words.sentences import sentences
from tests.made.calcium import a_score
from tests.made.followups import followed_findings
from tests.made.nodules import RATINGS
from tests.made.series import a_series
from tests.made.subjects import drawn_nodule, loaded, some_findings


@pytest.fixture(scope="module")
def statements() -> Statements:
    source = loaded(a_series())
    findings = dataclasses.replace(followed_findings(source), calcium=a_score(source.volume.grid))
    return state(findings, WordingPolicy())


@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_everything_found_is_said_once_and_without_footnotes(statements: Statements, words: LanguageWords) -> None:
    said = sentences(statements, words)
    assert said[0] == words.nodules.summary(statements.nodules)
    for one in statements.found:
        assert sum(words.nodules.nodule_sentence(one).replace("*", "") == sentence for sentence in said) == 1
    assert statements.followup is not None
    assert words.followup.overview(statements.followup) in said
    assert any("Agatston" in sentence for sentence in said)
    assert said[-1] == words.pictures.LABELS.research_use
    assert not any("*" in sentence or not sentence.strip() for sentence in said)


def test_chinese_sentences_hold_no_english_sentence(statements: Statements) -> None:
    for sentence in sentences(statements, CHINESE):
        assert re.search("[\u4e00-\u9fff]", sentence), sentence


@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_a_score_is_never_without_what_it_is_not(words: LanguageWords) -> None:
    source = loaded(a_series())
    nodule = dataclasses.replace(drawn_nodule(source.volume.grid), ratings=RATINGS)
    rated = state(some_findings(source.volume, (nodule,)), WordingPolicy())
    plain = state(some_findings(source.volume, (drawn_nodule(source.volume.grid),)), WordingPolicy())
    note = words.nodules.LABELS.score_note.replace("*", "")
    assert note in sentences(rated, words)
    assert note not in sentences(plain, words)
