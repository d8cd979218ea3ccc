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

    @property
    def source_voxel(self) -> tuple[float, float, float]:
        """Size of a fine voxel in source voxels."""
        return 1 / self.steps[0], 1 / self.steps[1], 1 / self.steps[2]

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


def _tissue_centre_mm(window: _Window, policy: NodulePolicy) -> FloatArray:
    """The candidate's centre after a few steps of mean shift towards soft tissue inside the lungs."""
    lung_hu = _lung_hu(window, policy)
    weight = np.where(window.allowed, np.clip(window.hu, lung_hu, policy.densest_border_hu) - lung_hu, 0.0)
    reach_mm = window.radius_mm + policy.centring_slack_mm
    moved = window
    for _ in range(policy.centring_steps):
        from_centre = moved.from_centre_mm()
        local = weight * np.exp(-0.5 * (from_centre / (policy.centring_width * reach_mm)) ** 2)
        local[from_centre > reach_mm] = 0.0
        if float(local.sum()) <= 0:
            return moved.centre_mm
        moved = _replaced(moved, centre_mm=np.array(ndimage.center_of_mass(local)) * np.array(window.spacing_mm))
    return moved.centre_mm


# -- levels and extent -----------------------------------------------------------------------------------------


def _lung_hu(window: _Window, policy: NodulePolicy) -> float:
    """Attenuation of the aerated lung around the candidate; the policy's usual value where none is in the window."""
    around = window.hu[_aerated(window, policy)]
    return float(np.median(around)) if len(around) >= policy.min_lung_voxels else policy.usual_lung_hu


def _aerated(window: _Window, policy: NodulePolicy) -> BoolArray:
    aerated: BoolArray = window.allowed & (window.hu < policy.aerated_below_hu)
    return aerated & (window.from_centre_mm() > window.radius_mm)


def _delineate(window: _Window, policy: NodulePolicy) -> _Extent:
    """The extent by threshold, else the ball cut by the threshold, else the candidate's ball.

    A second threshold, from the tissue that the first found, is dropped where it leaks and the first did not.
    """
    lung_hu = _lung_hu(window, policy)
    inner = window.allowed & (window.from_centre_mm() <= policy.inner_ball_fraction * window.radius_mm)
    if not inner.any():
        return _ball(window)
    levels = _Levels(lung_hu, float(np.percentile(window.hu[inner], policy.inner_percentile)))
    extent: _Extent | None = None
    for _ in range(policy.level_steps):
        if levels.tissue_hu - levels.lung_hu < policy.min_contrast_hu:
            return _ball(window)
        smooth_hu = _denoised(window, levels, policy)
        region = _region(window, smooth_hu, levels, policy)
        if region is None:
            return _ball(window)
        if extent is not None and _is_worse(region[1], extent.delineation):
            break
        border_tissue_hu = _border_tissue_hu(window, region[0], lung_hu, policy)
        levels = _Levels(lung_hu, max(border_tissue_hu, lung_hu + policy.min_contrast_hu))
        extent = _Extent(region[0], _occupancy(window, region[0], levels, policy), region[1])
    return _ball(window) if extent is None else extent


def _is_worse(a: Delineation, b: Delineation) -> bool:
    order = list(Delineation)
    return order.index(a) > order.index(b)


def _region(
    window: _Window, smooth_hu: Float32Array, levels: _Levels, policy: NodulePolicy
) -> tuple[BoolArray, Delineation] | None:
    """The connected tissue at the centre without its vessels, and how it was found; None when there is none."""
    from_centre = window.from_centre_mm()
    limit_mm = policy.leak_radius_factor * window.radius_mm + policy.centring_slack_mm
    tissue = (smooth_hu >= levels.border_hu) & window.allowed
    whole = _component_at_centre(tissue & (from_centre <= limit_mm), from_centre)
    if whole is None:
        return None
    shell = (from_centre > policy.leak_shell * limit_mm) & (from_centre <= limit_mm)
    filled = _filled(whole)
    for opening in policy.openings:
        opened = _opened(filled, window, opening)
        if np.count_nonzero(opened & shell) <= policy.max_leak * np.count_nonzero(shell):
            was_cut = _cut_share(opened, smooth_hu >= levels.border_hu) > policy.max_cut_share
            return opened, Delineation.CLIPPED if was_cut else Delineation.SEGMENTED
    clipped = _component_at_centre(tissue & (from_centre <= window.radius_mm), from_centre)
    return None if clipped is None else (_filled(clipped), Delineation.CLIPPED)


def _cut_share(inside: BoolArray, dense: BoolArray) -> float:
    """The part of a region's surface that borders on dense tissue, where the border was cut and not seen."""
    box = _box_around(inside, 1)
    surface = ndimage.binary_dilation(inside[box]) & ~inside[box]
    return float(dense[box][surface].mean()) if surface.any() else 1.0


def _denoised(window: _Window, levels: _Levels, policy: NodulePolicy) -> Float32Array:
    """Attenuation for the threshold: smoothed where the contrast is not many times the noise.

    The noise is taken from neighbouring pixels of aerated lung (median absolute difference × 1.4826 / √2).
    """
    rows = window.hu[:: window.steps[0], :: window.steps[1], :: window.steps[2]]
    aerated = _aerated(window, policy)[:: window.steps[0], :: window.steps[1], :: window.steps[2]]
    differences = np.diff(rows, axis=1)[aerated[:, 1:] & aerated[:, :-1]]
    noise_hu = 1.4826 / math.sqrt(2) * float(np.median(np.abs(differences))) if len(differences) else 0.0
    if levels.tissue_hu - levels.lung_hu >= policy.clear_contrast_to_noise * noise_hu:
        return window.hu
    width_mm = float(np.clip(policy.smoothing_per_radius * window.radius_mm, *policy.smoothing_range_mm))
    smooth: Float32Array = ndimage.gaussian_filter(window.hu, [width_mm / s for s in window.spacing_mm], truncate=2.5)
    return smooth


def _component_at_centre(tissue: BoolArray, from_centre_mm: FloatArray) -> BoolArray | None:
    labels, count = ndimage.label(tissue)
    if count == 0:
        return None
    nearest = int(np.where(tissue, from_centre_mm, np.inf).argmin())
    component: BoolArray = labels == labels.flat[nearest]
    return component


def _filled(inside: BoolArray) -> BoolArray:
    """The region with its holes and cavities: what is enclosed in space or within an axial slice."""
    filled = inside.copy()
    box = _box_around(inside, 0)
    connected_in_slice = ndimage.generate_binary_structure(3, 1)
    connected_in_slice[[0, 2]] = False
    for structure in (ndimage.generate_binary_structure(3, 1), connected_in_slice):
        pads = ((1, 1) if structure[0].any() else (0, 0), (1, 1), (1, 1))
        outside, _ = ndimage.label(np.pad(~filled[box], pads, constant_values=True), structure)
        beyond = np.unique(outside[:, 0, 0])
        within = outside[1:-1, 1:-1, 1:-1] if structure[0].any() else outside[:, 1:-1, 1:-1]
        filled[box] = ~np.isin(within, beyond[beyond > 0])
    return filled


def _box_around(inside: BoolArray, margin: int) -> tuple[slice, slice, slice]:
    """The bounding box of a region with `margin` voxels around it, within the array."""
    bounds = []
    for axis in range(3):
        hit = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        bounds.append(slice(max(int(hit[0]) - margin, 0), int(hit[-1]) + 1 + margin))
    return bounds[0], bounds[1], bounds[2]


def _opened(whole: BoolArray, window: _Window, opening: tuple[float, float]) -> BoolArray:
    """`whole` without the parts thinner than a ball, and without the pieces that these parts held.

    `opening` is the ball's radius as a part of the inscribed ball near the centre, and its upper bound in mm.
    """
    fraction, at_most_mm = opening
    box = _box_around(whole, 1)
    part = whole[box]
    depth = _depth(part, window.spacing_mm)
    near = np.where(window.from_centre_mm()[box] <= window.radius_mm, depth, 0.0)
    deepest = int((near if near.any() else depth).argmax())
    reach_mm = min(fraction * float(depth.flat[deepest]), at_most_mm)
    cores, _ = ndimage.label(depth > reach_mm)
    core = cores == cores.flat[deepest]
    slack_mm = max(window.spacing_mm)
    opened = np.zeros_like(whole)
    opened[box] = part & (ndimage.distance_transform_edt(~core, sampling=window.spacing_mm) <= reach_mm + slack_mm)
    return opened


def _depth(inside: BoolArray, sampling: tuple[float, float, float]) -> FloatArray:
    """Distance of each voxel inside to the nearest outside; voxels beyond the array count as outside."""
    depth: FloatArray = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    return depth


def _border_tissue_hu(window: _Window, inside: BoolArray, lung_hu: float, policy: NodulePolicy) -> float:
    """Attenuation of the nodule's outermost tissue: of a ground-glass halo outside `inside`, else of its rim."""
    rim_hu = _rim_hu(window, inside, policy)
    box = _box_around(inside, math.ceil(policy.halo_voxels[1]) * max(window.steps))
    outside: FloatArray = ndimage.distance_transform_edt(~inside[box], sampling=window.source_voxel)
    low, high = policy.halo_voxels
    lung = ndimage.binary_erosion(window.allowed[box], iterations=max(window.steps), border_value=1)
    around = window.hu[box][(outside >= low) & (outside <= high) & lung]
    if len(around) < policy.min_rim_voxels:
        return rim_hu
    halo_hu = float(np.median(around))
    return halo_hu if lung_hu + policy.halo_contrast_hu <= halo_hu <= rim_hu - policy.halo_contrast_hu else rim_hu


def _rim_hu(window: _Window, inside: BoolArray, policy: NodulePolicy) -> float:
    """Attenuation of the tissue behind the blurred border; of the densest part where the nodule is all border."""
    box = _box_around(inside, 0)
    depth, hu = _depth(inside[box], window.source_voxel), window.hu[box]
    low, high = policy.rim_depth_voxels
    rim = hu[(depth >= low) & (depth <= high)]
    level = (
        np.median(rim) if len(rim) >= policy.min_rim_voxels else np.percentile(hu[inside[box]], policy.peak_percentile)
    )
    return min(float(level), policy.densest_border_hu)


def _occupancy(window: _Window, inside: BoolArray, levels: _Levels, policy: NodulePolicy) -> Float32Array:
    """The part of each fine voxel that is nodule: by attenuation in the blurred border, else 0 or 1.

    Border voxels outside that are nearer to other tissue, or to what is not lung, belong to that.
    """
    box = _box_around(inside, 2 * max(window.steps))
    part, hu = inside[box], window.hu[box]
    outside: FloatArray = ndimage.distance_transform_edt(~part, sampling=window.source_voxel)
    other = (outside > policy.other_tissue_voxels) & (hu >= levels.border_hu) | ~window.allowed[box] & ~part
    border = (_depth(part, window.source_voxel) <= policy.border_voxels) & (outside <= policy.border_voxels)
    if other.any():
        to_other = ndimage.distance_transform_edt(~other, sampling=window.source_voxel)
        border &= part | (outside < to_other)
    fill = np.clip((hu - levels.lung_hu) / (levels.tissue_hu - levels.lung_hu), *policy.border_fill_range)
    occupancy = np.zeros(inside.shape, dtype=np.float32)
    occupancy[box] = np.where(border, fill, part)
    return occupancy


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
        depth = _depth(mask.voxels, mask.grid.spacing_kji_mm)
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
    """Attenuation type from the voxels away from the blurred border.

    Fat is only told where there are such voxels: in a thin nodule, blurred soft tissue has the same attenuation.
    """
    box = _box_around(extent.inside, 0)
    depth, hu = _depth(extent.inside[box], window.source_voxel), window.hu[box]
    interior = hu[depth > policy.interior_voxels]
    enough = policy.min_interior_voxels * math.prod(window.steps)
    if len(interior) < enough:
        interior = hu[depth >= np.quantile(depth[depth > 0], policy.thin_core_quantile)]
    if _share(interior, policy.calcified_from_hu, math.inf) >= policy.calcified_share:
        return Composition.CALCIFIED
    deep = hu[depth > policy.fat_depth_voxels]
    if len(deep) >= enough and _share(deep, *policy.fat_range_hu) >= policy.fat_share:
        return Composition.FAT
    solid_share = _share(interior, policy.solid_from_hu, math.inf)
    if solid_share >= policy.solid_share:
        return Composition.SOLID
    return Composition.PART_SOLID if solid_share >= policy.part_solid_share else Composition.GROUND_GLASS


def _share(hu: Float32Array, low: float, high: float) -> float:
    return float(((hu >= low) & (hu <= high)).mean())


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
