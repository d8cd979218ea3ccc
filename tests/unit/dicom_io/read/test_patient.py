"""Age and sex of the patient from the headers."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from cad.domain import PatientFactors, Sex
from cad.policy import SeriesPolicy
from dicom_io.read.patient import patient_factors_of
from dicom_io.read.reading import load_datasets
from tests.made.series import a_series


def a_header(**attributes: str | None) -> Dataset:
    header = Dataset()
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return header


@pytest.mark.parametrize(
    ("text", "years"),
    [("064Y", 64.0), ("018M", 1.5), ("052W", 0.997), ("100D", 0.274), ("119Y", 119.0)],
)
def test_an_age_string_is_read_in_its_unit(text: str, years: float) -> None:
    assert patient_factors_of(a_header(PatientAge=text)).age_years == pytest.approx(years, abs=5e-3)


@pytest.mark.parametrize("text", ["000Y", "000D", "121Y", "999Y", "", None])
def test_an_age_that_cannot_be_meant_is_unknown(text: str | None) -> None:
    assert patient_factors_of(a_header(PatientAge=text)).age_years is None


@pytest.mark.parametrize(("taken", "years"), [("20240131", 64.0), ("20240130", 63.0), ("20240201", 64.0)])
def test_without_an_age_it_is_the_completed_years_since_birth(taken: str, years: float) -> None:
    header = a_header(PatientBirthDate="19600131", AcquisitionDate=taken)
    assert patient_factors_of(header).age_years == years


def test_the_stated_age_comes_before_the_date_of_birth() -> None:
    header = a_header(PatientAge="050Y", PatientBirthDate="19600131", AcquisitionDate="20240131")
    assert patient_factors_of(header).age_years == 50


def test_the_date_of_acquisition_comes_before_that_of_the_study() -> None:
    header = a_header(PatientBirthDate="19600131", StudyDate="20300131", AcquisitionDateTime="20240131101500.0")
    assert patient_factors_of(header).age_years == 64


@pytest.mark.parametrize(
    "dates",
    [
        {"PatientBirthDate": "19600131"},
        {"AcquisitionDate": "20240131"},
        {"PatientBirthDate": "", "AcquisitionDate": "20240131"},
        {"PatientBirthDate": "18000101", "AcquisitionDate": "20240131"},
        {"PatientBirthDate": "20250101", "AcquisitionDate": "20240131"},
        {"PatientBirthDate": "20240130", "AcquisitionDate": "20240131"},
    ],
)
def test_without_usable_dates_the_age_is_unknown(dates: dict[str, str]) -> None:
    assert patient_factors_of(a_header(**dates)).age_years is None


@pytest.mark.filterwarnings("ignore:Invalid value for VR DA")
@pytest.mark.parametrize("born", ["19600231", "1960", "196O0131", "1960W101"])
def test_a_date_that_is_none_gives_no_age(born: str) -> None:
    assert patient_factors_of(a_header(PatientBirthDate=born, AcquisitionDate="20240131")).age_years is None


@pytest.mark.parametrize(("text", "sex"), [("F", Sex.FEMALE), ("M", Sex.MALE), ("O", None), ("", None), (None, None)])
def test_sex(text: str | None, sex: Sex | None) -> None:
    assert patient_factors_of(a_header(PatientSex=text)).sex is sex


def test_a_header_that_says_nothing_leaves_both_unknown() -> None:
    assert patient_factors_of(Dataset()) == PatientFactors()


def test_a_loaded_series_knows_age_and_sex() -> None:
    assert load_datasets(a_series(), SeriesPolicy()).patient == PatientFactors(age_years=64, sex=Sex.FEMALE)


def test_a_loaded_series_without_an_age_has_that_by_its_dates() -> None:
    datasets = a_series()
    for ds in datasets:
        del ds.PatientAge
        del ds.AcquisitionDate
    assert load_datasets(datasets, SeriesPolicy()).patient.age_years == 64
