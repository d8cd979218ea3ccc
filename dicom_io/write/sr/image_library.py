"""The images that a report refers to → its image library: how they were made (PS3.16 TID 1600, 1602, 1604, 1605).

Only images that the content shows are entries, not the whole series: viewers fetch every one when the study opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    DateContentItem,
    ImageContentItem,
    NumContentItem,
    RelationshipTypeValues,
    TextContentItem,
    UIDRefContentItem,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dicom_codes
from pydicom.sr.coding import Code

from dicom_io import codes
from dicom_io.read.dates import image_date, text_of
from dicom_io.write.source_images import SourceImages, distinct_images

CONTEXT = RelationshipTypeValues.HAS_ACQ_CONTEXT


def image_library(source: SourceImages, slices: Iterable[int]) -> ContainerContentItem:
    """The library of at least one canonical slice `k`, each image once, in the order of the series."""
    group = ContainerContentItem(dicom_codes.DCM.ImageLibraryGroup, relationship_type=RelationshipTypeValues.CONTAINS)
    images = distinct_images(source.frames(sorted(set(slices))))
    group.ContentSequence = ContentSequence([*_common(source), *map(_entry, images)])
    library = ContainerContentItem(dicom_codes.DCM.ImageLibrary, relationship_type=RelationshipTypeValues.CONTAINS)
    library.ContentSequence = ContentSequence([group])
    return library


def _entry(image: Dataset) -> ImageContentItem:
    return ImageContentItem(
        codes.LIBRARY_SOURCE, image.SOPClassUID, image.SOPInstanceUID, relationship_type=RelationshipTypeValues.CONTAINS
    )


def _common(source: SourceImages) -> Iterator[ContentItem]:
    """What all images of the series share, as far as its headers say it."""
    header, frame, series = source.loaded.evidence.datasets[0], source.frame(0), source.loaded.series
    yield CodeContentItem(codes.MODALITY, codes.COMPUTED_TOMOGRAPHY, CONTEXT)
    acquired = image_date(header)
    if acquired is not None:
        yield DateContentItem(codes.ACQUISITION_DATE, acquired.day, CONTEXT)
    yield UIDRefContentItem(codes.FRAME_OF_REFERENCE, source.loaded.evidence.frame_of_reference_uid, CONTEXT)
    yield _number(codes.PIXEL_ROWS, frame.image.Rows, codes.PIXELS)
    yield _number(codes.PIXEL_COLUMNS, frame.image.Columns, codes.PIXELS)
    down_mm, along_mm = frame.pixel_spacing
    yield _number(codes.HORIZONTAL_SPACING, along_mm, codes.MILLIMETRE)
    yield _number(codes.VERTICAL_SPACING, down_mm, codes.MILLIMETRE)
    yield _number(codes.SLICE_SPACING, series.spacing_mm[2], codes.MILLIMETRE)
    if frame.slice_thickness_mm is not None:
        yield _number(codes.SLICE_THICKNESS, frame.slice_thickness_mm, codes.MILLIMETRE)
    kernel = text_of(header, "ConvolutionKernel")
    if kernel:
        yield TextContentItem(codes.KERNEL, kernel, CONTEXT)


def _number(name: Code, value: float, unit: Code) -> NumContentItem:
    return NumContentItem(name, round(float(value), 4), unit, relationship_type=CONTEXT)
