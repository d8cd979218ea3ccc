"""What makes other objects of the same job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cad.case.identity import result_key, written_key
from cad.case.request import CaseRequest
from cad.domain import ClinicalContext, ExamObservations, NoduleObservation, PatientFactors
from cad.report.words.choices import Language, LesionNames, ReportForm
from dicom_io.read.priors import Priors
from tests.made.compared_chests import Chest, prior_of

JOB = "ab" * 32
SMOKER = ClinicalContext(PatientFactors(ever_smoker=True))
OBSERVED = ClinicalContext(observations=ExamObservations(nodules=(NoduleObservation("Nodule 1", spiculated=True),)))
REQUESTS = (
    CaseRequest(min_score=0.3),
    CaseRequest(context=SMOKER),
    CaseRequest(context=OBSERVED),
    CaseRequest(form=ReportForm(Language.CHINESE)),
    CaseRequest(form=ReportForm(Language.ENGLISH)),
    CaseRequest(form=ReportForm(lesion_names=LesionNames.PLAIN)),
    CaseRequest(min_score=0.3, context=SMOKER),
    CaseRequest(priors=Priors((prior_of(Chest([]), 90)[2],))),
    CaseRequest(priors=Priors((prior_of(Chest([]), 200)[2],))),
    CaseRequest(priors=Priors((prior_of(Chest([]), 200)[2], prior_of(Chest([]), 90)[2]))),
)


def test_an_ordinary_request_has_the_key_of_its_job() -> None:
    assert result_key(JOB, CaseRequest()) == JOB


@pytest.mark.parametrize("request_", REQUESTS, ids=range(len(REQUESTS)))
def test_a_request_that_changes_the_objects_has_a_key_of_its_own(request_: CaseRequest) -> None:
    key = result_key(JOB, request_)
    assert key != JOB
    assert (len(key), set(key) - set("0123456789abcdef")) == (64, set())
    assert key == result_key(
        JOB,
        CaseRequest(request_.parts, request_.min_score, request_.context, request_.priors, form=request_.form),
    )


def test_what_is_written_at_another_time_or_for_another_name_has_other_uids() -> None:
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    key = written_key(JOB, at, ["A^B", "1"])
    assert key == written_key(JOB, at.astimezone(timezone(timedelta(hours=8))), ["A^B", "1"])
    others = [
        written_key(JOB, at + timedelta(seconds=1), ["A^B", "1"]),
        written_key(JOB, at, ["A^C", "1"]),
        written_key(JOB, at, ["A^B1", ""]),
        written_key("cd" * 32, at, ["A^B", "1"]),
    ]
    assert len({key, *others}) == 1 + len(others)


def test_different_requests_have_different_keys() -> None:
    assert len({result_key(JOB, one) for one in REQUESTS}) == len(REQUESTS)
