"""The error tree, grouped by what the caller can do.

CadError(code)
├─ Refusal(reason, **facts)   the input cannot be analysed. Final: recorded and shown, never retried.
├─ Unavailable(what)          a needed system is down, slow or full. Temporary: the worker retries with back-off.
└─ (any other exception)      a bug. The traceback is kept and never re-labelled.
"""

from __future__ import annotations

import enum

Fact = str | int | float | bool | tuple[float, ...] | tuple[str, ...] | None


class Reason(enum.StrEnum):
    """Why an input cannot be analysed. Values are stable: `refusal.json` and the API carry them."""

    EMPTY_INPUT = "empty-input"
    NOT_DICOM = "not-dicom"
    UNREADABLE_FILES = "unreadable-files"
    UNREADABLE_ARCHIVE = "unreadable-archive"
    DECOMPRESSION_BOMB = "decompression-bomb"
    CORRUPT_FILE = "corrupt-file"
    TRUNCATED_FILE = "truncated-file"
    NOT_CT = "not-ct"
    LOCALIZER_ONLY = "localizer-only"
    SECONDARY_CAPTURE_ONLY = "secondary-capture-only"
    PROJECTIONS_ONLY = "projections-only"
    MULTI_FRAME_CT_IMAGE = "multi-frame-ct-image"
    AMBIGUOUS_ACQUISITIONS = "ambiguous-acquisitions"
    BROKEN_IDENTIFIERS = "broken-identifiers"
    MISSING_IDENTIFIERS = "missing-identifiers"
    MISSING_GEOMETRY = "missing-geometry"
    INVALID_GEOMETRY = "invalid-geometry"
    MISSING_RESCALE = "missing-rescale"
    INVALID_RESCALE = "invalid-rescale"
    NO_PIXEL_DATA = "no-pixel-data"
    UNSUPPORTED_PIXELS = "unsupported-pixels"
    PIXEL_SIZE_MISMATCH = "pixel-size-mismatch"
    UNSUPPORTED_TRANSFER_SYNTAX = "unsupported-transfer-syntax"
    TOO_FEW_SLICES = "too-few-slices"
    MISSING_SLICES = "missing-slices"
    DUPLICATE_SLICES = "duplicate-slices"
    UNEVEN_SPACING = "uneven-spacing"
    GANTRY_TILT = "gantry-tilt"
    MIXED_SERIES = "mixed-series"
    MIXED_PATIENTS = "mixed-patients"
    MIXED_ORIENTATIONS = "mixed-orientations"
    MIXED_GEOMETRY = "mixed-geometry"
    NOT_AXIAL = "not-axial"
    SLICES_TOO_THICK = "slices-too-thick"
    PIXELS_TOO_COARSE = "pixels-too-coarse"
    HU_OUT_OF_RANGE = "hu-out-of-range"
    NO_LUNGS_IN_VIEW = "no-lungs-in-view"
    INVALID_PATIENT_FACTORS = "invalid-patient-factors"
    NOT_NODULE_CROPS = "not-nodule-crops"
    NOT_IN_PACS = "not-in-pacs"


class CadError(Exception):
    """Root of every error lungcad raises on purpose; `code` is stable and free of patient data."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Refusal(CadError):
    """The input cannot be analysed; trying again changes nothing.

    `facts` are numbers and short technical words that say what was found and what was needed. They never
    hold patient data, so that they can be logged and shown.
    """

    def __init__(self, reason: Reason, text: str, **facts: Fact) -> None:
        super().__init__(reason.value, text)
        self.reason = reason
        self.text = text
        self.facts: dict[str, Fact] = facts

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_refusal, (self.reason, self.text, self.facts))


def _rebuild_refusal(reason: Reason, text: str, facts: dict[str, Fact]) -> Refusal:
    return Refusal(reason, text, **facts)


class Unavailable(CadError):
    """A needed system cannot be used now (`what`: "pacs", "store", "disk", ...); the same call may succeed later."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(f"{what}-unavailable", text)
        self.what = what
        self.text = text

    def __reduce__(self) -> tuple[object, ...]:
        return (Unavailable, (self.what, self.text))
