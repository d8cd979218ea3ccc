"""The PDF page, read back with poppler."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from cad.case.case import report_case
from cad.domain import ClinicalContext, Nodule, NotAssessed, NotAssessedReason, PatientFactors, Region
from cad.exam.assessment import assess
from cad.policy import GrowthPolicy, Policy, WordingPolicy
from cad.report.pdf.lettering import CJK_FONT, LATIN_FONT, OTHER_FONT, font_for
from cad.report.pdf.report import ReportCase, report_pdf
from cad.report.statements import state
from cad.report.statements.provenance import Provenance
from cad.report.words.choices import Language
from cad.report.words.en import nodules as english
from dicom_io.read.reading import LoadedSeries
from tests.made.series import CHINESE_NAME, a_series
from tests.made.subjects import NOW, a_full_nodule, drawn_nodule, loaded, some_findings

PROVENANCE = Provenance("1.2.3", "ab" * 32, NOW, 2)
SCREENED = ClinicalContext(PatientFactors(age_years=66, screening=True, region=Region.USA))


@cache
def source() -> LoadedSeries:
    return loaded(a_series(patient_name=CHINESE_NAME))


def nodules(count: int) -> tuple[Nodule, ...]:
    one = a_full_nodule(drawn_nodule(source().volume.grid))
    return tuple(
        dataclasses.replace(one, label=f"Nodule {number}", tracking_uid=f"2.25.{number}")
        for number in range(1, count + 1)
    )


def a_case(found: tuple[Nodule, ...] | NotAssessed, language: Language = Language.BOTH) -> ReportCase:
    findings = some_findings(source().volume, found)
    if not isinstance(found, NotAssessed):
        findings = dataclasses.replace(findings, assessment=assess(found, SCREENED, Policy()))
    return report_case(source(), state(findings, WordingPolicy()), PROVENANCE, language, GrowthPolicy())


def poppler(name: str, pdf: bytes, folder: Path, *arguments: str) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    path = folder / "report.pdf"
    path.write_bytes(pdf)
    done = subprocess.run([name, str(path), *arguments], capture_output=True, check=True)
    return done.stdout.decode("utf-8")


def text_of(pdf: bytes, folder: Path, *pages: str) -> str:
    """The words of the document, or of some `pages` by options of pdftotext, joined by single spaces."""
    return " ".join(poppler("pdftotext", pdf, folder, *pages, "-").split())


def pages_of(pdf: bytes) -> int:
    return pdf.count(b"/Type /Page\n")


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("count", [0, 1, 2, 3, 6])
def test_up_to_six_nodules_are_on_one_page(count: int, language: Language) -> None:
    assert pages_of(report_pdf(a_case(nodules(count), language))) == 1


def test_more_nodules_go_on_on_a_further_page(tmp_path: Path) -> None:
    pdf = report_pdf(a_case(nodules(9)))
    assert pages_of(pdf) > 1
    text = text_of(pdf, tmp_path)
    assert all(f"Nodule {number}:" in text and f"结节{number}：" in text for number in range(1, 10))
    assert text.count("not a medical device") == pages_of(pdf) + 1


def test_says_everything_of_a_nodule_in_both_languages(tmp_path: Path) -> None:
    text = text_of(report_pdf(a_case(nodules(1))), tmp_path)
    for expected in (
        "22.0 × 14.0",
        "1730 [1557–2076]",
        "right upper lobe",
        "右肺上叶",
        "部分实性结节",
        "spiculated",
        "毛刺",
        "with popcorn calcification",
        "爆米花样钙化",
        "72 %",
        "Lung-RADS v2022",
        "it is not the probability of cancer",
        "并非癌症概率",
        "not a medical device",
        "不是医疗器械",
        "Not assessed: comparison with a prior examination (no earlier chest CT was available), coronary calcium.",
        "San",
        "张 三",
    ):
        assert expected in text, expected
    assert "未评估：与既往检查对比（无既往胸部CT）、冠状动脉钙化。" in text.replace(" ", "")
    assert "None" not in text


@pytest.mark.parametrize(("language", "there", "absent"), [("en", "Size, mm", "结节"), ("zh", "大小", "nodule of")])
def test_one_language_alone(language: str, there: str, absent: str, tmp_path: Path) -> None:
    text = text_of(report_pdf(a_case(nodules(1), Language(language))), tmp_path)
    assert there in text
    assert absent not in text


def test_without_nodules_it_says_so(tmp_path: Path) -> None:
    text = text_of(report_pdf(a_case(())), tmp_path)
    assert "No nodule was found. 未发现结节。" in text
    assert "12-month screening LDCT" in text
    assert "12个月后筛查LDCT" in text


def test_nodules_that_were_not_asked_for_are_not_called_absent(tmp_path: Path) -> None:
    text = text_of(report_pdf(a_case(NotAssessed(NotAssessedReason.NOT_REQUESTED))), tmp_path)
    assert "Nodules were not asked for and not assessed." in text
    assert "No nodule was found" not in text


def test_chinese_letters_are_embedded(tmp_path: Path) -> None:
    fonts = poppler("pdffonts", report_pdf(a_case(nodules(1))), tmp_path)
    rows = [line.split() for line in fonts.splitlines() if CJK_FONT in line]
    assert rows
    assert all("yes" in row for row in rows)
    assert OTHER_FONT not in fonts


def test_the_same_case_gives_the_same_bytes() -> None:
    assert report_pdf(a_case(nodules(2))) == report_pdf(a_case(nodules(2)))


@pytest.mark.parametrize(("letters", "font"), [("a³×–*", LATIN_FONT), ("结結，。（한か", CJK_FONT), ("Жλ", OTHER_FONT)])
def test_every_letter_has_a_font(letters: str, font: str) -> None:
    assert {font_for(letter) for letter in letters} == {font}


def test_names_the_applicable_guideline_its_category_management_and_rule() -> None:
    context = ClinicalContext(PatientFactors(screening=True, region=Region.USA))
    assert english.guidance(assess((), context, Policy())) == [
        "Lung-RADS v2022: 1. 12-month screening LDCT.",
        "Because: no lung nodule (screening, region usa).",
    ]


def test_says_what_was_assumed() -> None:
    context = ClinicalContext(PatientFactors(screening=False))
    *_, last = english.guidance(assess((), context, Policy()))
    assert last.startswith("Assumed: the patient is 35 years or older; there is no known primary cancer")


def test_says_why_no_guideline_was_chosen() -> None:
    (sentence,) = english.guidance(assess((), ClinicalContext(), Policy()))
    assert sentence.startswith("No guideline was chosen: it was not stated")


def test_says_nothing_when_nodules_were_not_asked_for() -> None:
    assert english.guidance(None) == []
