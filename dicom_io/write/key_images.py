"""Statements → key images as Secondary Capture, for archives and viewers that show neither SR nor SEG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from highdicom import UID
from highdicom.enum import CoordinateSystemNames, PhotometricInterpretationValues
from highdicom.sc import SCImage
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from cad.domain import (
    Caution,
    LungMask,
    Side,
    UInt8Array,
)
from cad.report.pictures.calcium import calcium_page, heart_lung_page
from cad.report.pictures.followup import comparison_pages
from cad.report.pictures.nodules import BACKGROUND_RGB, nodule_page, summary_page
from cad.report.statements import Statements, Subject
from cad.report.statements.followup import FollowupStatement
from cad.report.words.calcium import CalciumWords, result as calcium_result
from cad.report.words.languages import LanguageWords, words_of
from cad.report.words.pictures import PictureLabels, PictureWords
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


def key_images(statements: Statements, source: SourceImages, context: EncodingContext) -> tuple[Dataset, ...]:
    """A summary page, a page per nodule in their order, pages of then and now, and pages of calcium, in one series."""
    middle = source.frame(source.loaded.volume.grid.shape[0] // 2)
    words = words_of(context.form.language)
    labels = words.pictures.LABELS
    title = labels.title_with_calcium if statements.mentions_calcium else labels.title
    pages = [KeyImagePage(summary_page(title, summary_lines(statements, source, words), labels), middle)]
    for one in statements.found[:MAX_NODULE_PAGES]:
        k = one.nodule.diameters.slice_k
        lines = words.pictures.nodule_lines(one, source.header.get("SeriesNumber"), source.image_number(k))
        pixels = nodule_page(source.loaded.volume, one.nodule, lines, labels)
        pages.append(KeyImagePage(pixels, source.frame(one.nodule.diameters.slice_k)))
    pages.extend(_comparisons(statements.followup, source, words.pictures))
    pages.extend(_calcium_pages(statements, source, words))
    equipment = contributing_equipment(statements.models, context)
    captures = []
    for number, page in enumerate(_of_one_size(pages), start=1):
        capture = _secondary_capture(page, number, source, context)
        capture.ContributingEquipmentSequence.extend(equipment)
        stamp(capture, context)
        captures.append(capture)
    return tuple(captures)


def _of_one_size(pages: Sequence[KeyImagePage]) -> list[KeyImagePage]:
    """The pages with their margins filled up to the largest: viewers split a series of images of several sizes."""
    rows, columns = (max(page.pixels.shape[axis] for page in pages) for axis in (0, 1))
    filled = []
    for page in pages:
        pixels = np.empty((rows, columns, 3), dtype=np.uint8)
        pixels[:] = BACKGROUND_RGB
        pixels[: page.pixels.shape[0], : page.pixels.shape[1]] = page.pixels
        filled.append(replace(page, pixels=pixels))
    return filled


def _comparisons(
    statement: FollowupStatement | None, source: SourceImages, words: PictureWords
) -> Iterator[KeyImagePage]:
    """A page of then and now for each nodule that changed; a nodule that is not in view has the middle slice."""
    if statement is None:
        return
    middle = source.loaded.volume.grid.shape[0] // 2
    for page in comparison_pages(source.loaded.volume, statement, words):
        frame = source.frame(middle if page.slice_now is None else page.slice_now)
        yield KeyImagePage(page.pixels, frame, tuple(_prior_references(statement, page.slice_then)))


def _prior_references(statement: FollowupStatement, k: int | None) -> Iterator[Dataset]:
    """The slice of the earlier scan that is shown; none of a multi-frame image, of which all frames would be meant."""
    series = statement.record.latest.scan.series
    if k is not None and series.sop_class_uid is not None and len(series.sop_uids) == series.slices:
        yield _reference(series.sop_class_uid, series.sop_uids[k])


def _calcium_pages(statements: Statements, source: SourceImages, words: LanguageWords) -> Iterator[KeyImagePage]:
    """The slices with the most calcium, heart and lungs at a glance; without a picture they name the middle slice."""
    volume, calcium = source.loaded.volume, statements.calcium
    scored = None if calcium is None else calcium_page(volume, calcium, words)
    pages = (scored, heart_lung_page(volume, statements, words))
    for page in pages:
        if page is not None:
            k = volume.grid.shape[0] // 2 if page.slice_k is None else page.slice_k
            yield KeyImagePage(page.pixels, source.frame(k))


def summary_lines(statements: Statements, source: SourceImages, words: LanguageWords) -> list[str]:
    """What the summary page says: the series, the lungs, each nodule, the guideline that applies, each caution."""
    series, labels = source.loaded.series, words.pictures.LABELS
    return [
        labels.series.format(source.header.get("SeriesNumber", ""), series.slices, series.spacing_mm[2]),
        _lung_line(statements.lungs, labels),
        "",
        *_nodule_lines(statements, words.pictures),
        *([] if statements.followup is None else [words.followup.overview(statements.followup)]),
        *words.nodules.guidance(statements.guidelines)[:1],
        *_calcium_lines(statements, words.calcium),
        *map(words.pictures.caution, _cautions(statements, source)),
    ]


def _lung_line(lungs: LungMask | None, labels: PictureLabels) -> str:
    if lungs is None:
        return labels.no_lungs
    return labels.lungs.format(right=lungs.volume_ml(Side.RIGHT), left=lungs.volume_ml(Side.LEFT))


def _nodule_lines(statements: Statements, words: PictureWords) -> list[str]:
    if statements.nodules is None:
        return [words.LABELS.not_assessed.format(why_no_nodules(statements, words))]
    if not statements.nodules:
        return [words.LABELS.no_nodule]
    rated = any(one.suspicion is not None for one in statements.nodules)
    return [*map(words.summary_line, statements.nodules), *([words.LABELS.score_note] if rated else [])]


def why_no_nodules(statements: Statements, words: PictureWords) -> str:
    """Why nodules were not assessed."""
    reason = statements.missing[Subject.NODULES].reason
    return words.REASON.get(reason, reason.value)


def _calcium_lines(statements: Statements, words: CalciumWords) -> Iterator[str]:
    """The result and, of a score, other calcium and whether it is very high; nothing when it was not asked for."""
    if not statements.mentions_calcium:
        return
    yield calcium_result(words, statements)
    if statements.calcium is not None:
        if statements.calcium.score.very_high:
            yield words.LABELS.very_high
        if apart := words.apart(statements.calcium):
            yield apart


def _cautions(statements: Statements, source: SourceImages) -> tuple[Caution, ...]:
    return tuple(dict.fromkeys((*source.loaded.cautions, *statements.cautions)))


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
    if page.frame.image.get("LossyImageCompression") == "01":  # once lossy, always lossy (PS3.3 C.7.6.1.1.5)
        capture.LossyImageCompression = "01"
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if keyword in page.frame.image:
                setattr(capture, keyword, page.frame.image.get(keyword))
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
