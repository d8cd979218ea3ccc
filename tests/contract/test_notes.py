"""The note that a series was not analysed, in the hands of validators and of our own reading back."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from cad.case.networks import CaseTools
from cad.domain import Candidate, LungMask, ModelIdentity, Networks, Volume
from cad.errors import Reason, Refusal
from cad.report.words.choices import Language, ReportForm
from cad.report.words.en.pictures import LABELS
from cad.report.words.zh import refusals as chinese
from cad.service.analysis import NOTHING_EXPECTED, analysis_with
from cad.service.intake import Slices, new_job
from cad.service.jobs import Source
from dicom_io.read.readback import read_back
from tests.contract.tools import dciodvfy, dicom_sr_validator, dsrdump, save, sr_errors
from tests.made.benches import IDENTITY, START
from tests.made.series import CHINESE_NAME, a_series
from tests.made.subjects import loaded

REFUSED = Refusal(Reason.NO_LUNGS_IN_VIEW, "no lungs in view, 0 ml")
A_JOB = new_job(Slices(Source.PACS, "id", "1.2", ("1.2.1",)), IDENTITY, START)


class Nothing:
    """A detector that is never asked."""

    identity = ModelIdentity("none", "1", "ab" * 32)
    default_min_score = 0.5

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:  # noqa: ARG002
        raise AssertionError


def a_note(tmp_path: Path, language: Language = Language.BOTH, refusal: Refusal | None = REFUSED) -> Path:
    analysis = analysis_with(CaseTools(Networks(Nothing())), None, ReportForm(language))
    assert analysis.note is not None
    note = analysis.note(A_JOB, a_series(patient_name=CHINESE_NAME), refusal)
    assert note is not None
    return save(note, tmp_path, "note")


def test_a_note_is_a_valid_report_that_says_why_there_is_no_result(tmp_path: Path) -> None:
    path = a_note(tmp_path)
    assert dciodvfy(path) == []
    tree = dsrdump(path)
    assert '=(262008008,SCT,"Not performed")' in tree
    assert "This series was NOT" in tree
    assert "no-lungs-in-view" in tree


@pytest.mark.slow
def test_a_note_follows_the_templates(tmp_path: Path) -> None:
    result = dicom_sr_validator(a_note(tmp_path))
    assert sr_errors(result.stdout + result.stderr) == []


def test_a_note_is_in_the_configured_language(tmp_path: Path) -> None:
    def texts(language: Language, refusal: Refusal | None = REFUSED) -> list[str]:
        items = dcmread(a_note(tmp_path, language, refusal)).ContentSequence[-1].ContentSequence
        return [str(item.TextValue) for item in items if item.ValueType == "TEXT"]

    assert texts(Language.CHINESE)[0] == "本序列未分析：视野内未见肺。"
    assert texts(Language.ENGLISH)[0] == "This series was NOT analysed: no lungs in view, 0 ml (no-lungs-in-view)."
    assert len(texts(Language.BOTH)) == len(texts(Language.ENGLISH)) + 2
    assert texts(Language.ENGLISH)[-1] == LABELS.research_use
    assert "the analysis failed" in texts(Language.ENGLISH, None)[0]


def test_every_reason_has_chinese_words() -> None:
    assert set(chinese.REASON) == set(Reason)


def test_nothing_is_said_of_what_nobody_expects_to_be_read() -> None:
    analysis = analysis_with(CaseTools(Networks(Nothing())), None)
    assert analysis.note is not None
    for reason in NOTHING_EXPECTED:
        assert analysis.note(A_JOB, a_series(), Refusal(reason, "why")) is None


def test_a_note_is_never_read_back_as_a_report_without_nodules(tmp_path: Path) -> None:
    source = loaded(a_series())
    report, cautions = read_back([dcmread(a_note(tmp_path))], source.series)
    assert report is None
    assert [caution.code for caution in cautions] in ([], ["prior-report-unusable"])
