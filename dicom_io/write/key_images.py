"""Findings → key images as Secondary Capture, for archives and viewers that show neither reports nor segmentations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from highdicom import UID
from highdicom.enum import CoordinateSystemNames, PhotometricInterpretationValues
from highdicom.sc import SCImage
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from cad.domain import (
    CalciumScore,
    Caution,
    Findings,
    LungMask,
    NotAssessed,
    NotAssessedReason,
    Side,
    UInt8Array,
)
from cad.policy import WordingPolicy
from cad.report.pictures.calcium import calcium_page, heart_lung_page
from cad.report.pictures.followup import comparison_pages
from cad.report.pictures.nodules import nodule_page, summary_page
from cad.report.statements.nodules import Said, said_of
from cad.report.words.en import calcium as calcium_english, followup as compared_english, nodules as english
from cad.report.words.language import Cells
from cad.report.words.numbers import axes_mm, volume_mm3
from dicom_io import codes
from dicom_io.write.identity import (
    EncodingContext,
    ObjectKind,
    contributing_equipment,
    object_identity,
    series_and_equipment,
    stamp,
)
from dicom_io.write.source_images import SourceFrame, SourceImages

MAX_NODULE_PAGES = 10
"""More pages than nodules that matter to a reader; the summary page and the report list all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyImagePage:
    """A rendered page, RGB [row, column, 3], and the source frame it shows; `more` refers to images beside it."""

    pixels: UInt8Array
    frame: SourceFrame
    more: tuple[Dataset, ...] = ()


def key_images(findings: Findings, source: SourceImages, context: EncodingContext) -> tuple[Dataset, ...]:
    """A summary page, a page per nodule in their order, pages of then and now, and pages of calcium, in one series."""
    middle = source.frame(source.loaded.volume.grid.shape[0] // 2)
    pages = [KeyImagePage(summary_page(_title(findings), summary_lines(findings, source, context)), middle)]
    said = nodules_said(findings, context.wording)
    for one in said[:MAX_NODULE_PAGES]:
        pixels = nodule_page(source.loaded.volume, one.nodule, nodule_lines(one))
        pages.append(KeyImagePage(pixels, source.frame(one.nodule.diameters.slice_k)))
    pages.extend(_comparisons(findings, source, context))
    pages.extend(_calcium_pages(findings, source, context))
    equipment = contributing_equipment(findings.models, context)
    captures = []
    for number, page in enumerate(pages, start=1):
        capture = _secondary_capture(page, number, source, context)
        capture.ContributingEquipmentSequence.extend(equipment)
        stamp(capture, context)
        captures.append(capture)
    return tuple(captures)


def _comparisons(findings: Findings, source: SourceImages, context: EncodingContext) -> Iterator[KeyImagePage]:
    """A page of then and now for each nodule that changed; a nodule that is not in view has the middle slice."""
    middle = source.loaded.volume.grid.shape[0] // 2
    for page in comparison_pages(source.loaded.volume, findings, context.wording):
        frame = source.frame(middle if page.slice_now is None else page.slice_now)
        yield KeyImagePage(page.pixels, frame, tuple(_prior_references(findings, page.slice_then)))


def _prior_references(findings: Findings, k: int | None) -> Iterator[Dataset]:
    """The slice of the earlier scan that is shown; none of a multi-frame image, of which all frames would be meant."""
    assert not isinstance(findings.followup, NotAssessed)
    series = findings.followup.latest.scan.series
    if k is not None and series.sop_class_uid is not None and len(series.sop_uids) == series.slices:
        yield _reference(series.sop_class_uid, series.sop_uids[k])


def _title(findings: Findings) -> str:
    return "lungcad: lung nodules" + (" and coronary calcium" if _calcium_was_asked_for(findings) else "")


def _calcium_was_asked_for(findings: Findings) -> bool:
    calcium = findings.calcium
    return isinstance(calcium, CalciumScore) or calcium.reason is not NotAssessedReason.NOT_REQUESTED


def _calcium_pages(findings: Findings, source: SourceImages, context: EncodingContext) -> Iterator[KeyImagePage]:
    """The slices with the most calcium, heart and lungs at a glance; without a picture they name the middle slice."""
    volume, calcium = source.loaded.volume, findings.calcium
    pages = (
        calcium_page(volume, calcium) if isinstance(calcium, CalciumScore) else None,
        heart_lung_page(volume, findings, context.wording.heart_lung),
    )
    for page in pages:
        if page is not None:
            k = volume.grid.shape[0] // 2 if page.slice_k is None else page.slice_k
            yield KeyImagePage(page.pixels, source.frame(k))


def nodules_said(findings: Findings, policy: WordingPolicy) -> tuple[Said, ...]:
    """What is said of each nodule, in the order of the findings."""
    if isinstance(findings.nodules, NotAssessed):
        return ()
    if isinstance(findings.assessment, NotAssessed):
        return tuple(said_of(nodule, None, policy) for nodule in findings.nodules)
    pairs = zip(findings.nodules, findings.assessment.risks, strict=True)
    return tuple(said_of(nodule, risks, policy) for nodule, risks in pairs)


def nodule_lines(said: Said) -> list[str]:
    """The lines above a nodule's panels: title, measurements, signs and probabilities."""
    nodule, cells = said.nodule, english.cells(said)
    diameters, solid = nodule.diameters, said.solid
    title = f"{nodule.label}: {cells.place}, {cells.composition}, z = {nodule.centre.z:.1f} mm"
    solid_part = "" if solid is None else f", solid {axes_mm(solid.axes)} mm"
    measures = (
        f"{diameters.mean_mm:.1f} mm ({axes_mm(diameters)} mm){solid_part}, {_volume(said)}, "
        f"{nodule.mean_hu:.0f} HU, detector score {nodule.score:.2f}"
    )
    return [title, measures, *_judgement(said, cells)]


def _volume(said: Said) -> str:
    return f"{volume_mm3(said.nodule.volume_mm3, said.interval_mm3)} mm3"


def _judgement(said: Said, cells: Cells) -> list[str]:
    """Signs and probabilities in one line; no line where there are none."""
    parts = [cells.signs] if said.signs else []
    if said.suspicion is not None:
        parts.append(f"suspicion {cells.suspicion} (of radiologists, not of cancer)")
    if said.brock is not None:
        parts.append(f"Brock {cells.brock}")
    return ["; ".join(parts)] if parts else []


def _summary_line(said: Said) -> str:
    cells = english.cells(said)
    parts = [
        f"{said.nodule.label}: {said.nodule.diameters.mean_mm:.1f} mm, {cells.composition}, {cells.place}",
        _volume(said),
    ]
    if said.suspicion is not None:
        parts.append(f"suspicion {cells.suspicion}")
    if said.brock is not None:
        parts.append(f"Brock {cells.brock}")
    return ", ".join(parts)


def summary_lines(findings: Findings, source: SourceImages, context: EncodingContext) -> list[str]:
    """What the summary page says: the series, the lungs, each nodule, the guideline that applies, each caution."""
    series = source.loaded.series
    return [
        f"Series {source.header.get('SeriesNumber', '')}, {series.slices} slices of {series.spacing_mm[2]:.2f} mm",
        _lung_line(findings.lungs),
        "",
        *_nodule_lines(findings, context.wording),
        *_change_lines(findings),
        *english.guidance(findings.assessment)[:1],
        *_calcium_lines(findings),
        *(f"Caution: {caution.text}" for caution in _cautions(findings, source)),
    ]


def _lung_line(lungs: LungMask | None) -> str:
    if lungs is None:
        return "Lungs were not segmented"
    return f"Lungs in view: right {lungs.volume_ml(Side.RIGHT):.0f} ml, left {lungs.volume_ml(Side.LEFT):.0f} ml"


def _nodule_lines(findings: Findings, policy: WordingPolicy) -> list[str]:
    if isinstance(findings.nodules, NotAssessed):
        return [f"Nodules were not assessed: {findings.nodules.reason.value}."]
    if not findings.nodules:
        return ["No nodule was detected."]
    said = nodules_said(findings, policy)
    rated = any(one.suspicion is not None for one in said)
    note = ["Suspicion: probability that radiologists call it suspicious; not the probability of cancer."]
    return [*(_summary_line(one) for one in said), *(note if rated else [])]


def _change_lines(findings: Findings) -> list[str]:
    if isinstance(findings.followup, NotAssessed):
        return []
    return [compared_english.overview(findings.followup)]


def _calcium_lines(findings: Findings) -> Iterator[str]:
    """The result and, of a score, other calcium and whether it is critical; nothing when it was not asked for."""
    if not _calcium_was_asked_for(findings):
        return
    yield calcium_english.summary(findings.calcium)
    if isinstance(findings.calcium, CalciumScore):
        if findings.calcium.critical:
            yield calcium_english.LABELS.critical
        if apart := calcium_english.apart(findings.calcium):
            yield apart


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
    capture.SourceImageSequence = [_source_reference(page.frame), *page.more]
    return capture


def _source_reference(frame: SourceFrame) -> Dataset:
    item = _reference(frame.image.SOPClassUID, frame.image.SOPInstanceUID)
    if frame.frame_number is not None:
        item.ReferencedFrameNumber = frame.frame_number
    return item


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = UID(sop_class_uid)
    item.ReferencedSOPInstanceUID = UID(sop_instance_uid)
    item.PurposeOfReferenceCodeSequence = [CodedConcept.from_code(codes.SOURCE_IMAGE)]
    return item
