"""The order that the images were made for → what a report says of it (PS3.3 C.17.2, Referenced Request Sequence)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset

from dicom_io.read.damage import PARSE_ERRORS
from dicom_io.read.dates import text_of

_TEXTS = {
    "AccessionNumber": 16,
    "PlacerOrderNumberImagingServiceRequest": 64,
    "FillerOrderNumberImagingServiceRequest": 64,
    "RequestedProcedureID": 16,
    "RequestedProcedureDescription": 64,
}
"""What is copied of an order and how long it may be (SH, LO); all type 2, empty where the images do not say it."""


LONGEST = (16, 16, 64)
"""How long value, scheme and meaning of a code may be (SH, SH, LO)."""


def name_orders(report: Dataset, image: Dataset) -> None:
    """Names in a report the orders and the performed procedure that its source image names, as far as it does."""
    requests = requested_procedures(image, str(report.StudyInstanceUID))
    if requests:
        report.ReferencedRequestSequence = requests
    report.PerformedProcedureCodeSequence = list(codes_of(image, "ProcedureCodeSequence"))


def requested_procedures(image: Dataset, study_uid: str) -> list[Dataset]:
    """The orders that a source image names, each with a requested procedure; none where it names none."""
    orders = _items(image, "RequestAttributesSequence")
    return [_request(item, image, study_uid) for item in orders if text_of(item, "RequestedProcedureID")]


def _request(order: Dataset, image: Dataset, study_uid: str) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = study_uid
    item.ReferencedStudySequence = []
    for keyword, most in _TEXTS.items():
        text = text_of(order, keyword) or text_of(image, keyword) or ""
        setattr(item, keyword, text if len(text) <= most and "\\" not in text else None)
    item.RequestedProcedureCodeSequence = list(codes_of(order, "RequestedProcedureCodeSequence"))
    return item


def codes_of(dataset: Dataset, keyword: str) -> Iterator[CodedConcept]:
    """The complete ones of a sequence of codes: value, scheme and meaning."""
    for item in _items(dataset, keyword):
        parts = [text_of(item, part) for part in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")]
        value, scheme, meaning = (text or "" for text in parts)
        lengths = (len(value), len(scheme), len(meaning))
        if all(0 < length <= most for length, most in zip(lengths, LONGEST, strict=True)):
            yield CodedConcept(value, scheme, meaning)


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence; none where it cannot be read, which is no reason to be without a report."""
    try:
        return dataset.get(keyword) or ()
    except PARSE_ERRORS:
        return ()
