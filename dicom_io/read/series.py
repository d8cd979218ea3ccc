"""Headers → the one CT series to read, or a Refusal that says what is wrong with it.

Everything here is pure and works on headers alone, so that an unfit series is refused before a pixel is decoded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import Caution, FloatArray, Grid
from cad.errors import Reason, Refusal
from cad.policy import SeriesPolicy
from dicom_io.read.files import CT_IMAGES, Instance
from dicom_io.read.headers import (
    SECONDARY_CAPTURES,
    Acquisition,
    Frame,
    acquisition_of,
    frame_count,
    frames_of,
    image_type,
    is_multi_frame,
    is_projection,
    kernel_of,
    whole_number,
    word,
)

_THICKNESS_ROUNDING_MM = 0.01
"""5.0 mm may be written as 5.001."""
_SPACING_AGREEMENT = 1e-3
"""Pixel spacings of one series agree to this fraction; they differ only by rounding of their decimal strings."""
_COSINE_AGREEMENT = 1e-3
"""Direction cosines of one series agree to three digits."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a source image becomes the (j, i) plane of the volume: first transposed, then flipped along j and i."""

    transposed: bool
    j_flipped: bool
    i_flipped: bool


Shifts = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class FitSeries:
    """A series that passed every check on its headers; `frames` run from feet to head, as the k axis of `grid`."""

    instances: tuple[Instance, ...]
    frames: tuple[Frame, ...]
    grid: Grid
    orientation: Orientation
    acquisition: Acquisition
    cautions: tuple[Caution, ...]
    displaced: tuple[int, ...] = ()
    """The slices k that lie beside their place on `grid`, to be moved there by interpolation."""

    shifts: Shifts | None = None
    """Where on the plane (j, i) of `grid` each slice begins, of a tilted gantry; None when all fill it."""

    is_inverted: bool = False
    """Whether the stored values are the complement of what the rescale is meant for."""

    @property
    def slice_thickness_mm(self) -> float | None:
        """The largest slice thickness, or None when no header says."""
        return max((f.slice_thickness_mm for f in self.frames if f.slice_thickness_mm is not None), default=None)

    @property
    def coverage_mm(self) -> float:
        """The height of the stack in mm."""
        return len(self.frames) * self.grid.spacing_kji_mm[0]


def select_ct_images(instances: Sequence[Instance]) -> tuple[Instance, ...]:
    """The CT images that are neither localizers, projections nor secondary captures.

    Raises Refusal when there are none, or when the CT images are of more than one patient.
    """
    captures = [i for i in instances if (word(i.header, "SOPClassUID") or "").startswith(SECONDARY_CAPTURES)]
    images = [i for i in instances if _is_ct(i)]
    slices = tuple(i for i in images if "LOCALIZER" not in image_type(i.header))
    if slices:
        _refuse_mixed_patients(images)
        return _without_projections(slices)
    if images:
        raise Refusal(Reason.LOCALIZER_ONLY, "there are only localizers", localizers=len(images))
    if captures and len(captures) == len(_images(instances)):
        raise Refusal(Reason.SECONDARY_CAPTURE_ONLY, "there are only secondary captures", captures=len(captures))
    found = sorted({word(i.header, "Modality") or "none" for i in instances})
    modalities = tuple(m for m in found if re.fullmatch(r"[A-Za-z]{1,16}", m))
    raise Refusal(Reason.NOT_CT, "there is no CT image", modalities=modalities)


def check_series(instances: Sequence[Instance], policy: SeriesPolicy) -> FitSeries:
    """The series that these objects form, feet to head. Raises Refusal when it is unfit, with the first reason found.

    The objects carry the same SeriesInstanceUID.
    """
    _refuse_parts(instances)
    _refuse_mixed_series(instances)
    _refuse_bombs(instances, policy)
    for instance in instances:
        refuse_unsupported_pixels(instance)
    unsorted = [f for n, instance in enumerate(instances) for f in frames_of(instance.header, n)]
    _refuse_mixed_geometry(unsorted)
    _refuse_oblique(unsorted[0], policy)
    frames = tuple(unsorted[n] for n in np.argsort(heights_mm(unsorted), kind="stable"))
    acquisition = acquisition_of(instances[0].header)
    _refuse_short(frames, policy)
    _refuse_duplicates(frames, policy)
    is_tilted = _is_tilted(frames, acquisition, policy)
    displaced = _displaced(frames, policy)
    if not displaced:
        _refuse_gaps(frames, policy)
    _refuse_coarse(frames, policy)
    orientation = _orientation(frames[0])
    grid, shifts = _grid(frames, orientation), None
    if is_tilted:
        grid, shifts = _upright(grid)
    return FitSeries(
        tuple(instances),
        frames,
        grid=grid,
        orientation=orientation,
        acquisition=acquisition,
        cautions=(
            *_series_cautions(frames, acquisition),
            *_displacement_caution(displaced, frames),
            *_tilt_caution(frames, is_tilted=is_tilted),
        ),
        displaced=displaced,
        shifts=shifts,
    )


# What an object is


def _without_projections(slices: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """The images that show one place each. Raises Refusal when all of them were computed through a slab."""
    kept = tuple(i for i in slices if not is_projection(i.header))
    if not kept:
        raise Refusal(
            Reason.PROJECTIONS_ONLY,
            "all images are projections through a slab (MIP, MinIP, average) or subtractions, which cannot be measured",
            projections=len(slices),
        )
    return kept


def _is_ct(instance: Instance) -> bool:
    sop_class = word(instance.header, "SOPClassUID")
    modality = word(instance.header, "Modality")
    if sop_class is None:
        return modality == "CT" and "Rows" in instance.header
    return sop_class in CT_IMAGES and modality in ("CT", None)


def _images(instances: Sequence[Instance]) -> list[Instance]:
    return [i for i in instances if "Rows" in i.header]


def _refuse_mixed_patients(instances: Sequence[Instance]) -> None:
    patients = {word(i.header, "PatientID") or _plain_name(i) for i in instances}
    if len(patients) > 1:
        raise Refusal(Reason.MIXED_PATIENTS, f"the CT images are of {len(patients)} patients", patients=len(patients))


def _plain_name(instance: Instance) -> str:
    """The patient's name without case, padding and separators, which systems write differently."""
    name = word(instance.header, "PatientName") or ""
    return " ".join(name.replace("^", " ").casefold().split())


def _refuse_mixed_series(instances: Sequence[Instance]) -> None:
    what = {
        "studies": {word(i.header, "StudyInstanceUID") for i in instances},
        "frames of reference": {word(i.header, "FrameOfReferenceUID") for i in instances},
        "kinds of object": {word(i.header, "SOPClassUID") for i in instances},
        "photometric interpretations": {word(i.header, "PhotometricInterpretation") for i in instances} - {None},
        "reconstruction kernels": {kernel_of(i.header) for i in instances} - {None},
    }
    for name, values in what.items():
        if len(values) > 1:
            raise Refusal(Reason.MIXED_SERIES, f"one series has images of {len(values)} {name}", mixed=name)
    if len(instances) > 1 and is_multi_frame(instances[0].header):
        raise Refusal(
            Reason.MIXED_SERIES, "one series has several multi-frame objects", mixed="objects", objects=len(instances)
        )
    if len({_plain_name(i) for i in instances}) > 1:
        raise Refusal(Reason.MIXED_PATIENTS, "the images of one series name different patients")


def _refuse_parts(instances: Sequence[Instance]) -> None:
    """Refuses part of a concatenation: one multi-frame object that was cut into several (PS3.3 C.7.6.16.2.2.4)."""
    for header in (i.header for i in instances):
        number, total = (
            whole_number(header, "InConcatenationNumber"),
            whole_number(header, "InConcatenationTotalNumber"),
        )
        is_part = (number or 1) > 1 or (total or 1) > 1 or (whole_number(header, "ConcatenationFrameOffsetNumber") or 0)
        if is_part:
            raise Refusal(
                Reason.MISSING_SLICES,
                f"the object is part {number or '?'} of {total or 'several'} of a concatenation; it is read only whole",
                part=number,
                expected=total,
                found=len(instances),
            )


def _refuse_bombs(instances: Sequence[Instance], policy: SeriesPolicy) -> None:
    voxels = 0
    for header in (i.header for i in instances):
        voxels += (whole_number(header, "Rows") or 0) * (whole_number(header, "Columns") or 0) * frame_count(header)
    if voxels > policy.max_voxels:
        raise Refusal(
            Reason.DECOMPRESSION_BOMB,
            f"the series claims {voxels} voxels, more than {policy.max_voxels}",
            voxels=voxels,
            limit=policy.max_voxels,
        )


def refuse_unsupported_pixels(instance: Instance) -> None:
    """CT is one 16-bit sample per pixel (PS3.3 C.8.2.1.1)."""
    header = instance.header
    if (whole_number(header, "NumberOfFrames") or 1) > 1 and not is_multi_frame(header):
        raise Refusal(
            Reason.MULTI_FRAME_CT_IMAGE,
            "one object of the class CT Image holds several frames, whose places no header says",
            frames=whole_number(header, "NumberOfFrames"),
        )
    photometric = word(header, "PhotometricInterpretation")
    allocated, stored = whole_number(header, "BitsAllocated"), whole_number(header, "BitsStored")
    high = whole_number(header, "HighBit")
    fits = (
        (whole_number(header, "SamplesPerPixel") or 1) == 1
        and photometric in ("MONOCHROME2", "MONOCHROME1", None)
        and allocated == 16
        and stored is not None
        and 8 <= stored <= 16
        and high in (stored - 1, None)
        and whole_number(header, "PixelRepresentation") in (0, 1)
    )
    if not fits:
        raise Refusal(
            Reason.UNSUPPORTED_PIXELS,
            "the pixels are not 16-bit MONOCHROME1 or MONOCHROME2 with a known sign",
            bits_allocated=allocated,
            bits_stored=stored,
            high_bit=high,
        )


# Geometry


def agree_in_geometry(one: Frame, other: Frame) -> bool:
    """Whether two images have the same orientation, size and pixel spacing."""
    turned = np.abs(np.subtract(one.row_cosines + one.column_cosines, other.row_cosines + other.column_cosines))
    spacings = (one.row_spacing_mm, one.column_spacing_mm), (other.row_spacing_mm, other.column_spacing_mm)
    return (
        float(turned.max()) <= _COSINE_AGREEMENT
        and (one.rows, one.columns) == (other.rows, other.columns)
        and np.allclose(*spacings, rtol=_SPACING_AGREEMENT, atol=0)
    )


def _refuse_mixed_geometry(frames: Sequence[Frame]) -> None:
    first = frames[0]
    directions = np.array([f.row_cosines + f.column_cosines for f in frames])
    odd = int(np.count_nonzero(np.abs(directions - directions[0]).max(axis=1) > _COSINE_AGREEMENT))
    if odd:
        raise Refusal(Reason.MIXED_ORIENTATIONS, f"{odd} of {len(frames)} images are oriented differently", images=odd)
    spacings = np.array([(f.row_spacing_mm, f.column_spacing_mm) for f in frames])
    sizes = {(f.rows, f.columns) for f in frames}
    if len(sizes) > 1 or not np.allclose(spacings, spacings[0], rtol=_SPACING_AGREEMENT, atol=0):
        raise Refusal(
            Reason.MIXED_GEOMETRY, "the images differ in size or pixel spacing", rows=first.rows, columns=first.columns
        )


def _refuse_oblique(frame: Frame, policy: SeriesPolicy) -> None:
    angle = math.degrees(math.acos(min(1.0, frame.normal[2])))
    if angle > policy.max_obliquity_degrees:
        raise Refusal(
            Reason.NOT_AXIAL,
            f"the images are turned {angle:.0f}° from axial, at most {policy.max_obliquity_degrees:g}° are read",
            degrees=round(angle, 1),
        )


def heights_mm(frames: Sequence[Frame]) -> FloatArray:
    """Where each slice lies along the normal of the first: [n] mm, towards the head."""
    heights: FloatArray = np.array([f.position for f in frames]) @ np.array(frames[0].normal)
    return heights


def _refuse_short(frames: Sequence[Frame], policy: SeriesPolicy) -> None:
    heights = heights_mm(frames)
    coverage_mm = float(heights[-1] - heights[0])
    if len(frames) < policy.min_slices or (coverage_mm < policy.min_coverage_mm and _has_steps(heights, policy)):
        alone = "; an anonymiser may have given each image a series of its own" if len(frames) == 1 else ""
        raise Refusal(
            Reason.TOO_FEW_SLICES,
            f"{len(frames)} slices over {coverage_mm:.1f} mm, needed are {policy.min_slices} slices "
            f"over {policy.min_coverage_mm:g} mm{alone}",
            slices=len(frames),
            needed=policy.min_slices,
            coverage_mm=round(coverage_mm, 2),
        )


def _has_steps(heights: FloatArray, policy: SeriesPolicy) -> bool:
    return bool(np.all(np.diff(heights) > policy.coincident_slices_mm))


def _refuse_duplicates(frames: Sequence[Frame], policy: SeriesPolicy) -> None:
    heights = heights_mm(frames)
    twice = heights[1:][np.diff(heights) <= policy.coincident_slices_mm]
    if twice.size:
        at_mm = _z_of(twice, heights, frames)
        raise Refusal(
            Reason.DUPLICATE_SLICES,
            f"{twice.size} of {len(frames)} slices lie where another slice lies, the first at z = {at_mm[0]:g} mm",
            duplicates=int(twice.size),
            at_mm=at_mm,
        )


def _z_of(wanted: FloatArray, heights: FloatArray, frames: Sequence[Frame]) -> tuple[float, ...]:
    """Patient z of heights along the stack, in mm, to be shown."""
    z = np.array([f.position[2] for f in frames])
    return tuple(round(float(v), 2) for v in np.interp(wanted, heights, z))


def _lean_degrees(frames: Sequence[Frame]) -> float:
    """How far the stack leans against the slices' normal."""
    along = np.subtract(frames[-1].position, frames[0].position)
    return math.degrees(math.acos(min(1.0, abs(float(along @ frames[0].normal)) / float(np.linalg.norm(along)))))


def _is_tilted(frames: Sequence[Frame], acquisition: Acquisition, policy: SeriesPolicy) -> bool:
    """Whether the positions show a tilted gantry. Refuses one that leans further than is corrected.

    A header that names a tilt which the positions do not show leaves open which of the two is wrong.
    """
    lean, named = _lean_degrees(frames), abs(acquisition.tilt_degrees)
    limit = policy.max_tilt_degrees
    if lean > policy.max_corrected_tilt_degrees:
        raise Refusal(
            Reason.GANTRY_TILT,
            f"the gantry was tilted by {lean:.1f}°, at most {policy.max_corrected_tilt_degrees:g}° are corrected",
            degrees=round(lean, 2),
        )
    if named > limit and abs(named - lean) > limit:
        raise Refusal(
            Reason.GANTRY_TILT,
            f"the header says that the gantry was tilted by {named:.1f}°, the positions of the images say {lean:.1f}°",
            degrees=round(max(lean, named), 2),
        )
    return lean > limit


def _displaced(frames: Sequence[Frame], policy: SeriesPolicy) -> tuple[int, ...]:
    """The slices off an even stack by more than the rounding of positions and less than `max_jitter_fraction`.

    Empty when the stack is even, or when it is so uneven that something else is wrong with it.
    """
    heights = heights_mm(frames)
    even = np.linspace(heights[0], heights[-1], len(heights))
    off = np.abs(heights - even)
    positions = np.array([f.position for f in frames])
    beside = positions - np.linspace(positions[0], positions[-1], len(frames))
    beside -= np.outer(beside @ np.array(frames[0].normal), frames[0].normal)
    is_straight = float(np.linalg.norm(beside, axis=1).max()) <= 2 * policy.spacing_tolerance_mm
    limit = policy.max_jitter_fraction * _step_mm(frames)
    if not is_straight or not policy.spacing_tolerance_mm < off.max() <= limit:
        return ()
    return tuple(int(k) for k in np.flatnonzero(off > policy.spacing_tolerance_mm / 2))


def _refuse_gaps(frames: Sequence[Frame], policy: SeriesPolicy) -> None:
    """Refuses missing slices (steps of one and a half and more) and uneven steps.

    A series of which many steps are odd was reconstructed at several increments: that is uneven, nothing is missing.
    """
    heights = heights_mm(frames)
    steps = np.diff(heights)
    step_mm = float(np.median(steps))
    odd = np.abs(steps - step_mm) > policy.spacing_tolerance_mm
    wide = steps >= 1.5 * step_mm
    if not odd.any():
        _refuse_drift(frames, policy)
        return
    after = heights[:-1]
    if np.array_equal(odd, odd & wide) and np.count_nonzero(wide) <= len(steps) / 4:
        missing = [
            h + step_mm * n
            for h, s in zip(after[wide], steps[wide], strict=True)
            for n in range(1, max(2, round(s / step_mm)))
        ]
        at_mm = _z_of(np.array(missing), heights, frames)
        expected = len(frames) + len(missing)
        raise Refusal(
            Reason.MISSING_SLICES,
            f"{len(frames)} of {expected} slices are present; the first gap is at z = {at_mm[0]:g} mm",
            expected=expected,
            found=len(frames),
            at_mm=at_mm,
        )
    at_mm = _z_of(after[odd], heights, frames)
    raise Refusal(
        Reason.UNEVEN_SPACING,
        f"the slice distance varies from {steps.min():.2f} to {steps.max():.2f} mm, first at z = {at_mm[0]:g} mm",
        smallest_mm=round(float(steps.min()), 3),
        largest_mm=round(float(steps.max()), 3),
        at_mm=at_mm,
    )


def _refuse_drift(frames: Sequence[Frame], policy: SeriesPolicy) -> None:
    """Refuses slices that are shifted sideways, or steps whose small errors add up."""
    positions = np.array([f.position for f in frames])
    line = np.linspace(positions[0], positions[-1], len(frames))
    error = np.linalg.norm(positions - line, axis=1)
    limit = 2 * policy.spacing_tolerance_mm
    if error.max() > limit:
        worst = float(error.max())
        raise Refusal(
            Reason.UNEVEN_SPACING,
            f"slices lie up to {worst:.2f} mm off the line through the stack, at most {limit:g} mm are read",
            largest_error_mm=round(worst, 3),
            at_mm=(round(float(positions[int(error.argmax()), 2]), 2),),
        )


def _refuse_coarse(frames: Sequence[Frame], policy: SeriesPolicy) -> None:
    thickness_mm = max((f.slice_thickness_mm or 0.0 for f in frames), default=0.0)
    step_mm = _step_mm(frames)
    limit = policy.max_slice_thickness_mm
    if (
        thickness_mm > limit + _THICKNESS_ROUNDING_MM
        or step_mm > policy.max_slice_spacing_mm + policy.spacing_tolerance_mm
    ):
        raise Refusal(
            Reason.SLICES_TOO_THICK,
            f"slices of {thickness_mm:g} mm every {step_mm:.2f} mm; at most {limit:g} mm are read",
            slice_thickness_mm=thickness_mm or None,
            slice_spacing_mm=round(step_mm, 3),
        )
    pixel_mm = max(frames[0].row_spacing_mm, frames[0].column_spacing_mm)
    if pixel_mm > policy.max_pixel_spacing_mm:
        raise Refusal(
            Reason.PIXELS_TOO_COARSE,
            f"pixels of {pixel_mm:g} mm, at most {policy.max_pixel_spacing_mm:g} mm are read",
            pixel_spacing_mm=pixel_mm,
        )


def _step_mm(frames: Sequence[Frame]) -> float:
    heights = heights_mm(frames)
    return float(heights[-1] - heights[0]) / (len(frames) - 1)


def _orientation(frame: Frame) -> Orientation:
    """What turns the rows and columns of a source image into j (to posterior) and i (to the left)."""
    row, column = np.array(frame.row_cosines), np.array(frame.column_cosines)
    transposed = abs(row[0]) < abs(row[1])
    along_i, along_j = (column, row) if transposed else (row, column)
    return Orientation(bool(transposed), bool(along_j[1] < 0), bool(along_i[0] < 0))


def _grid(frames: Sequence[Frame], orientation: Orientation) -> Grid:
    """The canonical grid: axes k, j, i of the volume, origin at the centre of its voxel (0, 0, 0)."""
    first = frames[0]
    along_row = np.array(first.row_cosines) * first.column_spacing_mm
    along_column = np.array(first.column_cosines) * first.row_spacing_mm
    origin = np.array(first.position)
    i, j, columns, rows = along_row, along_column, first.columns, first.rows
    if orientation.transposed:
        i, j, columns, rows = along_column, along_row, first.rows, first.columns
    if orientation.i_flipped:
        origin, i = origin + i * (columns - 1), -i
    if orientation.j_flipped:
        origin, j = origin + j * (rows - 1), -j
    k = np.subtract(frames[-1].position, first.position) / (len(frames) - 1)
    affine = np.eye(4)
    affine[:3] = np.column_stack([k, j, i, origin])
    return Grid((len(frames), rows, columns), affine)


def _upright(grid: Grid) -> tuple[Grid, Shifts]:
    """The grid whose k axis is normal to the slices of a leaning one and that holds all of them, and where each begins.

    Slices are moved by whole pixels, so that no value changes; none lies further than half a pixel from its place.
    """
    slices, rows, columns = grid.shape
    k, j, i, origin = grid.affine[:3].T
    normal = np.cross(i, j)
    normal /= np.linalg.norm(normal) * np.sign(normal @ k)
    step = float(normal @ k)
    along = k - step * normal
    numbers = np.arange(slices)
    shifts = np.rint(np.outer(numbers, [along @ j / (j @ j), along @ i / (i @ i)])).astype(int)
    low = shifts.min(axis=0)
    shifts -= low
    affine = grid.affine.copy()
    affine[:3] = np.column_stack([normal * step, j, i, origin + low[0] * j + low[1] * i])
    high = shifts.max(axis=0)
    shape = (slices, rows + int(high[0]), columns + int(high[1]))
    return Grid(shape, affine), tuple((int(dj), int(di)) for dj, di in shifts)


def _tilt_caution(frames: Sequence[Frame], *, is_tilted: bool) -> tuple[Caution, ...]:
    if not is_tilted:
        return ()
    text = f"The gantry was tilted by {_lean_degrees(frames):.1f}°: slices were set upright, each moved in its plane."
    return (Caution("gantry-tilt-corrected", text),)


def _displacement_caution(displaced: Sequence[int], frames: Sequence[Frame]) -> tuple[Caution, ...]:
    if not displaced:
        return ()
    heights = heights_mm(frames)
    off_mm = float(np.abs(heights - np.linspace(heights[0], heights[-1], len(heights))).max())
    count = f"{len(displaced)} of {len(frames)} slices"
    text = f"{count} lie up to {off_mm:.2f} mm beside an even spacing and were interpolated."
    return (Caution("slices-interpolated", text),)


def _series_cautions(frames: Sequence[Frame], acquisition: Acquisition) -> tuple[Caution, ...]:
    cautions = []
    thickness_mm = max((f.slice_thickness_mm or 0.0 for f in frames), default=0.0)
    if not thickness_mm:
        cautions.append(Caution("slice-thickness-unknown", "The headers do not say how thick the slices are."))
    elif _step_mm(frames) > thickness_mm + 2 * _THICKNESS_ROUNDING_MM:
        text = f"Slices of {thickness_mm:g} mm lie {_step_mm(frames):.2f} mm apart: tissue between them was not imaged."
        cautions.append(Caution("gaps-between-slices", text))
    if acquisition.lossy:
        text = "The images were compressed with loss: densities and small nodules may have changed."
        cautions.append(Caution("lossy-compression", text))
    return tuple(cautions)
