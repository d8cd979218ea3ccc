"""The Chinese of the guidelines: every row of the policy is in the tables."""

from __future__ import annotations

import re

import pytest

from cad.domain import ClinicalContext, PatientFactors, Region
from cad.exam.assessment import assess
from cad.policy import GuidelinePolicy, Policy
from cad.report.words.zh import nodules as chinese
from cad.report.words.zh.guidelines import translated

NAMES = re.compile(r"PET-CT|PET/CT|LDCT|CT|mm|Brock|Herder|VDT|S|\[unverified\]|\d[ABX]")
"""What stays in Latin letters: names, units, categories and the mark of what was not verified."""

RULES = GuidelinePolicy()
SCHEMES = (
    RULES.lung_rads,
    RULES.fleischner,
    RULES.bts,
    RULES.c_lung_rads,
    RULES.nelson,
    RULES.eu_position,
    RULES.chinese_consensus,
)
TEXTS = sorted({text for scheme in SCHEMES for row in scheme.rows for text in row})
OTHERS = (
    RULES.lung_rads.prior_awaited,
    RULES.lung_rads.not_evaluable,
    RULES.lung_rads.infection,
    RULES.lung_rads.other_finding,
)


@pytest.mark.parametrize("text", [*TEXTS, *OTHERS])
def test_every_text_of_the_policy_is_translated(text: str) -> None:
    assert not re.search(r"[A-Za-z]", NAMES.sub("", translated(text))), translated(text)


def test_combined_texts_are_translated_in_place() -> None:
    assert translated("low risk: No routine follow-up; high risk: Optional CT at 12 months") == (
        "低危： 无需常规随访; 高危： 可选择12个月后CT随访"
    )
    assert translated("4A") == "4A"


def test_a_screening_in_china_has_its_category_and_management() -> None:
    context = ClinicalContext(PatientFactors(screening=True, region=Region.CHINA))
    first, second = chinese.guidance(assess((), context, Policy()))
    assert first == "C-Lung-RADS 2024：0。12个月后年度筛查LDCT。"
    assert second.startswith("依据（原文）：")


def test_says_why_no_guideline_was_chosen() -> None:
    (sentence,) = chinese.guidance(assess((), ClinicalContext(), Policy()))
    assert sentence == "未选定指南（未说明是筛查还是偶然发现）；各指南的结论见findings.json。"
