"""Earlier studies looked for in a real Orthanc, and in a second one as an archive over C-FIND/C-MOVE and DICOMweb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from cad.errors import Unavailable
from orthanc.dicomweb import DicomWebConnection, WebArchive
from orthanc.dimse import DimsePeer
from orthanc.pacs import Archive, StudySummary
from orthanc.query_retrieve import DimseArchive
from tests.integration.conftest import ARCHIVE_AET
from tests.integration.rigs import OrthancRig, a_chest, one_port

pytestmark = [pytest.mark.orthanc, pytest.mark.slow]

MakeArchive = Callable[[OrthancRig, OrthancRig], Archive]


def by_dimse(archive: OrthancRig, orthanc: OrthancRig) -> Archive:
    peer = DimsePeer("127.0.0.1", archive.address.dicom_port, ARCHIVE_AET, "LUNGCAD")
    return DimseArchive(peer, orthanc.address.ae_title, orthanc.pacs)


def by_web(archive: OrthancRig, orthanc: OrthancRig) -> Archive:
    address = archive.address
    return WebArchive(DicomWebConnection(address.dicomweb_url, address.username, address.password))


DOORS = pytest.mark.parametrize("door", [by_dimse, by_web])


def a_study(name: str, patient_id: str, **identity: str) -> list[Dataset]:
    images = a_chest(name, slices=6, patient_id=patient_id)
    for ds in images:
        ds.AcquisitionDate, ds.StudyDate = "20230405", "20230406"
        for keyword, value in identity.items():
            setattr(ds, keyword, value)
    return images


def as_told(study: StudySummary) -> tuple[str, str | None, str | None, str | None]:
    patient = study.patient
    return patient.patient_id, patient.issuer, patient.birth_date, patient.sex


def test_orthanc_finds_a_patients_studies_and_says_whose_they_are(orthanc: OrthancRig, tmp_path: Path) -> None:
    mine = a_study("mine", "P1*", IssuerOfPatientID="医院")
    for images in (mine, a_study("other", "P12"), a_study("same id", "P1*", IssuerOfPatientID="SOUTH", PatientSex="")):
        orthanc.send(images, tmp_path)
    found = {study.study_uid: study for study in orthanc.pacs.studies_of("P1*")}
    assert len(found) == 2
    study = found[mine[0].StudyInstanceUID]
    assert as_told(study) == ("P1*", "医院", "19600101", "F")
    assert study.acquired == date(2023, 4, 5)
    (entry,) = study.series
    assert (entry.series_uid, entry.modality, entry.instances) == (mine[0].SeriesInstanceUID, "CT", 6)
    assert orthanc.pacs.find_series(entry.series_uid) == entry.series_id
    assert replace(orthanc.pacs.study_of(entry.series_id) or study, series=()) == replace(study, series=())
    assert {as_told(one)[1] for one in found.values()} == {"医院", "SOUTH"}
    assert orthanc.pacs.studies_of("P1?") == orthanc.pacs.studies_of("") == ()


@DOORS
@pytest.mark.parametrize("patient_id", ["A-1", "A*1?", "A 1/&#%2B^", "A\\1"])
def test_an_archive_finds_a_patients_studies_by_the_exact_id(
    archive: OrthancRig, orthanc: OrthancRig, tmp_path: Path, door: MakeArchive, patient_id: str
) -> None:
    images = a_study(f"archived {patient_id}", patient_id, IssuerOfPatientID="NORTH")
    archive.send(images, tmp_path)
    archive.send(a_study("archived neighbour", "A-12"), tmp_path)
    found = door(archive, orthanc).studies_of(patient_id)
    if "\\" in patient_id:  # DICOM reads it as two values; whatever the archive makes of it must not be another's
        assert all(study.patient.patient_id == patient_id for study in found)
        return
    (study,) = found
    assert study.study_uid == images[0].StudyInstanceUID
    assert as_told(study) in {(patient_id, "NORTH", "19600101", "F"), (patient_id, None, "19600101", "F")}
    assert study.acquired == date(2023, 4, 6)
    (entry,) = study.series
    assert (entry.series_uid, entry.modality, entry.instances) == (images[0].SeriesInstanceUID, "CT", 6)


def test_an_archive_finds_an_id_beyond_ascii_by_c_find(
    archive: OrthancRig, orthanc: OrthancRig, tmp_path: Path
) -> None:
    images = a_study("archived beyond ascii", "张-7")
    archive.send(images, tmp_path)
    (study,) = by_dimse(archive, orthanc).studies_of("张-7")
    assert study.study_uid == images[0].StudyInstanceUID


@DOORS
def test_an_archive_brings_a_series_with_its_pixels(
    archive: OrthancRig, orthanc: OrthancRig, tmp_path: Path, door: MakeArchive
) -> None:
    images = a_study(f"brought {door.__name__}", f"B-{door.__name__}")
    archive.send(images, tmp_path)
    place = door(archive, orthanc)
    (study,) = place.studies_of(f"B-{door.__name__}")
    fetched = {str(ds.SOPInstanceUID): ds.pixel_array for ds in place.fetch(study.series[0])}
    assert set(fetched) == {str(ds.SOPInstanceUID) for ds in images}
    assert all((fetched[ds.SOPInstanceUID] == ds.pixel_array).all() for ds in images)
    is_in_pacs = orthanc.pacs.find_series(study.series[0].series_uid) is not None
    assert is_in_pacs is place.fills_pacs


@DOORS
def test_an_unknown_patient_has_no_studies(archive: OrthancRig, orthanc: OrthancRig, door: MakeArchive) -> None:
    assert door(archive, orthanc).studies_of("nobody") == ()
    assert door(archive, orthanc).studies_of("") == ()


def test_a_move_to_a_destination_that_the_archive_does_not_know_is_an_outage(
    archive: OrthancRig, orthanc: OrthancRig, tmp_path: Path
) -> None:
    archive.send(a_study("unmoved", "C-1"), tmp_path)
    peer = DimsePeer("127.0.0.1", archive.address.dicom_port, ARCHIVE_AET, "LUNGCAD")
    place = DimseArchive(peer, "NOBODY", orthanc.pacs)
    (study,) = place.studies_of("C-1")
    with pytest.raises(Unavailable, match="C-MOVE"):
        place.fetch(study.series[0])


def test_archives_that_are_away_or_refuse_us_are_outages(archive: OrthancRig, orthanc: OrthancRig) -> None:
    port, address = one_port(), archive.address
    away = DimseArchive(DimsePeer("127.0.0.1", port, ARCHIVE_AET, "LUNGCAD", timeout_s=2), "ORTHANC", orthanc.pacs)
    stranger = DimsePeer("127.0.0.1", address.dicom_port, ARCHIVE_AET, "STRANGER", timeout_s=2)
    places: list[Archive] = [
        away,
        DimseArchive(stranger, "ORTHANC", orthanc.pacs),
        WebArchive(DicomWebConnection(f"http://127.0.0.1:{port}/dicom-web")),
        WebArchive(DicomWebConnection(address.dicomweb_url, "lungcad", "wrong")),
        WebArchive(DicomWebConnection(f"{address.url}/nothing", address.username, address.password)),
    ]
    for place in places:
        with pytest.raises(Unavailable) as outage:
            place.studies_of("A-1")
        assert outage.value.code == "prior-archive-unavailable"
