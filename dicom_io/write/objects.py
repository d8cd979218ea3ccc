"""Statements → the DICOM objects of one series: report, page, segmentation, annotations and key images."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from cad.report.statements import Statements
from dicom_io.read.reading import LoadedSeries
from dicom_io.write.gsps import presentation_state
from dicom_io.write.identity import EncodingContext as EncodingContext, without_quoting_the_source
from dicom_io.write.key_images import key_images
from dicom_io.write.key_objects import key_objects
from dicom_io.write.pdf import encapsulated_pdf
from dicom_io.write.seg import segmentation
from dicom_io.write.segments import segments_of
from dicom_io.write.source_images import source_images
from dicom_io.write.source_texts import repeat_texts
from dicom_io.write.sr.report import structured_report


@dataclass(frozen=True, slots=True, eq=False)
class ReportObjects:
    """The objects that answer one series. Without findings there are the report, its page and the summary only."""

    sr: Dataset
    page: Dataset
    seg: Dataset | None
    gsps: Dataset | None
    key_images: tuple[Dataset, ...]
    key_objects: Dataset | None

    def all(self) -> tuple[Dataset, ...]:
        """Every object, those that others refer to first."""
        first = (dataset for dataset in (self.seg, self.gsps) if dataset is not None)
        selection = () if self.key_objects is None else (self.key_objects,)
        return (*first, *self.key_images, *selection, self.page, self.sr)


def report_objects(statements: Statements, loaded: LoadedSeries, context: EncodingContext, pdf: bytes) -> ReportObjects:
    """All objects for one series; `pdf` is the page for people. The same arguments give the same bytes."""
    with without_quoting_the_source():
        source = source_images(loaded)
        nodules = [one.nodule for one in statements.found]
        segments = segments_of(statements, loaded.series.series_uid)
        seg = segmentation(statements, segments, source, context) if segments else None
        pictures = key_images(statements, source, context)
        objects = ReportObjects(
            sr=structured_report(statements, seg, source, context),
            page=encapsulated_pdf(pdf, statements.models, source, context),
            seg=seg,
            gsps=presentation_state(statements.models, nodules, source, context) if nodules else None,
            key_images=pictures,
            key_objects=key_objects(statements.models, nodules, pictures, source, context) if nodules else None,
        )
        repeat_texts(objects.all(), loaded.evidence.texts)
        return objects
