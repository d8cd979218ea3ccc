"""Earlier series with lungcad's own objects → what a case is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydicom.dataset import Dataset

from cad.domain import Caution
from cad.policy import SeriesPolicy
from cad.service.analysis import priors_in
from cad.service.prior_search import EarlierScan, History, _current
from dicom_io.read.priors import Priors
from dicom_io.read.reading import best_series, load_datasets
from tests.made.series import a_series
from tests.made.subjects import a_context, loaded, objects_of, two_nodules

DEVICE = a_context().device_uid


def a_visit(date: str, **changes: object) -> list[Dataset]:
    images = a_series(study=date, series=f"{date}/ct", slices=40)
    for ds in images:
        ds.AcquisitionDate = date
        for keyword, value in changes.items():
            setattr(ds, keyword, value)
    return images


def read_with(scans: Sequence[EarlierScan], said: tuple[Caution, ...] = (), device: str = DEVICE) -> Priors:
    policy = SeriesPolicy()
    return priors_in(History(tuple(scans), said), load_datasets(a_visit("20250101"), policy), policy, device)


def with_report(images: list[Dataset]) -> EarlierScan:
    source = loaded(images)
    return EarlierScan(tuple(images), objects_of(source, two_nodules(source.volume.grid)).all())


def codes(priors: Priors) -> list[str]:
    return [caution.code for caution in priors.cautions]


def test_an_earlier_series_with_our_report_has_its_nodules_and_references() -> None:
    priors = read_with([with_report(a_visit("20240101"))])
    (scan,) = priors.scans
    assert scan.interval_days == 366
    assert scan.nodules is not None
    assert [nodule.label for nodule in scan.nodules] == ["Nodule 1", "Nodule 2"]
    assert [reference.modality for reference in scan.reports] == ["SR", "SEG"]
    assert codes(priors) == []


def test_an_earlier_series_without_a_report_is_to_be_analysed() -> None:
    priors = read_with([EarlierScan(tuple(a_visit("20240101")))])
    assert [(scan.nodules, scan.reports) for scan in priors.scans] == [(None, ())]


def test_a_report_of_another_version_is_used_and_that_is_said() -> None:
    priors = read_with([with_report(a_visit("20240101"))], device="2.25.1")
    assert priors.scans[0].nodules is not None
    assert codes(priors) == ["prior-other-version"]


def test_a_report_of_another_series_is_not_used() -> None:
    other = with_report(a_visit("20230101"))
    priors = read_with([EarlierScan(tuple(a_visit("20240101")), other.results)])
    assert (priors.scans[0].nodules, codes(priors)) == (None, [])


def test_what_cannot_be_read_is_said_and_the_other_is_compared() -> None:
    broken = a_visit("20230101")
    for ds in broken:
        ds.PixelData = ds.PixelData[:100]
    priors = read_with([EarlierScan(tuple(broken)), EarlierScan(tuple(a_visit("20240101")))])
    assert len(priors.scans) == 1
    assert codes(priors) == ["prior-unsuitable"]


@pytest.mark.parametrize("changes", [{"PatientBirthDate": "19610101"}, {"PatientSex": "M"}, {"PatientID": "P2"}])
def test_images_whose_own_headers_name_another_patient_are_not_compared(changes: dict[str, str]) -> None:
    priors = read_with([EarlierScan(tuple(a_visit("20240101", **changes)))])
    assert (priors.scans, codes(priors)) == ((), ["prior-other-patient"])


def test_what_was_said_of_the_search_is_kept() -> None:
    said = Caution("prior-archive-unavailable", "away")
    assert codes(read_with([], (said,))) == ["prior-archive-unavailable"]


def test_the_best_series_of_a_study_is_chosen_by_headers_alone() -> None:
    thick = a_series(series="thick", slices=20, slice_spacing_mm=5.0, slice_thickness_mm=5.0)
    thin, few = a_series(series="thin"), a_series(series="few", slices=3)
    for ds in (*thick, *thin, *few):
        del ds.PixelData
        ds.PixelData = b""
    chosen = best_series([*thick, *few, *thin], SeriesPolicy())
    assert {str(ds.SeriesInstanceUID) for ds in chosen} == {thin[0].SeriesInstanceUID}
    assert len(chosen) == 40


def test_an_image_that_names_no_study_is_no_reason_to_crash() -> None:
    image = a_series()[0]
    del image.StudyInstanceUID
    assert _current(image).study_uid == ""
