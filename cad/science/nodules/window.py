"""The surroundings of one candidate on a *fine grid* that divides each source voxel into whole steps.

Every source voxel is a fine voxel too, so that a mask found there needs no second interpolation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cad.domain import BoolArray, Candidate, Float32Array, FloatArray, LungMask, NoduleReading, Volume
from cad.geometry import index_of
from cad.policy import NodulePolicy
from cad.science.nodules.morphology import Box, box_around, component_nearest


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The surroundings of one candidate on the fine grid, whose voxel [0, 0, 0] is source voxel `offset`.

    `hu` and `allowed` (where nodule tissue may lie) are [k, j, i]; each source voxel has `steps` fine voxels per
    axis. `width_mm` (k, j, i) is what the scanner resolves. `centre_mm` is the candidate's centre in mm from fine voxel
    0. `outlined` is what a network says is nodule.
    """

    hu: Float32Array
    allowed: BoolArray
    offset: tuple[int, int, int]
    steps: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    width_mm: tuple[float, float, float]
    centre_mm: FloatArray
    radius_mm: float
    outlined: BoolArray | None = None

    @property
    def in_widths(self) -> tuple[float, float, float]:
        """Size of a fine voxel in widths."""
        k, j, i = (s / w for s, w in zip(self.spacing_mm, self.width_mm, strict=True))
        return k, j, i

    @property
    def strides(self) -> tuple[int, int, int]:
        """How many fine voxels a width has, about."""
        k, j, i = (max(1, round(w / s)) for s, w in zip(self.spacing_mm, self.width_mm, strict=True))
        return k, j, i

    def fine_voxels(self, widths: float) -> int:
        """So many widths in fine voxels, along the axis that has the most."""
        return math.ceil(widths / min(self.in_widths))

    @property
    def fine_voxel_mm3(self) -> float:
        """Volume of a fine voxel."""
        return float(np.prod(self.spacing_mm))

    def at_source(self, box: Box) -> tuple[Box, Box]:
        """The source voxels in a box of fine voxels: as a part of the window, and as a part of the box."""
        starts = [-(part.start // -n) * n for part, n in zip(box, self.steps, strict=True)]
        k, j, i = (slice(s, part.stop, n) for s, part, n in zip(starts, box, self.steps, strict=True))
        inner = [slice(s - part.start, None, n) for s, part, n in zip(starts, box, self.steps, strict=True)]
        return (k, j, i), (inner[0], inner[1], inner[2])

    def from_centre_mm(self) -> FloatArray:
        """Distance [k, j, i] of each fine voxel from the centre, in mm."""
        axes = (
            (np.arange(n) * s - c) ** 2 for n, s, c in zip(self.hu.shape, self.spacing_mm, self.centre_mm, strict=True)
        )
        k, j, i = axes
        distance: FloatArray = np.sqrt(k[:, None, None] + j[None, :, None] + i[None, None, :])
        return distance


def window_around(
    volume: Volume, lungs: LungMask, candidate: Candidate, reading: NoduleReading | None, policy: NodulePolicy
) -> Window:
    """The window of a candidate, as far as its nodule may reach, with the wall bridged where the lungs miss it.

    With a reading the window holds all that the network outlined, and that decides where the centre is; without one
    the centre is moved onto the tissue.
    """
    region = None if reading is None else _outlined(volume, candidate, reading, policy)
    window = _window(volume, lungs, candidate, region, policy)
    if window.outlined is not None:
        return replace(window, allowed=window.allowed | window.outlined)
    bridged = replace(window, allowed=_bridged_lungs(window, policy))
    return replace(bridged, centre_mm=_tissue_centre_mm(bridged, policy))


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """A network's probability [k, j, i] in a box that starts at `offset`, and where its region lies in that box."""

    probability: Float32Array
    offset: npt.NDArray[np.int_]
    box: Box


def _outlined(volume: Volume, candidate: Candidate, reading: NoduleReading, policy: NodulePolicy) -> _Region | None:
    """The network's region nearest to the candidate; None when there is none or it cannot be this nodule."""
    inside = reading.probability >= policy.outlined_from
    if not inside.any():
        return None
    spacing = volume.grid.spacing_kji_mm
    offset = np.array(reading.offset)
    centre = np.array(index_of(volume.grid, candidate.centre)) - offset
    k, j, i = ((np.arange(n) - c) * s for n, c, s in zip(inside.shape, centre, spacing, strict=True))
    away = np.sqrt(k[:, None, None] ** 2 + j[None, :, None] ** 2 + i[None, None, :] ** 2)
    region = component_nearest(inside, away)
    if region is None or float(away[region].min()) > candidate.diameter_mm / 2 + policy.centring_slack_mm:
        return None
    low, high = policy.believable_diameters
    size_mm = np.cbrt(6 / np.pi * np.count_nonzero(region) * volume.grid.voxel_volume_mm3)
    if not low <= size_mm / candidate.diameter_mm <= high:
        return None
    kept = np.where(ndimage.binary_dilation(region) | ~inside, reading.probability, 0).astype(np.float32)
    return _Region(kept, offset, box_around(region, 0))


def _window(
    volume: Volume, lungs: LungMask, candidate: Candidate, region: _Region | None, policy: NodulePolicy
) -> Window:
    spacing = np.array(volume.grid.spacing_kji_mm)
    centre = np.array(index_of(volume.grid, candidate.centre))
    radius_mm = candidate.diameter_mm / 2
    reach = (policy.leak_radius_factor * radius_mm + policy.surround_mm) / spacing
    least, most = centre - reach, centre + reach
    if region is not None:
        margin = policy.surround_mm / spacing
        least = np.minimum(least, [part.start for part in region.box] + region.offset - margin)
        most = np.maximum(most, [part.stop for part in region.box] + region.offset + margin)
    last = np.array(volume.grid.shape) - 1
    low = np.clip(np.floor(least), 0, last).astype(int)
    high = np.clip(np.ceil(most), 0, last).astype(int) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    fine_mm = float(np.clip(candidate.diameter_mm / policy.fine_steps_per_diameter, *policy.fine_spacing_range_mm))
    steps = np.maximum(np.rint(spacing / fine_mm), 1).astype(int)
    fine = spacing / steps
    return Window(
        hu=_refined(volume.hu[box].astype(np.float32), steps),
        allowed=_refined((lungs.labels[box] > 0).astype(np.float32), steps) >= 0.5,
        offset=(int(low[0]), int(low[1]), int(low[2])),
        steps=(int(steps[0]), int(steps[1]), int(steps[2])),
        spacing_mm=(float(fine[0]), float(fine[1]), float(fine[2])),
        width_mm=widths_of(volume, policy),
        centre_mm=(centre - low) * spacing,
        radius_mm=radius_mm,
        outlined=None if region is None else _refined(_placed(region, low, high), steps) >= policy.outlined_from,
    )


def widths_of(volume: Volume, policy: NodulePolicy) -> tuple[float, float, float]:
    """What the scanner resolves along k, j and i, in mm."""
    _, j, i = (max(mm, policy.in_plane_width_mm) for mm in volume.grid.spacing_kji_mm)
    return volume.resolved_mm, j, i


def _placed(region: _Region, low: npt.NDArray[np.int_], high: npt.NDArray[np.int_]) -> Float32Array:
    """The probability on the source voxels `low` to `high`, 0 where the network did not look."""
    placed = np.zeros(high - low, dtype=np.float32)
    first = np.maximum(region.offset, low)
    end = np.minimum(region.offset + region.probability.shape, high)
    target = tuple(slice(a, b) for a, b in zip(first - low, end - low, strict=True))
    source = tuple(slice(a, b) for a, b in zip(first - region.offset, end - region.offset, strict=True))
    placed[target] = region.probability[source]
    return placed


def _refined(array: Float32Array, steps: npt.NDArray[np.int_]) -> Float32Array:
    """The array interpolated to `steps` fine voxels per voxel and axis; voxel n becomes n × steps.

    By Catmull-Rom splines, which keep the round of a ball between thick slices where lines would cut it off.
    """
    for axis, count in enumerate(steps):
        if count == 1:
            continue
        fine = np.arange((array.shape[axis] - 1) * count + 1)
        part = (fine % count / count).astype(np.float32)
        shape = [1, 1, 1]
        shape[axis] = -1
        refined = np.zeros((), dtype=np.float32)
        for step, weight in zip((-1, 0, 1, 2), _catmull_rom(part), strict=True):
            near = np.clip(fine // count + step, 0, array.shape[axis] - 1)
            refined = refined + np.take(array, near, axis=axis) * weight.reshape(shape)
        array = refined
    return array


def _catmull_rom(part: Float32Array) -> tuple[npt.NDArray[np.floating], ...]:
    """Weights of the four voxels around a place `part` 0..1 of the way from the second to the third."""
    square, cube = part**2, part**3
    return (
        (2 * square - part - cube) / 2,
        (2 - 5 * square + 3 * cube) / 2,
        (part + 4 * square - 3 * cube) / 2,
        (cube - square) / 2,
    )


def _bridged_lungs(window: Window, policy: NodulePolicy) -> BoolArray:
    """Where nodule tissue may lie: the lungs, closed by a ball of the candidate's size where they miss most of it.

    When the closing does not reach the candidate either, the candidate's own ball is all that is known.
    """
    inner = window.from_centre_mm() <= policy.inner_ball_fraction * window.radius_mm
    if not inner.any() or window.allowed[inner].mean() >= policy.min_lung_fraction:
        return window.allowed
    ball = window.from_centre_mm() <= window.radius_mm
    if not window.allowed.any():
        return ball
    grown: BoolArray = ndimage.distance_transform_edt(~window.allowed, sampling=window.spacing_mm) <= window.radius_mm
    if grown.all():
        return grown
    closed = ndimage.distance_transform_edt(grown, sampling=window.spacing_mm) > window.radius_mm
    allowed: BoolArray = window.allowed | closed
    return allowed if allowed[inner].mean() >= policy.min_bridged_fraction else window.allowed | ball


def _tissue_centre_mm(window: Window, policy: NodulePolicy) -> FloatArray:
    """The candidate's centre after a few steps of mean shift towards soft tissue inside the lungs."""
    lung_hu = lung_hu_around(window, policy)
    weight = np.where(window.allowed, np.clip(window.hu, lung_hu, policy.densest_border_hu) - lung_hu, 0.0)
    reach_mm = window.radius_mm + policy.centring_slack_mm
    moved = window
    for _ in range(policy.centring_steps):
        from_centre = moved.from_centre_mm()
        local = weight * np.exp(-0.5 * (from_centre / (policy.centring_width * reach_mm)) ** 2)
        local[from_centre > reach_mm] = 0.0
        if float(local.sum()) <= 0:
            return moved.centre_mm
        moved = replace(moved, centre_mm=np.array(ndimage.center_of_mass(local)) * np.array(window.spacing_mm))
    return moved.centre_mm


def lung_hu_around(window: Window, policy: NodulePolicy) -> float:
    """Attenuation of the aerated lung around the candidate; the policy's usual value where none is in the window."""
    around = window.hu[aerated_lung(window, policy)]
    return (
        float(np.median(around)) if len(around) * window.fine_voxel_mm3 >= policy.min_lung_mm3 else policy.usual_lung_hu
    )


def aerated_lung(window: Window, policy: NodulePolicy) -> BoolArray:
    """Aerated lung outside the candidate's ball and clear of what a network outlined, bool [k, j, i]."""
    aerated: BoolArray = window.allowed & (window.hu < policy.aerated_below_hu)
    if window.outlined is not None:
        away = ndimage.distance_transform_edt(~window.outlined, sampling=window.in_widths)
        aerated &= away > policy.halo_widths[0]
        return aerated
    outside: BoolArray = aerated & (window.from_centre_mm() > window.radius_mm)
    return outside
