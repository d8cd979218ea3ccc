"""Coronary calcium in sentences, in both languages."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from cad.domain import Artery, CalciumTier, Grid, NotAssessed, NotAssessedReason, OtherCalcium
from cad.report.statements.calcium import state_calcium
from cad.report.words.calcium import score
from cad.report.words.en import calcium as calcium_english
from cad.report.words.zh import calcium as calcium_chinese
from tests.made.calcium import CONTRAST, PLAQUES, Plaque, a_score

GRID = Grid((40, 96, 128), np.diag([2.5, 2.0, 2.0, 1.0]))

REASONS = (
    NotAssessedReason.NOT_REQUESTED,
    NotAssessedReason.NOT_AVAILABLE,
    NotAssessedReason.CONTRAST,
    NotAssessedReason.NOISE,
    NotAssessedReason.METAL,
    NotAssessedReason.HEART_NOT_COVERED,
)
"""Those that calcium is not assessed for."""


def test_the_english_sentence_names_score_estimate_schemes_volume_and_arteries() -> None:
    assert calcium_english.summary(state_calcium(a_score(GRID))) == (
        "Coronary calcium: Agatston score 199.4, non-gated estimate (CAC-DRS: A2/N2; Agatston tiers 0 / 1-99 / 100-399 "
        "/ >=400: 100-399); volume 300 mm³; 2 of 4 arteries (LAD, RCA)."
    )


def test_the_chinese_sentence_says_the_same() -> None:
    assert calcium_chinese.summary(state_calcium(a_score(GRID))) == (
        "冠状动脉钙化：Agatston积分199.4，非门控估计（CAC-DRS: A2/N2; Agatston四级分层 0 / 1-99 / 100-399 / >=400: "
        "100-399）；体积300 mm³；累及4支中的2支（LAD、RCA）。"
    )


def test_a_score_of_zero_is_said_to_be_an_estimate_too() -> None:
    none = state_calcium(a_score(GRID, ()))
    assert calcium_english.summary(none).startswith("No coronary calcium was found: Agatston score 0, non-gated")
    assert calcium_chinese.summary(none).startswith("未见冠状动脉钙化：Agatston积分0，非门控估计（CAC-DRS: A0/N0")


@pytest.mark.parametrize(("agatston", "text"), [(0.0, "0"), (99.6, "99.6"), (0.4, "0.4"), (1234.0, "1234.0")])
def test_a_score_is_not_rounded_into_another_tier(agatston: float, text: str) -> None:
    assert score(agatston) == text


def test_why_calcium_was_not_assessed_is_said_once_and_without_a_score() -> None:
    assert calcium_english.missing(CONTRAST) == CONTRAST.text
    assert calcium_chinese.missing(CONTRAST) == "冠状动脉钙化未评估：血液有对比剂强化。"


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_chinese_words(reason: NotAssessedReason) -> None:
    assert not re.search("[A-Za-z]", calcium_chinese.missing(NotAssessed(reason, "It was not.")))


def test_calcium_of_aorta_and_valves_has_a_sentence_of_its_own_and_nodes_have_none() -> None:
    valve = Plaque(OtherCalcium.AORTIC_VALVE, (5, 5, 5), (1, 2, 2), 12.5)
    node = Plaque(OtherCalcium.OTHER, (9, 5, 5), (1, 2, 2), 900.0)
    both = state_calcium(a_score(GRID, (*PLAQUES, valve, node)))
    assert calcium_english.apart(both) == "Calcium apart from the arteries (Agatston): aorta 61.0, aortic valve 12.5."
    assert calcium_chinese.apart(both) == "非冠状动脉钙化（Agatston）：主动脉61.0、主动脉瓣12.5。"
    assert calcium_english.apart(state_calcium(a_score(GRID, PLAQUES[:1]))) == ""


@pytest.mark.parametrize("tier", list(CalciumTier))
def test_every_tier_has_advice_with_its_source_in_both_languages(tier: CalciumTier) -> None:
    score = dataclasses.replace(a_score(GRID), tier=tier)
    said = calcium_chinese.advice(score)
    assert "BSTI 2020" in said
    assert "BSTI 2020" in calcium_english.advice(score)
    assert not re.search("[A-Za-z]", re.sub(r"CT|BSCI/BSCCT|BSTI|SCCT/STR", "", said))
    assert ("[unverified]" in calcium_english.advice(score, " [unverified]")) == (tier is not CalciumTier.NONE)


def test_the_rules_of_a_score_are_said_in_chinese() -> None:
    said = calcium_chinese.variant(a_score(GRID))
    assert not re.search("[A-Za-z]", re.sub(r"Agatston|HU|mm2|mm", "", said))


def test_caveats_are_said_in_both_languages() -> None:
    calcium = a_score(GRID)
    assert calcium_english.caveats(calcium) == "The calcium score is an estimate from a scan without ECG gating."
    assert calcium_chinese.caveats(calcium) == "积分为无心电门控扫描的估计值，可能不同于门控扫描。"
    assert calcium_chinese.caveats(dataclasses.replace(calcium, caveats=())) == ""


@pytest.mark.parametrize("site", [*Artery, *OtherCalcium])
def test_every_site_has_a_name_in_both_languages(site: Artery | OtherCalcium) -> None:
    assert calcium_english.site(site)
    assert re.search("[\u4e00-\u9fff]", calcium_chinese.site(site))
