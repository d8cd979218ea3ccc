"""Results that are replaced → a note that they are rejected (Key Object Selection), for archives they were sent on to.

A deletion does not travel with what an archive forwards; this note does. Source: IHE Radiology, Imaging Object Change
Management (IOCM), RAD-66; PS3.16 CID 7011, Rejected for Quality Reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dicom_codes
from pydicom.uid import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from dicom_io.uids import derived_uid
from dicom_io.write.identity import ObjectKind, name_implementation
from dicom_io.write.source_images import TYPE_2_KEYWORDS

CLASSES: Mapping[str, str] = {
    "SR": Comprehensive3DSRStorage,
    "SEG": SegmentationStorage,
    "PR": GrayscaleSoftcopyPresentationStateStorage,
    "OT": SecondaryCaptureImageStorage,
    "DOC": EncapsulatedPDFStorage,
    "KO": KeyObjectSelectionDocumentStorage,
}
"""The SOP class of each kind of result by its modality."""

DESCRIPTION = "Replaced by a newer automatic analysis of the same series."


@dataclass(frozen=True, slots=True)
class Replaced:
    """A result that another one takes the place of."""

    sop_uid: str
    series_uid: str
    modality: str


def rejection_note(report: Dataset, replaced: Sequence[Replaced]) -> Dataset | None:
    """The note that these results of the study of `report`, the new one, are rejected; None when there are none.

    It is of the time and of the equipment of the report, and says who made it in the same words.
    """
    now = {str(report.SOPInstanceUID)}
    items = [_reference(one, report) for one in replaced if one.sop_uid not in now and one.modality in CLASSES]
    if not items:
        return None
    names = sorted(str(item.SOPInstanceUID) for item in items)
    content = KeyObjectSelection(
        document_title=dicom_codes.DCM.RejectedForQualityReasons, referenced_objects=items, description=DESCRIPTION
    )
    note = KeyObjectSelectionDocument(
        evidence=items,
        content=content,
        series_instance_uid=derived_uid(str(report.SOPInstanceUID), ObjectKind.REJECTION.key, "series"),
        series_number=int(report.SeriesNumber) - ObjectKind.REPORT.number + ObjectKind.REJECTION.number,
        sop_instance_uid=derived_uid(str(report.SOPInstanceUID), ObjectKind.REJECTION.key, *names),
        instance_number=1,
        series_description=ObjectKind.REJECTION.description,
        manufacturer=report.Manufacturer,
        manufacturer_model_name=report.ManufacturerModelName,
        software_versions=report.SoftwareVersions,
        device_serial_number=report.DeviceSerialNumber,
    )
    note.copy_patient_and_study_information(report)
    for keyword in ("InstanceCreationDate", "InstanceCreationTime", "ContentDate", "ContentTime"):
        setattr(note, keyword, report.get(keyword))
    note.SeriesDate, note.SeriesTime = report.SeriesDate, report.SeriesTime
    note.TimezoneOffsetFromUTC = report.TimezoneOffsetFromUTC
    name_implementation(note, str(report.SoftwareVersions))
    return note


def _reference(one: Replaced, report: Dataset) -> Dataset:
    item = Dataset()
    item.SOPClassUID, item.SOPInstanceUID = CLASSES[one.modality], one.sop_uid
    item.StudyInstanceUID, item.SeriesInstanceUID = report.StudyInstanceUID, one.series_uid
    for keyword in TYPE_2_KEYWORDS:  # what the encoder takes from its evidence
        setattr(item, keyword, report.get(keyword))
    return item
