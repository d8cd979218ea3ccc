"""The sentences about nodules, in both languages and for every combination of what is known."""

from __future__ import annotations

import dataclasses
import re
from types import ModuleType

import pytest

from cad.domain import (
    CalcificationPattern,
    Composition,
    Delineation,
    Lobe,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NoduleRisks,
    NotAssessedReason,
    Side,
)
from cad.policy import WordingPolicy
from cad.report.statements.nodules import Border, NoduleStatement, Sign, state_nodule, unknown_inputs
from cad.report.words.en import nodules as english
from cad.report.words.zh import nodules as chinese
from tests.made.nodules import (
    EVERY_SIGN,
    LOCATION,
    MEASURES,
    NOT_KNOWN,
    RATINGS,
    SOLID,
    SPICULATED,
    a_nodule,
    brock,
    every_nodule,
    risks,
)

POLICY = WordingPolicy()
CJK = re.compile(r"[\u4e00-\u9fff]")
LANGUAGES = (english, chinese)


def said(nodule: Nodule, risk: NoduleRisks | None = None) -> NoduleStatement:
    return state_nodule(nodule, risk, POLICY)


def full_nodule() -> Nodule:
    return dataclasses.replace(
        a_nodule(),
        measures=dataclasses.replace(MEASURES, solid=SOLID),
        location=LOCATION,
        attributes=SPICULATED,
        ratings=RATINGS,
    )


def test_says_in_english_what_a_radiologist_would() -> None:
    assert english.nodule_sentence(said(full_nodule(), risks(brock(0.08, 0.21)))) == (
        "Nodule 1: part-solid nodule of 14.0 × 11.0 mm (890 [780–1010] mm³; solid part 6.0 × 5.0 mm, 96 mm³) in the "
        "right upper lobe, spiculated, 4 mm from the pleura; suspicion 72 %*; Brock 8.0–21 %*."
    )


def test_says_in_chinese_what_a_radiologist_would() -> None:
    assert chinese.nodule_sentence(said(full_nodule(), risks(brock(0.08, 0.21)))) == (
        "结节1：右肺上叶部分实性结节，大小约14.0 × 11.0 mm，体积890 [780–1010] mm³，实性成分6.0 × 5.0 mm，96 mm³，"
        "毛刺，距胸膜4 mm；可疑度72%*；Brock 8.0–21%*。"
    )


def test_a_nodule_of_which_little_is_known_has_a_short_sentence() -> None:
    nodule = a_nodule(Composition.GROUND_GLASS, Side.LEFT)
    assert english.nodule_sentence(said(nodule)) == (
        "Nodule 1: ground-glass nodule of 14.0 × 11.0 mm (890 mm³) in the left lung."
    )
    assert chinese.nodule_sentence(said(nodule)) == "结节1：左肺磨玻璃结节，大小约14.0 × 11.0 mm，体积890 mm³。"


@pytest.mark.parametrize("words", LANGUAGES, ids=["en", "zh"])
def test_no_combination_leaves_a_gap(words: ModuleType) -> None:
    count = 0
    for nodule, risk in every_nodule():
        one = said(nodule, risk)
        sentence: str = words.nodule_sentence(one)
        cells = words.cells(one)
        assert not re.search(r"None|\bnan\b|\(\)|\[\]| ,|,,|;;|; ;|  |，，|；；|，；|，。|；。", sentence), sentence
        assert sentence.count("(") == sentence.count(")")
        assert sentence.endswith("." if words is english else "。")
        assert all(getattr(cells, field.name) for field in dataclasses.fields(cells))
        count += 1
    assert count > 9_000


def test_english_has_no_chinese_letter_and_chinese_no_english_word_but_units_and_names() -> None:
    allowed = re.compile(r"mm|HU|mg|Brock")
    for nodule, risk in every_nodule():
        one = said(nodule, risk)
        assert not CJK.search(english.nodule_sentence(one))
        assert not re.search(r"[A-Za-z]", allowed.sub("", chinese.nodule_sentence(one)))


@pytest.mark.parametrize("words", LANGUAGES, ids=["en", "zh"])
def test_each_part_that_is_known_is_said_and_no_other(words: ModuleType) -> None:
    for nodule, risk in every_nodule():
        one = said(nodule, risk)
        sentence: str = words.nodule_sentence(one)
        assert ("[780–1010]" in sentence) == (nodule.measures is not None)
        assert ("6.0 × 5.0" in sentence) == (nodule.measures is not None and nodule.measures.solid is not None)
        assert (words.SIGN[Sign.SPICULATED] in sentence) == (nodule.attributes in (SPICULATED, EVERY_SIGN))
        assert ("72 %*" in sentence.replace("72%", "72 %")) == (nodule.ratings == RATINGS)
        assert ("Brock" in sentence) == (one.brock is not None)
        named = nodule.location.lobe if nodule.location is not None else None
        place = words.SIDE[nodule.side] if named is None else words.LOBE[named]
        assert place in sentence
        assert (words.DELINEATION[Delineation.BALL] in sentence) == (nodule.delineation is Delineation.BALL)


def test_a_pattern_of_calcification_takes_the_place_of_the_sign() -> None:
    for pattern in CalcificationPattern:
        attributes = NoduleAttributes(calcification=0.9, calcification_pattern=pattern)
        sentence = english.nodule_sentence(said(dataclasses.replace(a_nodule(), attributes=attributes)))
        assert f"with {pattern.value} calcification" in sentence
        assert sentence.count("calcification") == 1


@pytest.mark.parametrize(("probability", "named"), [(0.59, False), (0.6, True)])
def test_a_sign_is_named_from_the_limit_of_the_policy_on(probability: float, named: bool) -> None:
    nodule = dataclasses.replace(a_nodule(), attributes=NoduleAttributes(lobulation=probability))
    assert ("lobulated" in english.nodule_sentence(said(nodule))) == named


@pytest.mark.parametrize(("confidence", "probably"), [(0.79, True), (0.8, False)])
def test_an_uncertain_lobe_is_probable(confidence: float, probably: bool) -> None:
    location = NoduleLocation(Lobe.LLL, confidence, None, None)
    one = said(dataclasses.replace(a_nodule(), location=location))
    assert ("probably in the left lower lobe" in english.nodule_sentence(one)) == probably
    assert ("左肺下叶（可能）" in chinese.nodule_sentence(one)) == probably


@pytest.mark.parametrize(
    ("pleura_mm", "expected"),
    [
        (0.0, "touching the pleura"),
        (0.4, "touching the pleura"),
        (0.5, "1 mm from the pleura"),
        (10.0, "10 mm from"),
        (10.1, ""),
    ],
)
def test_the_pleura_is_named_when_it_is_near(pleura_mm: float, expected: str) -> None:
    one = said(dataclasses.replace(a_nodule(), location=NoduleLocation(Lobe.RUL, 1.0, pleura_mm, None)))
    sentence = english.nodule_sentence(one)
    assert expected in sentence
    assert ("pleura" in sentence) == bool(expected)
    assert [near.border for near in one.near] == ([Border.PLEURA] if expected else [])


def test_no_sentence_calls_the_suspicion_a_probability_of_cancer() -> None:
    for words in LANGUAGES:
        assert "cancer" not in words.nodule_sentence(said(full_nodule()))
        assert "癌" not in words.nodule_sentence(said(full_nodule()))
    assert "it is not the probability of cancer" in english.LABELS.score_note
    assert "并非癌症概率" in chinese.LABELS.score_note


def test_unknown_inputs_are_named_once() -> None:
    several = (risks(brock(0.1, 0.2)), risks(brock(0.2, 0.4)), risks(NOT_KNOWN), risks(brock(0.3, 0.3)))
    assert unknown_inputs([said(a_nodule(), one) for one in several]) == ("emphysema",)
    assert english.unknown(("emphysema",)) == "Brock is a range where this is unknown: emphysema."
    assert chinese.unknown(("emphysema", "sex")) == "以下信息未知时Brock为区间：肺气肿、性别。"


@pytest.mark.parametrize(
    ("nodules", "expected"),
    [
        ((), ("No nodule was found.", "未发现结节。")),
        (
            (a_nodule(),),
            (
                "One nodule was found: 12.5 mm, part-solid, right lung (Nodule 1).",
                "发现1个结节：平均直径12.5 mm，部分实性，右肺（结节1）。",
            ),
        ),
        (
            (a_nodule(), a_nodule(Composition.SOLID)),
            (
                "2 nodules were found; the largest: 12.5 mm, part-solid, right lung (Nodule 1).",
                "共发现2个结节，最大者：平均直径12.5 mm，部分实性，右肺（结节1）。",
            ),
        ),
        (
            None,
            ("Nodules were not asked for and not assessed.", "未要求评估结节，未作评估。"),
        ),
    ],
)
def test_the_summary_counts_rightly(nodules: tuple[Nodule, ...] | None, expected: tuple[str, str]) -> None:
    statements = None if nodules is None else [said(nodule) for nodule in nodules]
    assert (english.summary(statements), chinese.summary(statements)) == expected


@pytest.mark.parametrize(("prior", "calcium"), [(False, False), (True, False), (False, True), (True, True)])
def test_says_which_parts_were_not_done(prior: bool, calcium: bool) -> None:
    followup = NotAssessedReason.NO_PRIOR if prior else None
    for words, examination, coronary in ((english, "prior", "coronary"), (chinese, "既往", "冠状动脉")):
        text = words.not_assessed(followup=followup, calcium=calcium)
        assert (examination in text, coronary in text, bool(text)) == (prior, calcium, prior or calcium)
