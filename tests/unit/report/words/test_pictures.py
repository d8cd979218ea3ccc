"""What stands on key images and beside lesions, in both languages."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest

from cad.domain import Caution, NotAssessedReason
from cad.policy import WordingPolicy
from cad.report.statements.followup import ChangeStatement, state_followup
from cad.report.statements.nodules import NoduleStatement, state_nodule
from cad.report.words.choices import Language
from cad.report.words.languages import CHINESE, ENGLISH, LANGUAGES, LanguageWords, words_of
from tests.made.followups import a_followup
from tests.made.nodules import EVERY_SIGN, LOCATION, MEASURES, RATINGS, a_nodule

KEPT = {"lungcad", "Brock", "Agatston", "mm", "ml", "HU", "z"}
"""Names and units that Chinese reports write in Latin letters."""
FIGURE = re.compile(r"[0-9][0-9.]*")
NODULE = replace(a_nodule(), measures=MEASURES, location=LOCATION, attributes=EVERY_SIGN, ratings=RATINGS)


def said() -> NoduleStatement:
    return state_nodule(NODULE, None, WordingPolicy())


def changes() -> tuple[ChangeStatement, ...]:
    return state_followup(a_followup((NODULE, NODULE)), (NODULE, NODULE), WordingPolicy()).changes


def every_line(words: LanguageWords) -> list[str]:
    pictures = words.pictures
    texts = [getattr(pictures.LABELS, field.name) for field in fields(pictures.LABELS) if field.name != "language"]
    lines = [line for text in texts for line in ((text,) if isinstance(text, str) else text)]
    lines += [*pictures.nodule_lines(said(), 3, "27"), pictures.summary_line(said()), pictures.beside(NODULE)]
    lines += pictures.overlay_lines(NODULE, "27", (3, 40))
    for change in changes():
        lines += [pictures.change(change), *pictures.comparison_lines(change, "2023-01-31", "2024-01-31")]
    return [*lines, pictures.caution(Caution("calcium-noise", "Noise."))]


def test_chinese_lines_hold_no_english_word() -> None:
    for line in every_line(CHINESE):
        assert set(re.findall(r"[A-Za-z]{2,}", re.sub(r"\{[^}]*\}", "", line))) <= KEPT, line
        assert " %" not in line


def test_both_languages_say_the_same_figures() -> None:
    for english, chinese in zip(every_line(ENGLISH), every_line(CHINESE), strict=True):
        assert sorted(FIGURE.findall(english)) == sorted(FIGURE.findall(chinese)), (english, chinese)


def test_the_label_beside_a_lesion_is_neutral() -> None:
    assert (
        ENGLISH.pictures.beside(NODULE, "new")
        == f"{NODULE.label}: {NODULE.diameters.mean_mm:.1f} mm part-solid RUL, new"
    )
    assert CHINESE.pictures.beside(NODULE, "新发").endswith("mm 部分实性 右肺上叶，新发")


@pytest.mark.parametrize("language", Language)
def test_what_is_in_one_language_is_in_the_first_of_the_report(language: Language) -> None:
    assert words_of(language) is LANGUAGES[language][0]


def test_every_reason_has_chinese_words() -> None:
    reasons = {NotAssessedReason.NOT_REQUESTED, NotAssessedReason.CONTRAST}
    assert all(re.search("[\u4e00-\u9fff]", CHINESE.pictures.REASON[reason]) for reason in reasons)
