"""Which earlier documents a report replaces (PS3.3 C.17.2, Predecessor Documents Sequence)."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage


def name_predecessors(report: Dataset, series_of_document: Mapping[str, str]) -> None:
    """Names the documents that `report` replaces, all of its own study: SOP Instance UID → Series Instance UID."""
    earlier = {uid: series for uid, series in series_of_document.items() if uid != report.SOPInstanceUID}
    if not earlier:
        return
    study = Dataset()
    study.StudyInstanceUID = report.StudyInstanceUID
    study.ReferencedSeriesSequence = [
        _series(series, sorted(uid for uid, own in earlier.items() if own == series))
        for series in sorted(set(earlier.values()))
    ]
    report.PredecessorDocumentsSequence = [study]


def _series(series_uid: str, documents: list[str]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = series_uid
    item.ReferencedSOPSequence = [_document(uid) for uid in documents]
    return item


def _document(sop_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = Comprehensive3DSRStorage, sop_uid
    return item
