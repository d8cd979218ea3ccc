"""Which series are earlier examinations of the same patient, and what is said of the others."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from cad.policy import SeriesPolicy
from dicom_io.read.dates import image_date
from dicom_io.read.priors import Priors, load_priors, priors_of
from dicom_io.read.reading import LoadedSeries, load_datasets
from tests.made.series import a_series, save_series

POLICY = SeriesPolicy()


def loaded(study: str = "now", day: str = "20240131", patient_id: str = "P1", **headers: str | None) -> LoadedSeries:
    """A series with this AcquisitionDate; a header of None is taken away."""
    series = a_series(study=study, patient_id=patient_id)
    for ds in series:
        ds.AcquisitionDate = day
        for keyword, value in headers.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)
    return load_datasets(series, POLICY)


@pytest.fixture(scope="module")
def current() -> LoadedSeries:
    return loaded()


def codes(priors: Priors) -> list[str]:
    return [caution.code for caution in priors.cautions]


def test_the_interval_is_between_days_of_acquisition_and_not_of_studies(current: LoadedSeries) -> None:
    found = priors_of(current, [loaded("then", "20230131", StudyDate="20240130", SeriesDate="20240130")])
    (scan,) = found.scans
    assert (scan.interval_days, scan.acquired, found.acquired) == (365, date(2023, 1, 31), date(2024, 1, 31))
    assert (found.cautions, scan.nodules, found.were_given) == ((), None, True)


def test_earlier_examinations_come_oldest_first(current: LoadedSeries) -> None:
    found = priors_of(current, [loaded("b", "20231231"), loaded("a", "20221231"), loaded("c", "20230601")])
    assert [scan.acquired.year * 100 + scan.acquired.month for scan in found.scans] == [202212, 202306, 202312]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"patient_id": "P2"}, "prior-other-patient"),
        ({"patient_id": "p1"}, "prior-other-patient"),
        ({"patient_id": ""}, "prior-patient-unknown"),
        ({"PatientID": None}, "prior-patient-unknown"),
        ({"day": "20240131"}, "prior-not-earlier"),
        ({"day": "20240201"}, "prior-not-earlier"),
    ],
)
def test_what_is_no_earlier_examination_of_the_patient_is_said(
    current: LoadedSeries, headers: dict[str, str], code: str
) -> None:
    found = priors_of(current, [loaded("then", **{"day": "20230131", **headers})])
    assert (found.scans, codes(found)) == ((), [code])
    assert found.were_given


def test_the_same_id_of_two_issuers_is_two_patients() -> None:
    here, there = loaded(IssuerOfPatientID="A"), loaded("then", "20230131", IssuerOfPatientID="B")
    assert codes(priors_of(here, [there])) == ["prior-other-patient"]
    assert len(priors_of(here, [loaded("then", "20230131", IssuerOfPatientID="A")]).scans) == 1
    assert len(priors_of(here, [loaded("then", "20230131")]).scans) == 1  # issuers are seldom written


def test_no_caution_names_the_patient(current: LoadedSeries) -> None:
    found = priors_of(current, [loaded("then", "20230131", patient_id="SECRET-7")])
    assert "SECRET" not in found.cautions[0].text
    assert "P1" not in found.cautions[0].text


def test_the_current_series_is_not_its_own_prior(current: LoadedSeries) -> None:
    assert codes(priors_of(current, [current])) == ["prior-same-series"]


def test_another_date_is_taken_only_with_a_caution(current: LoadedSeries) -> None:
    found = priors_of(current, [loaded("then", AcquisitionDate=None, StudyDate="20230131", SeriesDate=None)])
    assert [scan.interval_days for scan in found.scans] == [365]
    assert codes(found) == ["date-not-of-acquisition"]
    assert "StudyDate" in found.cautions[0].text


def test_without_any_date_nothing_is_compared(current: LoadedSeries) -> None:
    undated = loaded("then", AcquisitionDate=None, StudyDate="", SeriesDate=None)
    assert codes(priors_of(current, [undated])) == ["prior-date-unknown"]
    assert codes(priors_of(undated, [loaded("b", "20230131")])) == ["prior-date-unknown"]


def test_a_source_that_cannot_be_read_is_said_and_the_others_are_taken(current: LoadedSeries, tmp_path: Path) -> None:
    good = save_series(a_series(study="then", patient_id="P1"), tmp_path / "good")
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "notes.txt").write_text("no image")
    found = load_priors(loaded(day="20240301"), [bad, good], POLICY)
    assert len(found.scans) == 1
    assert codes(found) == ["prior-unsuitable"]
    assert "not-dicom" in found.cautions[0].text


@pytest.mark.parametrize(
    ("headers", "day", "keyword"),
    [
        ({"AcquisitionDate": "20230102", "ContentDate": "20240101"}, date(2023, 1, 2), "AcquisitionDate"),
        ({"AcquisitionDateTime": "20230103101500.5", "StudyDate": "20240101"}, date(2023, 1, 3), "AcquisitionDateTime"),
        ({"AcquisitionDate": "unknown", "ContentDate": "20230104"}, date(2023, 1, 4), "ContentDate"),
        ({"SeriesDate": "20230105", "StudyDate": "20230106"}, date(2023, 1, 5), "SeriesDate"),
    ],
)
def test_the_best_date_of_the_images_is_taken(headers: dict[str, str], day: date, keyword: str) -> None:
    header = Dataset()
    for name, value in headers.items():
        header.add_new(name, "SH", value)  # a wrong date cannot be set as DA
    found = image_date(header)
    assert found is not None
    assert (found.day, found.keyword) == (day, keyword)


def test_no_date_is_none() -> None:
    assert image_date(Dataset()) is None
