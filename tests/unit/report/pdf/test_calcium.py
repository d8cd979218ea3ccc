"""Coronary calcium in the PDF report and among the pictures, read back with poppler."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cad.case.case import report_case
from cad.domain import CalciumScore, Nodule, NotAssessed, NotAssessedReason
from cad.exam.assessment import assess
from cad.policy import GrowthPolicy, Policy, WordingPolicy
from cad.report.pdf.report import ReportCase, report_pdf
from cad.report.pictures.overlay import overlay_pictures
from cad.report.statements import state
from cad.report.words.choices import Language
from cad.report.words.languages import ENGLISH
from tests.made.calcium import CONTRAST, a_score
from tests.made.subjects import some_findings
from tests.unit.report.pdf.test_report import PROVENANCE, SCREENED, nodules, pages_of, poppler, source, text_of

NOT_ASKED = NotAssessed(NotAssessedReason.NOT_REQUESTED)


def a_case(
    calcium: CalciumScore | NotAssessed,
    found: tuple[Nodule, ...] | NotAssessed = NOT_ASKED,
    language: Language = Language.BOTH,
) -> ReportCase:
    findings = dataclasses.replace(some_findings(source().volume, found), calcium=calcium)
    if not isinstance(found, NotAssessed):
        findings = dataclasses.replace(findings, assessment=assess(found, SCREENED, Policy()))
    return report_case(source(), state(findings, WordingPolicy()), PROVENANCE, language, GrowthPolicy())


def scored(*, very_high: bool = False) -> CalciumScore:
    return a_score(source().volume.grid, very_high=very_high)


def page_text(pdf: bytes, number: int, folder: Path) -> str:
    return " ".join(poppler("pdftotext", pdf, folder, "-f", str(number), "-l", str(number), "-layout", "-").split())


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("count", [0, 1, 6])
def test_calcium_adds_the_page_of_heart_and_lungs_alone(count: int, language: Language) -> None:
    assert pages_of(report_pdf(a_case(scored(very_high=True), nodules(count), language))) == 2


def test_calcium_alone_is_on_one_page_with_its_table(tmp_path: Path) -> None:
    pdf = report_pdf(a_case(scored()))
    assert pages_of(pdf) == 1
    text = page_text(pdf, 1, tmp_path)
    for expected in (
        "Agatston score 199.4, non-gated estimate",
        "CAC-DRS: A2/N2",
        "100-399",
        "Left anterior descending (LAD)",
        "左前降支（LAD）",
        "162.2 240 2",
        "37.2 60 1",
        "199.4 300 3",
        "Not coronary, not part of the score",
        "Aorta 主动脉 61.0 80 1",
        "Moderate coronary calcium: the treating physician",
        "中度冠状动脉钙化：可由临床医师",
        "BSTI 2020",
        "an estimate from a scan without ECG gating",
        "8-connected",
    ):
        assert expected in text, expected
    assert "Very high" not in text
    assert "glance" not in text


def test_a_very_high_score_is_called_so_on_both_pages_and_never_critical(tmp_path: Path) -> None:
    pdf = report_pdf(a_case(scored(very_high=True), nodules(1)))
    for number in (1, 2):
        text = page_text(pdf, number, tmp_path)
        assert "Very high calcium score (1000 or more)." in text
        assert "CRITICAL" not in text
        assert "危急值" not in text


def test_the_page_of_heart_and_lungs_has_both_levels_their_schemes_and_the_rule(tmp_path: Path) -> None:
    text = page_text(report_pdf(a_case(scored(), nodules(1))), 2, tmp_path)
    for expected in (
        "Heart and lungs at a glance",
        "心肺联合小结",
        "LOW 低",
        "MEDIUM 中",
        "Lung-RADS v2022: 1.",
        "CAC-DRS: A2/N2",
        "no guideline uses them so",
        "PHANTOM-1",
        "199.4 300 3",
    ):
        assert expected in text, expected


@pytest.mark.parametrize("found", [NOT_ASKED, ()])
def test_why_calcium_was_not_assessed_is_said_once_on_the_first_page(
    found: tuple[Nodule, ...] | NotAssessed, tmp_path: Path
) -> None:
    text = page_text(report_pdf(a_case(CONTRAST, found)), 1, tmp_path)
    assert text.count(CONTRAST.text) == 1
    assert text.count("冠状动脉钙化未评估：血液有对比剂强化。") == 1
    assert "prior examination (no earlier chest CT was available)." in text
    assert "Agatston" not in text


def test_the_page_of_heart_and_lungs_says_why_there_is_no_calcium(tmp_path: Path) -> None:
    text = page_text(report_pdf(a_case(CONTRAST, nodules(1))), 2, tmp_path)
    assert "NOT ASSESSED 未评估" in text
    assert "the blood measures 231 HU" in text
    assert "MEDIUM" not in text.replace("Low, medium and high", "")


@pytest.mark.parametrize(("language", "absent"), [("en", "钙化"), ("zh", "Coronary calcium: Agatston")])
def test_one_language_alone(language: str, absent: str, tmp_path: Path) -> None:
    assert absent not in text_of(report_pdf(a_case(scored(), nodules(1), Language(language))), tmp_path)


def test_the_same_case_gives_the_same_bytes() -> None:
    assert report_pdf(a_case(scored(), nodules(1))) == report_pdf(a_case(scored(), nodules(1)))


def test_there_is_a_calcium_picture_with_lesions_and_none_without() -> None:
    volume = source().volume
    names = [name for name, _ in overlay_pictures(volume, a_case(scored()).statements, ENGLISH)]
    assert names == ["lungs.png", "calcium.png"]
    zero = a_case(a_score(volume.grid, ())).statements
    assert [name for name, _ in overlay_pictures(volume, zero, ENGLISH)] == ["lungs.png"]
