"""Findings → key images as Secondary Capture, for archives and viewers that show neither reports nor segmentations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from highdicom import UID
from highdicom.enum import CoordinateSystemNames, PhotometricInterpretationValues
from highdicom.sc import SCImage
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from cad.domain import Caution, Findings, Nodule, NotAssessed, Side, UInt8Array
from dicom_io import codes
from dicom_io.encoding import (
    EncodingContext,
    ObjectKind,
    contributing_equipment,
    object_identity,
    series_and_equipment,
    stamp,
)
from dicom_io.key_image_pages import nodule_page, summary_page
from dicom_io.source_images import SourceFrame, SourceImages

MAX_NODULE_PAGES = 10
"""More pages than nodules that matter to a reader; the summary page and the report list all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyImagePage:
    """A rendered page, RGB [row, column, 3], and the source frame it shows."""

    pixels: UInt8Array
    frame: SourceFrame


def key_images(
    findings: Findings, nodules: Sequence[Nodule], source: SourceImages, context: EncodingContext
) -> tuple[Dataset, ...]:
    """A summary page, then one page per nodule in the order of the findings, all in one series."""
    middle = source.frame(source.loaded.volume.grid.shape[0] // 2)
    pages = [KeyImagePage(summary_page("lungcad: lung nodules", summary_lines(findings, source)), middle)]
    for nodule in nodules[:MAX_NODULE_PAGES]:
        pixels = nodule_page(source.loaded.volume, nodule, [nodule_title(nodule), nodule_measures(nodule)])
        pages.append(KeyImagePage(pixels, source.frame(nodule.diameters.slice_k)))
    equipment = contributing_equipment(findings.models, context)
    captures = []
    for number, page in enumerate(pages, start=1):
        capture = _secondary_capture(page, number, source, context)
        capture.ContributingEquipmentSequence.extend(equipment)
        stamp(capture, context)
        captures.append(capture)
    return tuple(captures)


def nodule_title(nodule: Nodule) -> str:
    """Name, side, composition and height of a nodule. Latin letters only, as everything drawn on a page."""
    return f"{nodule.label}: {nodule.side.value} lung, {nodule.composition.value}, z = {nodule.centre.z:.1f} mm"


def nodule_measures(nodule: Nodule) -> str:
    """The measurements of a nodule in one line."""
    diameters = nodule.diameters
    return (
        f"{diameters.mean_mm:.1f} mm ({diameters.long_axis_mm:.1f} x {diameters.short_axis_mm:.1f} mm), "
        f"{nodule.volume_mm3:.0f} mm3, {nodule.mean_hu:.0f} HU, detector score {nodule.score:.2f}"
    )


def summary_lines(findings: Findings, source: SourceImages) -> list[str]:
    """What the summary page says: the series, the lungs, each nodule, each caution."""
    series, lungs = source.loaded.series, findings.lungs
    right_ml, left_ml = lungs.volume_ml(Side.RIGHT), lungs.volume_ml(Side.LEFT)
    return [
        f"Series {source.header.get('SeriesNumber', '')}, {series.slices} slices of {series.spacing_mm[2]:.2f} mm",
        f"Lungs in view: right {right_ml:.0f} ml, left {left_ml:.0f} ml",
        "",
        *_nodule_lines(findings),
        *(f"Caution: {caution.text}" for caution in _cautions(findings, source)),
    ]


def _nodule_lines(findings: Findings) -> list[str]:
    if isinstance(findings.nodules, NotAssessed):
        return [f"Nodules were not assessed: {findings.nodules.reason.value}."]
    if not findings.nodules:
        return ["No nodule was detected."]
    return [f"{nodule_title(nodule)}: {nodule_measures(nodule)}" for nodule in findings.nodules]


def _cautions(findings: Findings, source: SourceImages) -> tuple[Caution, ...]:
    return tuple(dict.fromkeys((*source.loaded.cautions, *findings.warnings)))


def _secondary_capture(page: KeyImagePage, number: int, source: SourceImages, context: EncodingContext) -> SCImage:
    header = source.header
    identity = object_identity(ObjectKind.KEY_IMAGES, header, context, number)
    capture = SCImage(
        pixel_array=page.pixels,
        photometric_interpretation=PhotometricInterpretationValues.RGB,
        bits_allocated=8,
        coordinate_system=CoordinateSystemNames.PATIENT,
        patient_orientation=("L", "P"),
        study_instance_uid=header.StudyInstanceUID,
        **series_and_equipment(identity, context),
        specific_character_set=header.SpecificCharacterSet,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    capture.copy_patient_and_study_information(page.frame.image)
    del capture.PatientOrientation
    capture.add_new("PatientOrientation", "CS", None)  # type 2C, empty: a page shows three planes
    capture.BurnedInAnnotation = "NO"  # measurements only, nothing that identifies the patient
    capture.SourceImageSequence = [_source_reference(page.frame)]
    return capture


def _source_reference(frame: SourceFrame) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = UID(frame.image.SOPClassUID)
    item.ReferencedSOPInstanceUID = UID(frame.image.SOPInstanceUID)
    if frame.frame_number is not None:
        item.ReferencedFrameNumber = frame.frame_number
    item.PurposeOfReferenceCodeSequence = [CodedConcept.from_code(codes.SOURCE_IMAGE)]
    return item
