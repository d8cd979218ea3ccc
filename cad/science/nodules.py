"""Candidates → measured nodules: extent, volume, axial diameters, attenuation, composition and side.

A nodule is delineated in a window around its candidate, on a *fine grid* that divides each source voxel into
whole steps, so that every source voxel is also a fine voxel and the mask needs no second interpolation. The
border lies where the attenuation is half-way between the nodule and the lung around it; what the lung mask or a
morphological opening tells to be wall or vessel is cut off. Volume counts each border voxel by the part of it
that is filled, which keeps the blur of the scanner out of it.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import find_contours

from cad.domain import (
    AxialAxis,
    BoolArray,
    Candidate,
    Composition,
    Delineation,
    Diameters,
    Float32Array,
    FloatArray,
    Grid,
    LungMask,
    Nodule,
    NoduleMask,
    PointLps,
    Side,
    UInt8Array,
    Volume,
)
from cad.geometry import index_of, position_of
from cad.policy import NodulePolicy

TRACKING_NAMESPACE = uuid.UUID("6a0f3d0e-3c55-5d0b-9a5e-8d4c7f1f2b6a")
"""Namespace of tracking UIDs; arbitrary, and never changed, or follow-up of old results would break."""


def characterise(
    volume: Volume, lungs: LungMask, candidates: tuple[Candidate, ...], policy: NodulePolicy, identity_seed: str
) -> tuple[Nodule, ...]:
    """One measured nodule per candidate, in the same order, labelled "Nodule 1", "Nodule 2", ….

    Nothing else is dropped than a candidate whose mask overlaps by `policy.same_nodule_overlap` of the smaller
    mask with that of an earlier, better candidate: both are then the same lesion. `identity_seed` and the
    candidate's voxel make the tracking UID.
    """
    nodules: list[Nodule] = []
    for candidate in candidates:
        label = f"Nodule {len(nodules) + 1}"
        nodule = _characterise_one(volume, lungs, candidate, policy, _Identity(label, identity_seed))
        if all(_overlap(nodule.mask, other.mask) < policy.same_nodule_overlap for other in nodules):
            nodules.append(nodule)
    return tuple(nodules)


def tracking_uid(identity_seed: str, grid: Grid, centre: PointLps) -> str:
    """The UID "2.25.<UUIDv5 as integer>" (PS3.5 B.2) of a nodule at the voxel nearest to `centre`."""
    k, j, i = (round(v) for v in index_of(grid, centre))
    return f"2.25.{uuid.uuid5(TRACKING_NAMESPACE, f'{identity_seed}|{k},{j},{i}').int}"


def axial_diameters(occupancy: Float32Array, spacing_ji_mm: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """Long and short axis of the largest region with `occupancy` [j, i] of at least one half, as [2, 2] arrays of
    end points (j, i) in fractional pixels.

    The long axis is the greatest distance of two border points, the short axis the longest chord perpendicular to
    it (RECIST 1.1; Fleischner 2017 measures both in one plane). The border is interpolated between pixels.
    """
    contours = find_contours(np.pad(occupancy.astype(np.float64), 1), 0.5)
    scale = np.array(spacing_ji_mm)
    border_mm = max(((c - 1) * scale for c in contours), key=_polygon_area)
    squared: FloatArray = ((border_mm[:, None, :] - border_mm[None, :, :]) ** 2).sum(axis=2)
    a, b = np.unravel_index(int(squared.argmax()), squared.shape)
    long_mm = border_mm[[a, b]]
    return long_mm / scale, _longest_perpendicular_chord(border_mm, long_mm) / scale


@dataclass(frozen=True, slots=True)
class _Identity:
    label: str
    seed: str


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The surroundings of one candidate on the fine grid, whose voxel [0, 0, 0] is source voxel `offset`.

    `hu` and `allowed` (where nodule tissue may lie) are [k, j, i]; each source voxel has `steps` fine voxels per
    axis. `centre_mm` is the candidate's centre in mm from fine voxel 0.
    """

    hu: Float32Array
    allowed: BoolArray
    offset: tuple[int, int, int]
    steps: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    centre_mm: FloatArray
    radius_mm: float

    def from_centre_mm(self) -> FloatArray:
        """Distance of each fine voxel from the centre, in mm."""
        axes = (
            (np.arange(n) * s - c) ** 2 for n, s, c in zip(self.hu.shape, self.spacing_mm, self.centre_mm, strict=True)
        )
        k, j, i = axes
        distance: FloatArray = np.sqrt(k[:, None, None] + j[None, :, None] + i[None, None, :])
        return distance


@dataclass(frozen=True, slots=True)
class _Levels:
    """Attenuation of the lung around a nodule and of its outer part, in HU."""

    lung_hu: float
    tissue_hu: float

    @property
    def border_hu(self) -> float:
        return (self.lung_hu + self.tissue_hu) / 2


@dataclass(frozen=True, slots=True, eq=False)
class _Extent:
    """Fine voxels of a nodule (`inside`) and how far each one is filled (`occupancy`, about 0 to 1)."""

    inside: BoolArray
    occupancy: Float32Array
    delineation: Delineation


def _characterise_one(
    volume: Volume, lungs: LungMask, candidate: Candidate, policy: NodulePolicy, identity: _Identity
) -> Nodule:
    window = _centred(_window(volume, lungs, candidate, policy), policy)
    extent = _delineate(window, policy)
    mask = _source_mask(window, extent, volume.grid)
    hu = volume.hu[mask.slices][mask.voxels]
    centre = _centre(mask)
    fine_voxel_mm3 = volume.grid.voxel_volume_mm3 / math.prod(window.steps)
    return Nodule(
        tracking_uid=tracking_uid(identity.seed, volume.grid, candidate.centre),
        label=identity.label,
        centre=centre,
        mask=mask,
        diameters=_diameters(window, extent, volume.grid),
        volume_mm3=max(float(extent.occupancy.sum(dtype=np.float64)), 1.0) * fine_voxel_mm3,
        mean_hu=float(hu.mean()),
        composition=_composition(window, extent, policy),
        side=_side(lungs, centre),
        score=candidate.score,
        delineation=extent.delineation,
    )


# -- the window ------------------------------------------------------------------------------------------------


def _window(volume: Volume, lungs: LungMask, candidate: Candidate, policy: NodulePolicy) -> _Window:
    spacing = np.array(volume.grid.spacing_kji_mm)
    centre = np.array(index_of(volume.grid, candidate.centre))
    radius_mm = candidate.diameter_mm / 2
    reach = (policy.leak_radius_factor * radius_mm + policy.surround_mm) / spacing
    last = np.array(volume.grid.shape) - 1
    low = np.clip(np.floor(centre - reach), 0, last).astype(int)
    high = np.clip(np.ceil(centre + reach), 0, last).astype(int) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    fine_mm = float(np.clip(candidate.diameter_mm / policy.fine_steps_per_diameter, *policy.fine_spacing_range_mm))
    steps = np.maximum(np.rint(spacing / fine_mm), 1).astype(int)
    return _Window(
        hu=_refined(volume.hu[box].astype(np.float32), steps),
        allowed=_refined((lungs.labels[box] > 0).astype(np.float32), steps) >= 0.5,
        offset=(int(low[0]), int(low[1]), int(low[2])),
        steps=(int(steps[0]), int(steps[1]), int(steps[2])),
        spacing_mm=_triple(spacing / steps),
        centre_mm=(centre - low) * spacing,
        radius_mm=radius_mm,
    )


def _refined(array: Float32Array, steps: npt.NDArray[np.int_]) -> Float32Array:
    """The array linearly interpolated to `steps` fine voxels per voxel and axis; voxel n becomes n × steps."""
    for axis, count in enumerate(steps):
        fine = np.arange((array.shape[axis] - 1) * count + 1)
        below = np.take(array, fine // count, axis=axis)
        above = np.take(array, np.minimum(fine // count + 1, array.shape[axis] - 1), axis=axis)
        shape = [1, 1, 1]
        shape[axis] = -1
        weight = (fine % count / count).astype(np.float32).reshape(shape)
        array = below + weight * (above - below)
    return array


def _centred(window: _Window, policy: NodulePolicy) -> _Window:
    """The window with the wall bridged where the lungs miss the candidate, and its centre moved onto the tissue."""
    bridged = _replaced(window, allowed=_bridged_lungs(window, policy))
    return _replaced(bridged, centre_mm=_tissue_centre_mm(bridged, policy))


def _replaced(window: _Window, *, allowed: BoolArray | None = None, centre_mm: FloatArray | None = None) -> _Window:
    return _Window(
        hu=window.hu,
        allowed=window.allowed if allowed is None else allowed,
        offset=window.offset,
        steps=window.steps,
        spacing_mm=window.spacing_mm,
        centre_mm=window.centre_mm if centre_mm is None else centre_mm,
        radius_mm=window.radius_mm,
    )


def _bridged_lungs(window: _Window, policy: NodulePolicy) -> BoolArray:
    """Where nodule tissue may lie: the lungs, closed by a ball of the candidate's size where they miss most of it.

    When the closing does not reach the candidate either, the lung mask knows nothing here and everything is allowed.
    """
    inner = window.from_centre_mm() <= policy.inner_ball_fraction * window.radius_mm
    if not inner.any() or window.allowed[inner].mean() >= policy.min_lung_fraction:
        return window.allowed
    if not window.allowed.any():
        return np.ones_like(window.allowed)
    grown = ndimage.distance_transform_edt(~window.allowed, sampling=window.spacing_mm) <= window.radius_mm
    closed = (
        np.ones_like(grown)
        if grown.all()
        else (ndimage.distance_transform_edt(grown, sampling=window.spacing_mm) > window.radius_mm)
    )
    allowed: BoolArray = window.allowed | closed
    return allowed if allowed[inner].mean() >= policy.min_bridged_fraction else np.ones_like(allowed)


def _tissue_centre_mm(window: _Window, policy: NodulePolicy) -> FloatArray:
    """The candidate's centre after a few steps of mean shift towards soft tissue inside the lungs."""
    lung_hu = _lung_hu(window, policy)
    weight = np.where(window.allowed, np.clip(window.hu, lung_hu, policy.soft_tissue_hu) - lung_hu, 0.0)
    moved = window
    for _ in range(policy.centring_steps):
        from_centre = moved.from_centre_mm()
        local = weight * np.exp(-0.5 * (from_centre / (policy.centring_width * window.radius_mm)) ** 2)
        local[from_centre > window.radius_mm] = 0.0
        total = float(local.sum())
        if total <= 0:
            return moved.centre_mm
        moved = _replaced(moved, centre_mm=np.array(ndimage.center_of_mass(local)) * np.array(window.spacing_mm))
    return moved.centre_mm


# -- levels and extent -----------------------------------------------------------------------------------------


def _lung_hu(window: _Window, policy: NodulePolicy) -> float:
    """Attenuation of the aerated lung around the candidate; the policy's usual value where none is in the window."""
    around = window.allowed & (window.from_centre_mm() > window.radius_mm) & (window.hu < policy.aerated_below_hu)
    if np.count_nonzero(around) < policy.min_lung_voxels:
        return policy.usual_lung_hu
    return float(np.median(window.hu[around]))


def _delineate(window: _Window, policy: NodulePolicy) -> _Extent:
    """The extent by threshold, else the ball cut by the threshold, else the candidate's ball."""
    lung_hu = _lung_hu(window, policy)
    inner = window.allowed & (window.from_centre_mm() <= policy.inner_ball_fraction * window.radius_mm)
    if not inner.any():
        return _ball(window)
    levels = _Levels(lung_hu, float(np.percentile(window.hu[inner], policy.inner_percentile)))
    found: tuple[BoolArray, Delineation] | None = None
    for _ in range(policy.level_steps):
        if levels.tissue_hu - levels.lung_hu < policy.min_contrast_hu:
            return _ball(window)
        found = _region(window, levels, policy)
        if found is None:
            return _ball(window)
        levels = _Levels(lung_hu, _rim_hu(window, found[0], policy))
    if found is None:
        return _ball(window)
    inside, delineation = found
    return _Extent(inside, _occupancy(window, inside, levels, policy), delineation)


def _region(window: _Window, levels: _Levels, policy: NodulePolicy) -> tuple[BoolArray, Delineation] | None:
    """The connected tissue at the centre without its vessels; None when there is none."""
    from_centre = window.from_centre_mm()
    limit_mm = policy.leak_radius_factor * window.radius_mm
    tissue = (_denoised(window, levels, policy) >= levels.border_hu) & window.allowed
    whole = _component_at_centre(tissue & (from_centre <= limit_mm), from_centre)
    if whole is None:
        return None
    shell = (from_centre > policy.leak_shell * limit_mm) & (from_centre <= limit_mm)
    for fraction in policy.opening_fractions:
        opened = _opened(whole, from_centre, fraction, window)
        if np.count_nonzero(opened & shell) <= policy.max_leak * np.count_nonzero(shell):
            return ndimage.binary_fill_holes(opened), Delineation.SEGMENTED
    clipped = _component_at_centre(tissue & (from_centre <= window.radius_mm), from_centre)
    return None if clipped is None else (ndimage.binary_fill_holes(clipped), Delineation.CLIPPED)


def _denoised(window: _Window, levels: _Levels, policy: NodulePolicy) -> Float32Array:
    """Attenuation for the threshold: smoothed where the contrast is that of ground glass, whose noise is as large."""
    if levels.tissue_hu - levels.lung_hu >= policy.faint_contrast_hu:
        return window.hu
    sigma = [policy.faint_smoothing_mm / s for s in window.spacing_mm]
    smooth: Float32Array = ndimage.gaussian_filter(window.hu, sigma)
    return smooth


def _component_at_centre(tissue: BoolArray, from_centre_mm: FloatArray) -> BoolArray | None:
    labels, count = ndimage.label(tissue)
    if count == 0:
        return None
    nearest = int(np.where(tissue, from_centre_mm, np.inf).argmin())
    component: BoolArray = labels == labels.flat[nearest]
    return component


def _opened(whole: BoolArray, from_centre_mm: FloatArray, fraction: float, window: _Window) -> BoolArray:
    """`whole` without parts thinner than `fraction` of its inscribed ball, and the pieces these parts held."""
    depth = _depth_mm(whole, window.spacing_mm)
    near = np.where(from_centre_mm <= window.radius_mm, depth, 0.0)
    deepest = int(near.argmax())
    reach_mm = fraction * float(near.flat[deepest])
    core_labels, _ = ndimage.label(depth > reach_mm)
    core = core_labels == core_labels.flat[deepest]
    slack_mm = 0.5 * max(window.spacing_mm)
    opened: BoolArray = whole & (
        ndimage.distance_transform_edt(~core, sampling=window.spacing_mm) <= reach_mm + slack_mm
    )
    return opened


def _depth_mm(inside: BoolArray, sampling: tuple[float, float, float]) -> FloatArray:
    """Distance of each voxel inside to the nearest outside; voxels beyond the window count as outside."""
    depth: FloatArray = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    return depth


def _rim_hu(window: _Window, inside: BoolArray, policy: NodulePolicy) -> float:
    """Median attenuation between the border, which is blurred, and the centre, which may differ in kind."""
    depth = _depth_mm(inside, window.spacing_mm)
    low, high = policy.rim_depth_range
    deepest = float(depth.max())
    rim = (depth >= low * deepest) & (depth <= high * deepest)
    return float(np.median(window.hu[rim])) if rim.any() else float(np.percentile(window.hu[inside], 75))


def _occupancy(window: _Window, inside: BoolArray, levels: _Levels, policy: NodulePolicy) -> Float32Array:
    """The part of each fine voxel that is nodule: by attenuation in the blurred border, else 0 or 1.

    Border voxels outside that are nearer to other tissue, or to what is not lung, belong to that.
    """
    per_source_voxel = _triple(1 / np.array(window.steps, dtype=np.float64))
    depth = _depth_mm(inside, per_source_voxel)
    outside: FloatArray = ndimage.distance_transform_edt(~inside, sampling=per_source_voxel)
    other = ~inside & ((window.hu >= levels.border_hu) | ~window.allowed)
    to_other: FloatArray = (
        ndimage.distance_transform_edt(~other, sampling=per_source_voxel)
        if other.any()
        else np.full(inside.shape, np.inf)
    )
    filled = np.clip((window.hu - levels.lung_hu) / (levels.tissue_hu - levels.lung_hu), *policy.border_fill_range)
    border = (depth <= policy.border_voxels) & (outside <= policy.border_voxels) & (inside | (outside < to_other))
    occupancy = np.where(border, filled, inside.astype(np.float32)).astype(np.float32)
    return np.where(ndimage.binary_erosion(inside), np.maximum(occupancy, 0.5), occupancy).astype(np.float32)


def _ball(window: _Window) -> _Extent:
    """The candidate's ball, centred on the nearest source slice so that this slice shows it."""
    step_mm = window.steps[0] * window.spacing_mm[0]
    on_slice = np.array([round(window.centre_mm[0] / step_mm) * step_mm, window.centre_mm[1], window.centre_mm[2]])
    from_centre = _replaced(window, centre_mm=on_slice).from_centre_mm()
    occupancy = np.clip((window.radius_mm - from_centre) / window.spacing_mm[1] + 0.5, 0, 1).astype(np.float32)
    return _Extent(occupancy >= 0.5, occupancy, Delineation.BALL)


# -- measures --------------------------------------------------------------------------------------------------


def _source_mask(window: _Window, extent: _Extent, grid: Grid) -> NoduleMask:
    k, j, i = window.steps
    voxels = extent.inside[::k, ::j, ::i]
    low = [int(np.flatnonzero(voxels.any(axis=axes))[0]) for axes in ((1, 2), (0, 2), (0, 1))]
    high = [int(np.flatnonzero(voxels.any(axis=axes))[-1]) + 1 for axes in ((1, 2), (0, 2), (0, 1))]
    box = voxels[low[0] : high[0], low[1] : high[1], low[2] : high[2]].copy()
    offset = (window.offset[0] + low[0], window.offset[1] + low[1], window.offset[2] + low[2])
    return NoduleMask(box, offset, grid)


def _centre(mask: NoduleMask) -> PointLps:
    """The centroid of the mask, or its deepest voxel when the centroid is not in it (a bent or hollow nodule)."""
    centroid = ndimage.center_of_mass(mask.voxels)
    if not mask.voxels[tuple(round(v) for v in centroid)]:
        depth = _depth_mm(mask.voxels, mask.grid.spacing_kji_mm)
        centroid = np.unravel_index(int(depth.argmax()), depth.shape)
    k, j, i = (float(c) + o for c, o in zip(centroid, mask.offset, strict=True))
    return position_of(mask.grid, (k, j, i))


def _diameters(window: _Window, extent: _Extent, grid: Grid) -> Diameters:
    step_k, step_j, step_i = window.steps
    # the smoothing and the cuts decide what is inside; the attenuation only places the border between two voxels
    occupancy = np.where(extent.inside, np.maximum(extent.occupancy, 0.5001), np.minimum(extent.occupancy, 0.4999))
    planes = occupancy[::step_k]
    areas = np.where(extent.inside[::step_k].any(axis=(1, 2)), planes.sum(axis=(1, 2)), -np.inf)
    k = int(areas.argmax())
    long_ji, short_ji = axial_diameters(planes[k], (window.spacing_mm[1], window.spacing_mm[2]))
    slice_k = window.offset[0] + k

    def axis(ends_ji: FloatArray) -> AxialAxis:
        start, end = (
            position_of(grid, (slice_k, window.offset[1] + j / step_j, window.offset[2] + i / step_i))
            for j, i in ends_ji
        )
        return AxialAxis(start, end)

    return Diameters(axis(long_ji), axis(short_ji), slice_k)


def _polygon_area(points: FloatArray) -> float:
    """Area of a closed polygon [n, 2] (shoelace formula)."""
    y, x = points[:, 0], points[:, 1]
    return abs(float(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1)))) / 2


def _longest_perpendicular_chord(border_mm: FloatArray, long_mm: FloatArray) -> FloatArray:
    """End points [2, 2] of the longest chord inside the closed polygon `border_mm` [n, 2] across the long axis."""
    along = (long_mm[1] - long_mm[0]) / np.linalg.norm(long_mm[1] - long_mm[0])
    across = np.array([-along[1], along[0]])
    u, v = (border_mm - long_mm[0]) @ along, (border_mm - long_mm[0]) @ across
    length_mm = float(np.linalg.norm(long_mm[1] - long_mm[0]))
    best = (-1.0, 0.0, 0.0, 0.0)
    for at in np.linspace(0, length_mm, 2 * math.ceil(length_mm / 0.1) + 2)[1:-1]:
        crossings = _crossings(u, v, float(at))
        chords = crossings[1::2] - crossings[0::2]
        widest = int(chords.argmax())
        best = max(best, (float(chords[widest]), float(at), crossings[2 * widest], crossings[2 * widest + 1]))
    _, at, start, end = best
    return np.array([long_mm[0] + at * along + start * across, long_mm[0] + at * along + end * across])


def _crossings(u: FloatArray, v: FloatArray, at: float) -> FloatArray:
    """Sorted v where the closed polygon (u, v) crosses the line u = at; their number is even."""
    next_u, next_v = np.roll(u, -1), np.roll(v, -1)
    crossing = (u < at) != (next_u < at)
    share = (at - u[crossing]) / (next_u[crossing] - u[crossing])
    return np.sort(v[crossing] + share * (next_v[crossing] - v[crossing]))


def _composition(window: _Window, extent: _Extent, policy: NodulePolicy) -> Composition:
    """Attenuation type from the voxels away from the blurred border."""
    hu = window.hu[_interior(window, extent)]
    solid_share = float((hu >= policy.solid_from_hu).mean())
    if float((hu >= policy.calcified_from_hu).mean()) >= policy.calcified_share:
        return Composition.CALCIFIED
    low, high = policy.fat_range_hu
    if float(((hu >= low) & (hu <= high)).mean()) >= policy.fat_share:
        return Composition.FAT
    if solid_share >= policy.solid_share:
        return Composition.SOLID
    return Composition.PART_SOLID if solid_share >= policy.part_solid_share else Composition.GROUND_GLASS


def _interior(window: _Window, extent: _Extent) -> BoolArray:
    """Voxels at least one source voxel inside the border; the deepest quarter where the nodule is too thin for that."""
    depth = _depth_mm(extent.inside, _triple(1 / np.array(window.steps, dtype=np.float64)))
    interior: BoolArray = depth >= min(1.0 + 1e-6, float(np.quantile(depth[extent.inside], 0.75)))
    return interior


def _side(lungs: LungMask, centre: PointLps) -> Side:
    """The lung whose nearest voxel is closest to the nodule's centre."""
    indices = np.array(index_of(lungs.grid, centre))
    label = _label_near(lungs.labels, lungs.grid, indices)
    return Side.LEFT if label == LungMask.LEFT else Side.RIGHT


def _label_near(labels: UInt8Array, grid: Grid, index_kji: FloatArray) -> int:
    spacing = np.array(grid.spacing_kji_mm)
    for reach_mm in (5.0, 20.0, math.inf):
        reach = np.minimum(reach_mm / spacing, np.array(grid.shape, dtype=np.float64))
        low = np.maximum(np.floor(index_kji - reach), 0).astype(int)
        high = np.maximum(np.ceil(index_kji + reach).astype(int) + 1, low)
        box = labels[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        where = np.argwhere(box)
        if len(where):
            nearest = (((where + low - index_kji) * spacing) ** 2).sum(axis=1).argmin()
            return int(box[tuple(where[nearest])])
    raise AssertionError("a lung mask is never empty")


def _overlap(a: NoduleMask, b: NoduleMask) -> float:
    """Shared voxels as a part of the smaller mask."""
    low = [max(x, y) for x, y in zip(a.offset, b.offset, strict=True)]
    high = [min(x + n, y + m) for x, n, y, m in zip(a.offset, a.voxels.shape, b.offset, b.voxels.shape, strict=True)]
    if any(h <= o for o, h in zip(low, high, strict=True)):
        return 0.0
    boxes = [
        mask.voxels[tuple(slice(first - o, end - o) for first, end, o in zip(low, high, mask.offset, strict=True))]
        for mask in (a, b)
    ]
    return int(np.count_nonzero(boxes[0] & boxes[1])) / min(a.voxel_count, b.voxel_count)


def _triple(values: FloatArray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
