"""The pages of comparison in the PDF report, read back with poppler."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from pathlib import Path

import pytest

from cad.case.case import report_case
from cad.domain import FollowUp, NotAssessed, NotAssessedReason
from cad.exam.assessment import assess
from cad.policy import GrowthPolicy, Policy, WordingPolicy
from cad.report.pdf.report import ReportCase, report_pdf
from cad.report.statements import state
from cad.report.words.choices import Language
from tests.made.followups import ROUGH, a_change, a_followup
from tests.made.subjects import some_findings
from tests.unit.report.pdf.test_report import PROVENANCE, SCREENED, nodules, pages_of, source, text_of


@cache
def followup(count: int, rough: bool = False) -> FollowUp:
    """The first nodule grew, the second is new, one is gone, and any more are as the first."""
    found = nodules(count)
    base = a_followup(nodules(2), *([ROUGH] if rough else []))
    more = tuple(a_change(nodule, number) for number, nodule in enumerate(found) if number > 1)
    return dataclasses.replace(base, changes=(*base.changes[:2], *more, base.changes[2]))


def a_case(
    count: int = 2, language: Language = Language.BOTH, compared: FollowUp | NotAssessed | None = None
) -> ReportCase:
    found = nodules(count)
    findings = dataclasses.replace(
        some_findings(source().volume, found),
        assessment=assess(found, SCREENED, Policy()),
        followup=followup(count) if compared is None else compared,
    )
    return report_case(source(), state(findings, WordingPolicy()), PROVENANCE, language, GrowthPolicy())


def page(pdf: bytes, number: int, folder: Path) -> str:
    text = text_of(pdf, folder, "-f", str(number), "-l", str(number))
    assert text
    return text


def test_the_first_page_says_what_was_compared_and_how_many_changed(tmp_path: Path) -> None:
    first = page(report_pdf(a_case()), 1, tmp_path)
    assert "Compared with the chest CT of 2023-01-31, 365 days earlier: 1 growing, 1 new, 1 resolved." in first
    assert "与2023-01-31胸部CT（365天前）对比：增大1个，新发1个，消失1个。" in first
    assert "comparison with a prior examination" not in first


def test_the_second_page_has_the_table_the_sentences_and_the_chart_in_both_languages(tmp_path: Path) -> None:
    text = page(report_pdf(a_case()), 2, tmp_path)
    for expected in (
        "Comparison with earlier examinations",
        "与既往检查对比",
        "2023-01-31 (365 days earlier): its nodules were read back from lungcad's report of then.",
        "2022-01-31 (730 days earlier)",
        "210 [180–240]",
        "420 [370–480]",
        "+100 % [+70, +140]",
        "[290–480]",
        "Nodule 1: growing, from 210 [180–240] to 420 [370–480] mm³ in 365 days",
        "结节1：增大",
        "Over 3 examinations since 2022-01-31 its volume doubles every 365 days",
        "共3次检查",
        "Nodule 2: new, 1730",
        "Earlier Nodule 2 (right upper lobe): resolved, 118",
        "既往结节2（右肺上叶）：已消失",
        "the volume changed by 25 % or more",
        "2024-01-31",
        "logarithmic",
        "Then (left) and now (right)",
    ):
        assert expected in text, expected
    assert not re.search(r"None|null|\bnan\b|\binf\b", text)


def test_the_rule_names_the_percent_of_the_policy(tmp_path: Path) -> None:
    case = dataclasses.replace(a_case(), growth=GrowthPolicy(significant_percent=33.0))
    text = page(report_pdf(case), 2, tmp_path)
    assert "the volume changed by 33 % or more" in text
    assert "体积变化达33%及以上" in text


@pytest.mark.parametrize(("language", "there", "absent"), [("en", "growing, from", "结节"), ("zh", "增大", "growing")])
def test_one_language_alone(language: str, there: str, absent: str, tmp_path: Path) -> None:
    text = text_of(report_pdf(a_case(language=Language(language))), tmp_path)
    assert there in text
    assert absent not in text


@pytest.mark.parametrize("count", [2, 6])
def test_up_to_six_nodules_still_have_one_page_before_the_comparison(count: int, tmp_path: Path) -> None:
    pdf = report_pdf(a_case(count))
    assert pages_of(pdf) >= 2
    assert "Comparison with earlier examinations" in page(pdf, 2, tmp_path)
    assert f"Nodule {count}: part-solid" in page(pdf, 1, tmp_path)


def test_the_chart_says_how_many_nodules_it_leaves_out(tmp_path: Path) -> None:
    base = followup(2)
    many = dataclasses.replace(base, changes=base.changes[:1] * 9)
    text = text_of(report_pdf(a_case(compared=many)), tmp_path)
    assert "measurements by any protocol; 3 more in the table" in text
    assert "另有3个见表" in text
    assert "more in the table" not in text_of(report_pdf(a_case()), tmp_path)


def test_a_doubtful_registration_is_said(tmp_path: Path) -> None:
    text = text_of(report_pdf(a_case(compared=followup(2, rough=True))), tmp_path)
    assert "by an affine map alone" in text
    assert "The deformation folds in 3 % of the lungs and was not used." in text
    assert "affine" not in text_of(report_pdf(a_case()), tmp_path)


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        (NotAssessedReason.NO_PRIOR, "no earlier chest CT was available", "无既往胸部CT"),
        (
            NotAssessedReason.NO_SUITABLE_PRIOR,
            "none of the earlier examinations can be compared",
            "既往检查均不适合对比",
        ),
    ],
)
def test_without_a_comparison_the_reason_is_said_and_there_is_no_page_of_it(
    reason: NotAssessedReason, english: str, chinese: str, tmp_path: Path
) -> None:
    pdf = report_pdf(a_case(compared=NotAssessed(reason)))
    text = text_of(pdf, tmp_path)
    assert f"Not assessed: comparison with a prior examination ({english})" in text
    assert f"（{chinese}）" in text.replace(" ", "")
    assert pages_of(pdf) == 1


def test_the_same_case_gives_the_same_bytes() -> None:
    assert report_pdf(a_case()) == report_pdf(a_case())
