"""A fit series → its Volume in Hounsfield units: each frame is decoded once, straight into the int16 array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from scipy import ndimage

from cad.domain import BoolArray, Caution, FloatArray, Int16Array, Volume
from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.codestreams import coded_size
from dicom_io.read.damage import PARSE_ERRORS
from dicom_io.read.files import Instance
from dicom_io.read.headers import Frame, frame_count, number, whole_number, word
from dicom_io.read.series import FitSeries, Orientation, heights_mm

NATIVE_SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
DECODERS: dict[UID, tuple[str, ...]] = {
    RLELossless: ("pydicom",),  # 4 ms a slice; pylibjpeg-rle is faster and panics beyond all exceptions on damaged data
    JPEGExtended12Bit: ("gdcm", "pylibjpeg"),
    JPEGLossless: ("gdcm", "pylibjpeg"),
    JPEGLosslessSV1: ("gdcm", "pylibjpeg"),
    JPEGLSLossless: ("pyjpegls", "pylibjpeg", "gdcm"),
    JPEGLSNearLossless: ("pyjpegls", "pylibjpeg", "gdcm"),
    JPEG2000Lossless: ("pylibjpeg", "gdcm"),
    JPEG2000: ("pylibjpeg", "gdcm"),
    HTJ2KLossless: ("pylibjpeg",),
    HTJ2KLosslessRPCL: ("pylibjpeg",),
    HTJ2K: ("pylibjpeg",),
}
"""The compressed transfer syntaxes that are read, each with pydicom's plugins for it, the fastest first."""

_AROUND_HU = -300.0
"""A border of the image whose mean is below this has air around the patient."""

RawFrame = npt.NDArray[np.integer[Any]]
RescaledFrame = npt.NDArray[np.int32]

_INT16_MAX = 32767
_NO_TISSUE_BELOW_HU = -900.0
"""Emphysema apart, no tissue of the lung is below this; a padding value below it can be replaced everywhere."""


def read_volume(series: FitSeries, policy: SeriesPolicy) -> Volume:
    """The volume of a series in HU, canonical orientation; padding and everything below air is `policy.air_hu`.

    Values above the 16-bit range are kept at its end (metal). Raises Refusal when an image is damaged or its values
    cannot be HU.
    """
    hu: Int16Array = np.empty(series.grid.shape, dtype=np.int16)
    if series.shifts is not None:
        hu[:] = policy.air_hu
    place = {(frame.instance, frame.number): k for k, frame in enumerate(series.frames)}
    below, above = 0, 0
    for index, instance in enumerate(series.instances):
        with _placed_damage(series, index):
            ds = instance.with_pixels()
            padding = _padding(ds)
            for frame_number, raw in enumerate(raw_frames(ds)):
                k = place[index, frame_number]
                values = _complement(raw, ds) if series.is_inverted else raw
                image = _hounsfield(values, series.frames[k], padding, policy)
                low, high = _implausible(image, policy)
                below, above = below + low, above + high
                plane = _placed(np.clip(image, policy.air_hu, _INT16_MAX), series.orientation)
                j, i = (0, 0) if series.shifts is None else series.shifts[k]
                hu[k, j : j + plane.shape[0], i : i + plane.shape[1]] = plane
    _refuse_implausible(below, above, hu.size, policy)
    refuse_interleaved(_as_imaged(hu, series), policy)
    _set_even(hu, series)
    return Volume(hu, series.grid, str(series.instances[0].header.FrameOfReferenceUID))


@contextmanager
def _placed_damage(series: FitSeries, index: int) -> Iterator[None]:
    """A refusal of one image says which it is: the number from the feet, and where it lies."""
    try:
        yield
    except Refusal as refusal:
        k = next(n for n, frame in enumerate(series.frames) if frame.instance == index)
        z_mm = round(series.frames[k].position[2], 2)
        text = f"{refusal.text} (image {k + 1} of {len(series.frames)} from the feet, z = {z_mm:g} mm)"
        raise Refusal(refusal.reason, text, **(refusal.facts | {"image": k + 1, "at_mm": (z_mm,)})) from refusal


def _set_even(hu: Int16Array, series: FitSeries) -> None:
    """Moves the slices that lie beside their even places there, each by linear interpolation between neighbours."""
    if not series.displaced:
        return
    heights = heights_mm(series.frames)
    even = np.linspace(heights[0], heights[-1], len(heights))
    found = {k: _between(hu, heights, float(even[k])) for k in series.displaced}
    for k, plane in found.items():
        hu[k] = plane


def _between(hu: Int16Array, heights: FloatArray, height_mm: float) -> Int16Array:
    """The plane [j, i] at a height, between the two slices around it."""
    above = int(np.clip(np.searchsorted(heights, height_mm), 1, len(heights) - 1))
    share = float((height_mm - heights[above - 1]) / (heights[above] - heights[above - 1]))
    plane: Int16Array = np.rint((1 - share) * hu[above - 1] + share * hu[above]).astype(np.int16)
    return plane


def _as_imaged(hu: Int16Array, series: FitSeries) -> Sequence[Int16Array]:
    """The planes [j, i] as they were imaged: moved by whole pixels, those of a tilted gantry jump to and fro."""
    if series.shifts is None:
        return list(hu)
    rows, columns = (n - max(starts) for n, starts in zip(hu.shape[1:], zip(*series.shifts, strict=True), strict=True))
    return [plane[j : j + rows, i : i + columns] for plane, (j, i) in zip(hu, series.shifts, strict=True)]


def refuse_interleaved(hu: Sequence[Int16Array], policy: SeriesPolicy) -> None:
    """Refuses planes [j, i], feet first, of two stacks whose slices alternate: every second one is the more alike.

    Seen in the means of blocks, so that noise, in which all slices differ alike, hides nothing. Judged over stretches,
    for the second breath-hold may be the shorter one.
    """
    blocks = max(1, round(min(hu[0].shape) / policy.interleaving_blocks))
    rows, columns = (np.arange(0, n, blocks) for n in hu[0].shape)
    small = np.stack([np.add.reduceat(np.add.reduceat(p.astype(np.int32), rows, 0), columns, 1) for p in hu])
    small = small.astype(np.float32) / blocks**2
    if len(small) < 2 * policy.interleaving_slices:
        return
    beside = np.abs(small[1:] - small[:-1]).mean(axis=(1, 2))
    beyond = np.abs(small[2:] - small[:-2]).mean(axis=(1, 2))
    next_two = (beside[:-1] + beside[1:]) / 2
    width = policy.interleaving_slices
    near, far = (ndimage.uniform_filter1d(differences, width) for differences in (next_two, beyond))
    odd = near > policy.interleaving_ratio * far + policy.interleaving_hu
    if odd.any():
        raise Refusal(
            Reason.AMBIGUOUS_ACQUISITIONS,
            f"in {int(np.count_nonzero(odd))} of {len(hu)} slices every second one belongs together: two breath-holds "
            "or phases interleave in one series, and no attribute tells them apart",
            slices=int(np.count_nonzero(odd)),
        )


def frame_hu(instance: Instance, frame: Frame, policy: SeriesPolicy) -> RescaledFrame:
    """One frame [row, column] of an object in HU, as its source stores it, padding set to air. Raises Refusal."""
    plain, inverted = _both_senses(instance, frame, policy)
    is_turned = inverted is not None and not _shows_a_patient(plain, policy) and _shows_a_patient(inverted, policy)
    return inverted if inverted is not None and is_turned else plain


def _shows_a_patient(image: RescaledFrame, policy: SeriesPolicy) -> bool:
    """Whether the outermost twentieth of an image [row, column] in HU is air, and hardly a value impossible in CT."""
    width = [max(1, n // 40) for n in image.shape]
    inner = image[width[0] : -width[0], width[1] : -width[1]]
    border = (int(image.sum()) - int(inner.sum())) / max(1, image.size - inner.size)
    below, above = _implausible(image, policy)
    possible = (policy.max_fraction_below_plausible, policy.max_fraction_above_plausible)
    return border < _AROUND_HU and below <= possible[0] * image.size and above <= possible[1] * image.size


def _both_senses(instance: Instance, frame: Frame, policy: SeriesPolicy) -> tuple[RescaledFrame, RescaledFrame | None]:
    """One frame [row, column] in HU, and for MONOCHROME1 also by the complement of its stored values."""
    ds = instance.with_pixels()
    raw = next(image for number, image in enumerate(raw_frames(ds)) if number == frame.number)
    plain = _hounsfield(raw, frame, _padding(ds), policy)
    if word(ds, "PhotometricInterpretation") != "MONOCHROME1":
        return plain, None
    return plain, _hounsfield(_complement(raw, ds), frame, _padding(ds), policy)


def settle_values(series: FitSeries, policy: SeriesPolicy) -> FitSeries:
    """The series with what its pixels say of their sense, and a caution when they are turned round. Raises Refusal."""
    if not _is_stored_inverted(series, policy):
        return series
    text = "The images are MONOCHROME1 and store their values turned round; they were turned back."
    return replace(series, is_inverted=True, cautions=(*series.cautions, Caution("values-inverted", text)))


def _is_stored_inverted(series: FitSeries, policy: SeriesPolicy) -> bool:
    """Whether a series in MONOCHROME1 stores the complement of its values.

    By PS3.3 C.7.6.3.1.2 MONOCHROME1 changes the display alone; some writers turn the values round as well. What lies
    around the patient tells the two apart: it is air. Raises Refusal where neither sense shows air there.
    """
    if word(series.instances[0].header, "PhotometricInterpretation") != "MONOCHROME1":
        return False
    for part in (2, 4, 1, 3):
        frame = series.frames[part * (len(series.frames) - 1) // 5]
        plain, inverted = _both_senses(series.instances[frame.instance], frame, policy)
        if _shows_a_patient(plain, policy):
            return False
        if inverted is not None and _shows_a_patient(inverted, policy):
            return True
    raise Refusal(
        Reason.UNSUPPORTED_PIXELS,
        "the images are MONOCHROME1, and nothing around the patient tells whether their values are turned round",
    )


def _complement(raw: RawFrame, ds: Dataset) -> RawFrame:
    """Stored values [row, column] turned round within their bits."""
    if whole_number(ds, "PixelRepresentation") == 1:
        return -1 - raw.astype(np.int32)
    return (1 << (whole_number(ds, "BitsStored") or 16)) - 1 - raw.astype(np.int32)


def raw_frames(ds: Dataset) -> Iterator[RawFrame]:
    """The stored values of each frame [row, column] of an object, in its own order.

    Raises Refusal when the object has no pixel data, or pixel data that does not fit its header.
    """
    syntax = transfer_syntax(ds)
    if syntax in NATIVE_SYNTAXES:
        frames = _native_frames(ds, syntax)
    elif syntax in DECODERS:
        frames = _decoded_frames(ds, syntax)
    else:
        raise Refusal(
            Reason.UNSUPPORTED_TRANSFER_SYNTAX, f"the transfer syntax {syntax.name} is not read", syntax=syntax.name
        )
    shift = 16 - (whole_number(ds, "BitsStored") or 16)
    for frame in frames:
        yield _stored_bits(frame, shift)


def transfer_syntax(ds: Dataset) -> UID:
    """The transfer syntax of an object; for one without file meta information the way it was parsed."""
    uid = ds.file_meta.get("TransferSyntaxUID") if hasattr(ds, "file_meta") else None
    if uid:
        return UID(uid)
    is_implicit_vr, is_little_endian = ds.original_encoding
    if is_little_endian is False:
        return ExplicitVRBigEndian
    return ExplicitVRLittleEndian if is_implicit_vr is False else ImplicitVRLittleEndian


def pixel_bytes(ds: Dataset) -> bytes:
    if "PixelData" not in ds or not ds.PixelData:
        raise Refusal(Reason.NO_PIXEL_DATA, "an image has no pixel data")
    value = ds.PixelData
    assert isinstance(value, bytes), "pydicom keeps OB and OW as bytes"
    return value


def _size(ds: Dataset) -> tuple[int, int]:
    return whole_number(ds, "Rows") or 0, whole_number(ds, "Columns") or 0


def _native_frames(ds: Dataset, syntax: UID) -> Iterator[RawFrame]:
    value, (rows, columns), count = pixel_bytes(ds), _size(ds), frame_count(ds)
    needed = rows * columns * 2 * count
    if len(value) < needed:
        raise Refusal(
            Reason.TRUNCATED_FILE,
            f"pixel data ends after {len(value)} of {needed} bytes",
            found=len(value),
            needed=needed,
        )
    if len(value) > needed:
        raise _size_mismatch(f"{len(value)} bytes of pixel data do not fit {rows} rows of {columns} pixels")
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    signed = whole_number(ds, "PixelRepresentation") == 1
    stored = np.frombuffer(value, dtype=f"{order}{'i' if signed else 'u'}2").reshape(count, rows, columns)
    for frame in stored:
        yield frame.astype(np.int16 if signed else np.uint16)


def _size_mismatch(text: str) -> Refusal:
    return Refusal(Reason.PIXEL_SIZE_MISMATCH, text)


def _decoded_frames(ds: Dataset, syntax: UID) -> Iterator[RawFrame]:
    """Frames of compressed pixel data. Every codestream is held against Rows and Columns before it is decoded."""
    rows, columns = _size(ds)
    for n, codestream in enumerate(_codestreams(ds)):
        size = coded_size(codestream)
        if size not in (None, (rows, columns)):
            raise _size_mismatch(f"frame {n} is coded as {size}, its header says {(rows, columns)}")
        yield _decoded(ds, syntax, codestream)


def _codestreams(ds: Dataset) -> list[bytes]:
    count = frame_count(ds)
    try:
        found = list(generate_frames(pixel_bytes(ds), number_of_frames=count))
    except PARSE_ERRORS as error:
        raise Refusal(Reason.CORRUPT_FILE, "compressed pixel data cannot be parsed") from error
    if len(found) < count:
        raise Refusal(
            Reason.TRUNCATED_FILE, f"{len(found)} of {count} frames are present", found=len(found), needed=count
        )
    return found[:count]


def _decoded(ds: Dataset, syntax: UID, codestream: bytes) -> RawFrame:
    decoder = get_decoder(syntax)
    rows, columns = _size(ds)
    options: dict[str, Any] = {
        "rows": rows,
        "columns": columns,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": whole_number(ds, "BitsStored"),
        "pixel_representation": whole_number(ds, "PixelRepresentation"),
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
    }
    buffer = encapsulate([codestream], has_bot=False)
    for plugin in (p for p in DECODERS[syntax] if p in decoder.available_plugins):
        try:
            frame, _ = decoder.as_array(buffer, index=0, raw=True, decoding_plugin=plugin, **options)
        except RuntimeError:  # what pydicom documents for a plugin that fails on the data
            continue
        return np.asarray(frame)
    raise Refusal(Reason.CORRUPT_FILE, "compressed pixel data cannot be decoded", syntax=syntax.name)


def _stored_bits(frame: RawFrame, shift: int) -> RawFrame:
    """The values without what lies in the unused high bits (overlays, missing sign bits)."""
    return frame if shift == 0 else (frame << shift) >> shift


def _padding(ds: Dataset) -> tuple[int, int] | None:
    """Smallest and largest stored value that means "no measurement" (PS3.3 C.7.5.1.1.2), or None.

    Some writers give the bits of a negative value as an unsigned number; it is read with the sign of the pixels.
    """
    first = number(ds, "PixelPaddingValue", Reason.CORRUPT_FILE)
    if first is None:
        return None
    last = number(ds, "PixelPaddingRangeLimit", Reason.CORRUPT_FILE)
    signed = whole_number(ds, "PixelRepresentation") == 1
    bounds = [int(v) & 0xFFFF for v in (first, first if last is None else last)]
    bounds = [v - 0x10000 if signed and v & 0x8000 else v for v in bounds]
    return min(bounds), max(bounds)


def _padded_pixels(raw: RawFrame, frame: Frame, padding: tuple[int, int]) -> BoolArray:
    """Where a frame holds padding.

    Some writers name a value that tissue has as well (0 with an intercept of 0 is water): such a value is padding
    only where it is connected to the border of the image, outside the field of view.
    """
    padded: BoolArray = (raw >= padding[0]) & (raw <= padding[1])
    highest_hu = padding[1] * frame.slope + frame.intercept
    if highest_hu <= _NO_TISSUE_BELOW_HU or not padded.any():
        return padded
    return _at_border(padded)


def _at_border(mask: BoolArray) -> BoolArray:
    """The pieces of a mask [row, column] that reach the border of the image."""
    labels, _ = ndimage.label(mask)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    reaching: BoolArray = np.isin(labels, np.unique(border[border > 0]))
    return reaching


def _hounsfield(raw: RawFrame, frame: Frame, padding: tuple[int, int] | None, policy: SeriesPolicy) -> RescaledFrame:
    """The frame [row, column] in HU (unlimited), padding set to air."""
    if frame.slope.is_integer() and frame.intercept.is_integer():
        hu = raw.astype(np.int32) * int(frame.slope) + int(frame.intercept)
    else:
        hu = np.rint(raw * frame.slope + frame.intercept).astype(np.int32)
    if padding is not None:
        hu[_padded_pixels(raw, frame, padding)] = policy.air_hu
    hu[_undeclared_padding(hu, policy)] = policy.air_hu
    return hu


def _undeclared_padding(hu: RescaledFrame, policy: SeriesPolicy) -> BoolArray:
    """Where one constant far below air reaches the border of the image: outside the scanner's field, whatever the
    header says. Values that vary there are a wrong rescale instead."""
    lowest = int(hu.min())
    padded: BoolArray = hu == lowest
    if lowest >= policy.plausible_hu[0]:
        return np.zeros_like(padded)
    return _at_border(padded)


def _placed(image: RescaledFrame, orientation: Orientation) -> RescaledFrame:
    """A source image [row, column] as [j, i]."""
    plane = image.T if orientation.transposed else image
    return plane[:: -1 if orientation.j_flipped else 1, :: -1 if orientation.i_flipped else 1]


def _implausible(hu: RescaledFrame, policy: SeriesPolicy) -> tuple[int, int]:
    """How many pixels lie below and above what CT can measure."""
    low, high = policy.plausible_hu
    return int(np.count_nonzero(hu < low)), int(np.count_nonzero(hu > high))


def _refuse_implausible(below: int, above: int, voxels: int, policy: SeriesPolicy) -> None:
    fraction_below, fraction_above = below / voxels, above / voxels
    if fraction_below > policy.max_fraction_below_plausible or fraction_above > policy.max_fraction_above_plausible:
        low, high = policy.plausible_hu
        raise Refusal(
            Reason.HU_OUT_OF_RANGE,
            f"{fraction_below:.0%} of the values are below {low:g} HU and {fraction_above:.0%} above {high:g} HU",
            fraction_below=round(fraction_below, 4),
            fraction_above=round(fraction_above, 4),
        )
