"""One DICOM header → plain numbers: frames with their geometry, and how the images were made.

A *frame* is one axial image: an instance of a single-frame series, or one frame of an enhanced multi-frame object,
whose attributes lie in functional groups (PS3.3 C.7.6.16).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from cad.errors import Reason, Refusal
from dicom_io.read.damage import PARSE_ERRORS
from dicom_io.read.files import CT_IMAGES

ENHANCED_CT_IMAGES = CT_IMAGES[1:]
SECONDARY_CAPTURES = "1.2.840.10008.5.1.4.1.1.7"
"""The prefix of all secondary capture classes (single-frame and multi-frame)."""

_UNIT_TOLERANCE = 1e-2
"""Direction cosines are written with as few as three digits; more error than this is no rotation."""
_SLOPES, _LARGEST_INTERCEPT_HU = (1e-3, 100.0), 1e5
"""Beyond these no 16-bit value is an attenuation that a scanner writes."""
_PIXELS_MM, _FARTHEST_MM, _THINNEST_MM = (0.02, 100.0), 1e5, 0.02
"""Sizes and places beyond any scanner's: a tenth of the finest pixel of micro-CT in patients, a room of 100 m."""
_HU_TYPE = re.compile(r"(HU|US|HOUNSFIELDS?([ _]?UNITS?)?|UNSPECIFIED)?", re.IGNORECASE)
"""RescaleType: Hounsfield units however spelt, or unspecified, which for original CT means the same (PS3.3
C.11.1.1.2)."""
_NO_CONTRAST = re.compile(
    r"(NO|NON|NONE|NOT|N|NA|N/A|NIL|NEG|NEGATIVE|FALSE|ZERO|W/?O|WITHOUT|UNENHANCED|NATIVE?|PLAIN|OHNE|KEINE?|SANS|SENZA|"
    r"SIN|NATIV|NONCONTRAST|UNENH)([^A-Z].*)?|0+([.,]0+)?( ?(ML|CC))?|[无無平未].*",
    re.IGNORECASE,
)
"""Texts that people and scanners write into ContrastBolusAgent when there was no contrast agent."""
_IONIC = re.compile(r"NON[- ]?IONIC", re.IGNORECASE)
_UNKNOWN = re.compile(r"\W*(UNKNOWN|UNK|X+)?\W*", re.IGNORECASE)
"""Texts that say nothing: dashes, question marks, a word for "unknown"."""
_PROJECTION_TYPES = frozenset(
    [
        "MPR",
        "CURVED_MPR",
        "CPR",
        "REFORMATTED",
        "MIP",
        "MINIP",
        "MAXIP",
        "MAX_IP",
        "MIN_IP",
        "THICK_MIP",
        "THIN_MIP",
        "MAXIMUM",
        "MINIMUM",
        "AVERAGE",
        "MEAN",
        "AVG_IP",
        "AVGIP",
        "RAYSUM",
        "RAY_SUM",
        "PROJECTION",
        "PROJECTION_IMAGE",
        "VOLUME_RENDER",
        "VOLUME_RENDERING",
        "VRT",
        "VR",
        "SURFACE_RENDER",
        "SSD",
        "SUBTRACTION",
        "SUBTRACT",
        "SUBTRACTED",
        "SUB",
        "DSA",
        "STD_DEVIATION",
    ]
)
"""Values of ImageType of images that do not show one place each, as vendors and PS3.3 C.8.16.1.4 and C.8.2.1.1.1
name them: computed through a slab, reformatted, rendered, or one acquisition less another."""
_VOLUMES = (None, "VOLUME")
_NO_TECHNIQUE = (None, "NONE")
"""VolumetricProperties and VolumeBasedCalculationTechnique of images that were sampled as they are (PS3.3 C.8.16.2)."""
_PROJECTION_WORDS = re.compile(
    r"(?<![A-Z])(MIPS?|MIN[ _-]?IPS?|MAX[ _-]?IPS?|SUBTRACT\w*|SUBTRAKTION|VRT|RAY[ _-]?SUM)(?![A-Z])|"
    r"密度投影|强度投影|減影|减影",
    re.IGNORECASE,
)
_REFORMAT_WORDS = re.compile(r"(?<![A-Z])(MPR|REFORMAT\w*|CURVED)(?![A-Z])|多平面重", re.IGNORECASE)
_PURPOSE_WORDS = re.compile(r"(?<![A-Z])(FOR|FÜR|POUR|PARA|TO)(?![A-Z])", re.IGNORECASE)
"""A series *for* projections is what they are made from."""


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


def is_projection(ds: Dataset) -> bool:
    """Whether an image was computed through a slab, reformatted, rendered or subtracted, so that it measures nothing.

    Says so: ImageType, VolumetricProperties, VolumeBasedCalculationTechnique, or the description of the series; an
    original is never a reformat, whatever it is described as.
    """
    kinds = image_type(ds)
    named = {re.sub(r"[ -]+", "_", kind) for kind in kinds}
    if is_reconstruction_of_scanner(kinds):
        named -= {"MPR"}
    if not _PROJECTION_TYPES.isdisjoint(named):
        return True
    frame = _scope(ds, 0, "CTImageFrameTypeSequence")
    if any(word(d, "VolumetricProperties") not in _VOLUMES for d in (ds, frame)):
        return True
    if any(word(d, "VolumeBasedCalculationTechnique") not in _NO_TECHNIQUE for d in (ds, frame)):
        return True
    said = " / ".join(_readable(ds, keyword) for keyword in ("SeriesDescription", "DerivationDescription"))
    if _PURPOSE_WORDS.search(said):
        return False
    return bool(_PROJECTION_WORDS.search(said)) or ("ORIGINAL" not in kinds and bool(_REFORMAT_WORDS.search(said)))


def is_reconstruction_of_scanner(kinds: tuple[str, ...]) -> bool:
    """Whether an ImageType is that of slices which a scanner reconstructs along other planes from its own data.

    Volume scanners call them derived, but primary, and MPR; a reformat of a workstation is secondary.
    """
    return kinds[:2] == ("DERIVED", "PRIMARY") and "MPR" in kinds


def _readable(ds: Dataset, keyword: str) -> str:
    try:
        return word(ds, keyword) or ""
    except Refusal:
        return ""


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
    agent = _readable(ds, "ContrastBolusAgent")
    if _UNKNOWN.fullmatch(agent):
        return None
    return bool(_IONIC.match(agent)) or not _NO_CONTRAST.fullmatch(agent)


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
    fits = all(_PIXELS_MM[0] <= mm <= _PIXELS_MM[1] for mm in (row_spacing_mm, column_spacing_mm))
    fits &= max(abs(mm) for mm in position) <= _FARTHEST_MM
    if not fits or min(rows, columns) < 1 or not _are_cosines(cosines):
        raise Refusal(Reason.INVALID_GEOMETRY, "size, place, pixel spacing or orientation of an image are impossible")
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
        slice_thickness_mm=thickness_mm if thickness_mm and thickness_mm >= _THINNEST_MM else None,
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
    if not (_SLOPES[0] <= slope <= _SLOPES[1] and abs(intercept) <= _LARGEST_INTERCEPT_HU):
        raise Refusal(
            Reason.INVALID_RESCALE,
            f"a RescaleSlope of {slope:g} with an intercept of {intercept:g} makes no HU",
            slope=slope,
        )
    if not _HU_TYPE.fullmatch(unit or ""):
        raise Refusal(Reason.INVALID_RESCALE, "the pixel values are not in Hounsfield units")
    return slope, intercept
