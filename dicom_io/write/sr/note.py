"""A series that was not analysed → a small report that says so: no result must never look like "no nodule"."""

from __future__ import annotations

from collections.abc import Sequence

from highdicom.sr import (
    CodeContentItem,
    ContentItem,
    RelationshipTypeValues,
    TextContentItem,
    UIDRefContentItem,
)
from pydicom.dataset import Dataset

from cad.report.words.languages import words_of
from dicom_io import codes
from dicom_io.write.identity import (
    EncodingContext,
    ObjectKind,
    object_identity,
    without_quoting_the_source,
)
from dicom_io.write.source_images import clean_header, image_of
from dicom_io.write.sr.report import document_of, report_without_groups

CONTAINS = RelationshipTypeValues.CONTAINS


def note_of(images: Sequence[Dataset], sentences: Sequence[str], code: str, context: EncodingContext) -> Dataset:
    """The report (TID 1500 without measurements) that nodules were not assessed in a series, and why.

    `images` are at least one object of the series, with study, series and SOP UIDs; `sentences` say the reason, `code`
    is its stable name. It says nothing that the reading back of reports takes for a finding.
    """
    with without_quoting_the_source():
        header = clean_header(images[0], str(images[0].StudyInstanceUID))
        identity = object_identity(ObjectKind.NOTE, header, context)
        items: list[ContentItem] = [
            CodeContentItem(codes.NODULE, codes.NOT_PERFORMED, CONTAINS),
            *(TextContentItem(codes.COMMENT, sentence, CONTAINS) for sentence in sentences),
            TextContentItem(codes.REASON_NOT_ASSESSED, code, CONTAINS),
            UIDRefContentItem(codes.SERIES_INSTANCE_UID, str(images[0].SeriesInstanceUID), CONTAINS),
            TextContentItem(codes.COMMENT, words_of(context.form.language).pictures.LABELS.research_use, CONTAINS),
        ]
        evidence = [image_of(image, header) for image in images]
        return document_of(evidence, report_without_groups(items, context), identity, (), context)
