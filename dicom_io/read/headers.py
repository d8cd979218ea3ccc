"""One DICOM header → plain numbers: frames with their geometry, and how the images were made.

A *frame* is one axial image: an instance of a single-frame series, or one frame of an enhanced multi-frame object,
whose attributes lie in functional groups (PS3.3 C.7.6.16).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from cad.errors import Reason, Refusal
from dicom_io.read.files import CT_IMAGES, PARSE_ERRORS

ENHANCED_CT_IMAGES = CT_IMAGES[1:]
SECONDARY_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
"""The prefix of all secondary capture classes (single-frame and multi-frame)."""

_UNIT_TOLERANCE = 1e-2
"""Direction cosines are written with as few as three digits; more error than this is no rotation."""
_HU_TYPES = (None, "HU", "US")
"""RescaleType: Hounsfield units, or unspecified, which for original CT means the same (PS3.3 C.11.1.1.2)."""
_NO_CONTRAST = ("NONE", "NO", "N", "NOT APPLIED", "WITHOUT")
"""Texts that scanners write into ContrastBolusAgent when there was no contrast agent."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One axial image as its header describes it.

    `instance` is the index of its object in the series, `number` counts the frames in that object from 0.
    `row_cosines` point along a row (to the next column), `column_cosines` along a column (PS3.3 C.7.6.2.1.1).
    `row_spacing_mm` is the distance of rows, `column_spacing_mm` that of columns. HU = raw × `slope` + `intercept`.
    """

    instance: int
    number: int
    position: tuple[float, ...]
    row_cosines: tuple[float, ...]
    column_cosines: tuple[float, ...]
    row_spacing_mm: float
    column_spacing_mm: float
    rows: int
    columns: int
    slope: float
    intercept: float
    slice_thickness_mm: float | None

    @property
    def normal(self) -> tuple[float, float, float]:
        """The unit vector across the slice; of the two the one that points to the head."""
        (a, b, c), (d, e, f) = self.row_cosines, self.column_cosines
        x, y, z = b * f - c * e, c * d - a * f, a * e - b * d
        length = math.copysign(math.hypot(x, y, z), z)
        return x / length, y / length, z / length


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What a header says about how the images were made. None means that it does not say."""

    kernel: str | None
    kvp: float | None
    contrast: bool | None
    tilt_degrees: float
    image_type: tuple[str, ...]
    lossy: bool


def words(ds: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a text attribute without padding; empty when it is absent or empty."""
    value = _value(ds, keyword)
    values = value if isinstance(value, MultiValue | list | tuple) else (value,)
    return tuple(str(v).strip() for v in values if v is not None and str(v).strip())


def word(ds: Dataset, keyword: str) -> str | None:
    """A text attribute on one line, or None when it is absent or empty."""
    return "\\".join(words(ds, keyword)) or None


def numbers(ds: Dataset, keyword: str, reason: Reason) -> tuple[float, ...]:
    """The finite values of a numeric attribute; empty when it is absent or empty.

    Raises Refusal with `reason` when a value is no finite number.
    """
    try:
        value = _value(ds, keyword)
        values = value if isinstance(value, MultiValue | list | tuple) else (value,)
        found = tuple(float(v) for v in values if v is not None and v != "")
    except (Refusal, ValueError, TypeError) as error:
        raise Refusal(reason, f"the value of {keyword} is no number", attribute=keyword) from error
    if not all(math.isfinite(v) for v in found):
        raise Refusal(reason, f"the value of {keyword} is not finite", attribute=keyword)
    return found


def number(ds: Dataset, keyword: str, reason: Reason) -> float | None:
    """The first value of a numeric attribute, or None when it is absent."""
    return next(iter(numbers(ds, keyword, reason)), None)


def whole_number(ds: Dataset, keyword: str) -> int | None:
    """A whole number of the image pixel module, or None when it is absent."""
    value = number(ds, keyword, Reason.CORRUPT_FILE)
    return None if value is None else int(value)


def is_multi_frame(ds: Dataset) -> bool:
    """Whether this is an enhanced CT object, whose geometry is in functional groups."""
    return word(ds, "SOPClassUID") in ENHANCED_CT_IMAGES


def image_type(ds: Dataset) -> tuple[str, ...]:
    """ImageType in capitals, for instance ("ORIGINAL", "PRIMARY", "AXIAL"); empty when absent."""
    return tuple(w.upper() for w in words(ds, "ImageType"))


def frame_count(ds: Dataset) -> int:
    """How many frames the object holds."""
    return (whole_number(ds, "NumberOfFrames") or 1) if is_multi_frame(ds) else 1


def frames_of(ds: Dataset, instance: int) -> tuple[Frame, ...]:
    """The frames of one object, in its own order.

    Raises Refusal when geometry or rescale are missing or impossible.
    """
    count = frame_count(ds)
    if is_multi_frame(ds) and len(_items(ds, "PerFrameFunctionalGroupsSequence")) != count:
        raise Refusal(Reason.CORRUPT_FILE, "the functional groups do not fit the number of frames", frames=count)
    return tuple(_frame(ds, instance, index) for index in range(count))


def acquisition_of(ds: Dataset) -> Acquisition:
    """How the images of this object were made (for a multi-frame object as its first frame says)."""
    exposure = _scope(ds, 0, "CTXRayDetailsSequence")
    details = _scope(ds, 0, "CTAcquisitionDetailsSequence")
    return Acquisition(
        kernel=kernel_of(ds),
        kvp=_known_number(exposure, "KVP"),
        contrast=_contrast(ds),
        tilt_degrees=_known_number(details, "GantryDetectorTilt") or 0.0,
        image_type=image_type(ds),
        lossy=word(ds, "LossyImageCompression") == "01",
    )


def kernel_of(ds: Dataset) -> str | None:
    """The reconstruction kernel, or None when the header does not name it."""
    return word(_scope(ds, 0, "CTReconstructionSequence"), "ConvolutionKernel")


def _known_number(ds: Dataset, keyword: str) -> float | None:
    """A number that is only described, never calculated with; unreadable is unknown."""
    try:
        return number(ds, keyword, Reason.CORRUPT_FILE)
    except Refusal:
        return None


def _contrast(ds: Dataset) -> bool | None:
    if is_multi_frame(ds):
        usage = word(_scope(ds, 0, "ContrastBolusUsageSequence"), "ContrastBolusAgentAdministered")
        return None if usage is None else usage.upper() == "YES"
    agent = word(ds, "ContrastBolusAgent")
    return None if agent is None else agent.upper() not in _NO_CONTRAST


def _value(ds: Dataset, keyword: str) -> object:
    try:
        return ds.get(keyword)
    except PARSE_ERRORS as error:
        raise Refusal(Reason.CORRUPT_FILE, f"the value of {keyword} cannot be read", attribute=keyword) from error


def _items(ds: Dataset, keyword: str) -> list[Dataset]:
    value = _value(ds, keyword)
    return list(value) if isinstance(value, Sequence) else []


def _scope(ds: Dataset, frame: int, sequence: str) -> Dataset:
    """Where the attributes of `sequence` are: the header itself, or a functional group of the frame (or shared)."""
    if not is_multi_frame(ds):
        return ds
    per_frame = _items(ds, "PerFrameFunctionalGroupsSequence")
    groups = [*per_frame[frame : frame + 1], *_items(ds, "SharedFunctionalGroupsSequence")]
    return next((item for group in groups for item in _items(group, sequence)), Dataset())


def _frame(ds: Dataset, instance: int, index: int) -> Frame:
    measures = _scope(ds, index, "PixelMeasuresSequence")
    position = _vector(_scope(ds, index, "PlanePositionSequence"), "ImagePositionPatient", 3)
    cosines = _vector(_scope(ds, index, "PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    row_spacing_mm, column_spacing_mm = _vector(measures, "PixelSpacing", 2)
    slope, intercept = _rescale(_scope(ds, index, "PixelValueTransformationSequence"))
    rows, columns = whole_number(ds, "Rows"), whole_number(ds, "Columns")
    if rows is None or columns is None:
        raise Refusal(Reason.MISSING_GEOMETRY, "Rows or Columns are missing")
    if min(row_spacing_mm, column_spacing_mm) <= 0 or min(rows, columns) < 1 or not _are_cosines(cosines):
        raise Refusal(Reason.INVALID_GEOMETRY, "size, pixel spacing or orientation of an image are impossible")
    thickness_mm = number(measures, "SliceThickness", Reason.INVALID_GEOMETRY)
    return Frame(
        instance=instance,
        number=index,
        position=position,
        row_cosines=cosines[:3],
        column_cosines=cosines[3:],
        row_spacing_mm=row_spacing_mm,
        column_spacing_mm=column_spacing_mm,
        rows=rows,
        columns=columns,
        slope=slope,
        intercept=intercept,
        slice_thickness_mm=thickness_mm if thickness_mm and thickness_mm > 0 else None,
    )


def _vector(ds: Dataset, keyword: str, length: int) -> tuple[float, ...]:
    values = numbers(ds, keyword, Reason.INVALID_GEOMETRY)
    if not values:
        raise Refusal(Reason.MISSING_GEOMETRY, f"{keyword} is missing", attribute=keyword)
    if len(values) != length:
        raise Refusal(Reason.INVALID_GEOMETRY, f"{keyword} has {len(values)} of {length} values", attribute=keyword)
    return values


def _are_cosines(cosines: tuple[float, ...]) -> bool:
    row, column = np.array(cosines[:3]), np.array(cosines[3:])
    errors = (np.linalg.norm(row) - 1, np.linalg.norm(column) - 1, row @ column)
    return bool(np.max(np.abs(errors)) < _UNIT_TOLERANCE)


def _rescale(ds: Dataset) -> tuple[float, float]:
    slope = number(ds, "RescaleSlope", Reason.INVALID_RESCALE)
    intercept = number(ds, "RescaleIntercept", Reason.INVALID_RESCALE)
    unit = word(ds, "RescaleType")
    if slope is None or intercept is None:
        raise Refusal(Reason.MISSING_RESCALE, "RescaleSlope or RescaleIntercept are missing: HU are unknown")
    if slope <= 0:
        raise Refusal(Reason.INVALID_RESCALE, f"a RescaleSlope of {slope:g} makes no HU", slope=slope)
    if unit not in _HU_TYPES:
        raise Refusal(Reason.INVALID_RESCALE, "the pixel values are not in Hounsfield units")
    return slope, intercept
