"""Where the lungs are: a CT volume → left and right lung, by thresholds and mathematical morphology.

The work is done on a reduced copy of the volume (block means, about 2 mm), where noise is low and three-dimensional
distances are cheap; the border is then taken from the full resolution. The order of the steps:

1. air inside the body = below an adaptive threshold, without the air outside the patient (also when the field of
   view is cropped so tightly that the lungs touch the image border);
2. trachea and main bronchi are grown from the longest tube of gas and taken out;
3. what remains and looks like parenchyma (not gas, with vessels) is lung;
4. the lungs are parted into right and left, also where they touch;
5. vessels, nodules and nodules on the pleura are filled in, within a radius.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from cad.domain import BoolArray, Caution, Float32Array, Int16Array, LungMask, UInt8Array, Volume
from cad.errors import Reason, Refusal
from cad.policy import LungPolicy

AIR_HU = -1000
"""Attenuation of air by definition of the Hounsfield scale."""

PADDING_BELOW_HU = -1500
"""No tissue, gas or noise at working resolution is darker; only what the scanner writes outside its field is."""

Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedLungs:
    """The lungs of one volume, and what a reader should know about them."""

    lungs: LungMask
    cautions: tuple[Caution, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Reduced:
    """A copy of the volume made of block means.

    `hu` float32 and `padding` bool (outside the scanner's field) are [k, j, i]; `factors` is the size of a block.
    """

    hu: Float32Array
    padding: BoolArray
    spacing_mm: Spacing
    factors: tuple[int, int, int]

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.spacing_mm)) / 1000.0


def segment_lungs(volume: Volume, policy: LungPolicy) -> SegmentedLungs:
    """Right and left lung of a CT volume in canonical orientation.

    Juxtapleural nodules, vessels and nodules inside are part of the lungs; trachea, main bronchi, hilar vessels,
    mediastinum and gas of the bowel are not. A lung that is out of view is absent.

    Raises Refusal NO_LUNGS_IN_VIEW when nothing in the volume looks like a lung.
    """
    reduced = _reduced(volume, policy.working_spacing_mm)
    threshold_hu = _air_threshold_hu(reduced.hu, policy)
    air = reduced.hu < threshold_hu
    air &= ~_outside_air(reduced, air, policy)
    airway = _airway(reduced, air, policy)
    aerated = _lung_components(reduced, air & ~airway, policy)
    labels = _sides(reduced, aerated, airway, policy)
    filled = _filled(reduced, labels, airway, policy)
    full = _at_full_resolution(volume, reduced, (labels, filled, airway), threshold_hu)
    lungs = LungMask(full, volume.grid)
    return SegmentedLungs(lungs, ())


# ---------------------------------------------------------------------------------------------- reduced copy


def _reduced(volume: Volume, target_mm: float) -> _Reduced:
    spacing = volume.grid.spacing_kji_mm
    k, j, i = (max(1, round(target_mm / s)) for s in spacing)
    depth = -(-volume.hu.shape[0] // k)
    slabs = [volume.hu[n * k : (n + 1) * k] for n in range(depth)]
    hu = np.stack([_block_mean(np.maximum(slab, AIR_HU), j, i) for slab in slabs])
    padding = np.stack([_block_mean(slab < PADDING_BELOW_HU, j, i) > 0.5 for slab in slabs])
    return _Reduced(hu, padding, (spacing[0] * k, spacing[1] * j, spacing[2] * i), (k, j, i))


def _block_mean(slab: Int16Array | BoolArray, j: int, i: int) -> Float32Array:
    """Mean [rows, columns] of a slab over its slices and over blocks of j × i voxels."""
    flat = slab.mean(axis=0, dtype=np.float32)
    rows, columns = -(-flat.shape[0] // j), -(-flat.shape[1] // i)
    padded = np.pad(flat, ((0, rows * j - flat.shape[0]), (0, columns * i - flat.shape[1])), mode="edge")
    mean: Float32Array = padded.reshape(rows, j, columns, i).mean(axis=(1, 3), dtype=np.float32)
    return mean


# ---------------------------------------------------------------------------------------------- air


def _air_threshold_hu(hu: Float32Array, policy: LungPolicy) -> float:
    """The mean of the means of air and body, iterated until it stands still (Hu et al., IEEE TMI 2001, eq. 1)."""
    low, high = policy.air_threshold_range_hu
    threshold = (low + high) / 2
    sample = hu[(hu > AIR_HU + 1) & (hu < 300)]
    for _ in range(20):
        dark, bright = sample[sample < threshold], sample[sample >= threshold]
        if dark.size == 0 or bright.size == 0:
            break
        moved = (float(dark.mean()) + float(bright.mean())) / 2
        if abs(moved - threshold) < 1:
            break
        threshold = moved
    return min(max(threshold, low), high)


def _outside_air(reduced: _Reduced, air: BoolArray, policy: LungPolicy) -> BoolArray:
    """Air around the patient: it reaches the side of the image and has no body on two opposite sides, or is padding.

    A lung that a tight field of view cuts at the side still has the chest wall before and behind it.
    """
    labels, count = ndimage.label(air & ~reduced.padding)
    rim = np.zeros(air.shape, dtype=np.bool_)
    rim[:, [0, -1], :] = True
    rim[:, :, [0, -1]] = True
    enclosed = ndimage.mean(_enclosed(_body(reduced, policy)), labels, np.arange(count + 1))
    outside = np.zeros(count + 1, dtype=np.bool_)
    touching = np.unique(labels[rim & (labels > 0)])
    outside[touching] = enclosed[touching] < policy.min_enclosed_fraction
    found: BoolArray = outside[labels] | reduced.padding
    return found


def _body(reduced: _Reduced, policy: LungPolicy) -> BoolArray:
    """Soft tissue and bone of the patient: the largest compact piece, so neither table nor clothes."""
    tissue = reduced.hu > policy.tissue_hu
    core: BoolArray = ndimage.binary_erosion(tissue, np.ones((1, 3, 3), dtype=np.bool_), iterations=2, border_value=1)
    labels, count = ndimage.label(core)
    if count == 0:
        return core
    largest = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    body: BoolArray = largest
    return body


def _enclosed(body: BoolArray) -> BoolArray:
    """Where the body lies on two opposite sides within the axial slice."""
    enclosed = np.zeros(body.shape, dtype=np.bool_)
    for axis in (1, 2):
        before = np.logical_or.accumulate(body, axis=axis)
        behind = np.flip(np.logical_or.accumulate(np.flip(body, axis), axis=axis), axis)
        enclosed |= before & behind
    return enclosed


# ---------------------------------------------------------------------------------------------- airway


def _airway(reduced: _Reduced, air: BoolArray, policy: LungPolicy) -> BoolArray:
    """Trachea and main bronchi with their wall; empty when no windpipe is in view."""
    seed = _trachea(reduced, air, policy)
    if not seed.any():
        return seed
    limit = policy.max_airway_ml / reduced.voxel_ml
    grown = seed
    for threshold_hu in policy.airway_thresholds_hu:
        lumen, _ = ndimage.label((reduced.hu < threshold_hu) & air | seed)
        reached = np.isin(lumen, np.unique(lumen[seed]))
        if np.count_nonzero(reached) > limit:
            break
        grown = reached
    return _distance_mm(grown, reduced.spacing_mm) <= policy.airway_wall_mm


def _trachea(reduced: _Reduced, air: BoolArray, policy: LungPolicy) -> BoolArray:
    """The longest stack of small round gas sections that follow each other from slice to slice."""
    best: list[tuple[int, BoolArray]] = []
    chain: list[tuple[int, BoolArray]] = []
    for k in range(air.shape[0] - 1, -1, -1):
        chain = _followed(chain, k, _round_sections(reduced, air, k, policy))
        if len(chain) > len(best):
            best = list(chain)
    seed = np.zeros(air.shape, dtype=np.bool_)
    if len(best) * reduced.spacing_mm[0] >= policy.min_trachea_mm:
        for k, section in best:
            seed[k] |= section
    return seed


def _followed(chain: list[tuple[int, BoolArray]], k: int, sections: list[BoolArray]) -> list[tuple[int, BoolArray]]:
    """The chain with the section of slice k that overlaps its end most, or a new chain from the largest section."""
    if not sections:
        return []
    if chain and chain[-1][0] == k + 1:
        overlaps = [np.count_nonzero(section & chain[-1][1]) for section in sections]
        if max(overlaps) > 0:
            return [*chain, (k, sections[int(np.argmax(overlaps))])]
    return [(k, max(sections, key=np.count_nonzero))]


def _round_sections(reduced: _Reduced, air: BoolArray, k: int, policy: LungPolicy) -> list[BoolArray]:
    """Gas sections of slice k with the area and roundness of a windpipe, clear of the image border."""
    labels, _ = ndimage.label(air[k] & (reduced.hu[k] < policy.tracheal_gas_hu))
    _, dj, di = reduced.spacing_mm
    low, high = policy.tracheal_area_mm2
    sections = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        height, width = ((s.stop - s.start) * d for s, d in zip(box, (dj, di), strict=True))
        if height * width > 4 * high or max(height, width) > 3 * min(height, width):
            continue
        section = labels == label
        area = np.count_nonzero(section) * dj * di
        if low <= area <= high and area > 0.5 * height * width and not _touches_rim(box, labels.shape):
            sections.append(section)
    return sections


def _touches_rim(box: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    return any(s.start == 0 or s.stop == n for s, n in zip(box, shape, strict=True))


# ---------------------------------------------------------------------------------------------- lungs


def _lung_components(reduced: _Reduced, air: BoolArray, policy: LungPolicy) -> BoolArray:
    """The parts of the air that look like parenchyma: large, denser than gas, and with vessels.

    Raises Refusal NO_LUNGS_IN_VIEW when there is none.
    """
    labels, count = ndimage.label(air)
    sizes_ml = np.bincount(labels.ravel(), minlength=count + 1) * reduced.voxel_ml
    sizes_ml[0] = 0
    lung = np.zeros(count + 1, dtype=np.bool_)
    for label in np.flatnonzero(sizes_ml >= policy.min_component_ml):
        lung[label] = _is_parenchyma(reduced, labels == label, policy)
    found: BoolArray = lung[labels]
    if sizes_ml[lung].sum() < policy.min_lungs_ml:
        raise Refusal(
            Reason.NO_LUNGS_IN_VIEW,
            f"{sizes_ml[lung].sum():.0f} ml of lung in view; at least {policy.min_lungs_ml:.0f} ml needed",
            lung_ml=round(float(sizes_ml[lung].sum()), 1),
            air_ml=round(float(sizes_ml.sum()), 1),
            needed_ml=policy.min_lungs_ml,
        )
    return found


def _is_parenchyma(reduced: _Reduced, component: BoolArray, policy: LungPolicy) -> bool:
    """Whether a space is lung: inside it is denser than gas and crossed by vessels, as no bowel or phantom is."""
    box = _box_of(component)
    part, hu = component[box], reduced.hu[box]
    inner = _closed(part, reduced.spacing_mm, policy.fill_radius_mm)
    inner = _distance_mm(~inner, reduced.spacing_mm) > policy.inner_margin_mm
    values = hu[inner]
    if values.size == 0:
        return False
    typical = float(np.median(values))
    vessels = float(np.mean(values > typical + policy.vessel_contrast_hu))
    return typical > policy.bowel_gas_hu and vessels >= policy.min_vessel_fraction


def _sides(reduced: _Reduced, aerated: BoolArray, airway: BoolArray, policy: LungPolicy) -> UInt8Array:
    """Labels [k, j, i] of the aerated lungs: 1 right, 2 left."""
    midline = _midline_i(aerated, airway)
    labels, count = ndimage.label(aerated)
    sides = np.zeros(aerated.shape, dtype=np.uint8)
    for label in range(1, count + 1):
        part = labels == label
        columns = np.flatnonzero(part.any(axis=(0, 1)))
        centre = float(np.mean(np.nonzero(part)[2]))
        margin = policy.crossing_mm / reduced.spacing_mm[2]
        if columns[0] < midline - margin and columns[-1] > midline + margin:
            sides[part] = _parted(reduced, part, midline)[part]
        else:
            sides[part] = LungMask.RIGHT if centre < midline else LungMask.LEFT
    return sides


def _parted(reduced: _Reduced, part: BoolArray, midline: float) -> UInt8Array:
    """A space that spans the midline, as the two lungs: grown from the depths of either side to where they meet."""
    depth = _distance_mm(~part, reduced.spacing_mm)
    markers = _side_markers(reduced, part, depth, midline)
    cost = sitk.GetImageFromArray((reduced.hu - 25 * depth).astype(np.float32))
    basins = sitk.MorphologicalWatershedFromMarkers(
        cost, sitk.GetImageFromArray(markers), markWatershedLine=False, fullyConnected=False
    )
    parted: UInt8Array = sitk.GetArrayFromImage(basins).astype(np.uint8)
    return parted


def _side_markers(reduced: _Reduced, part: BoolArray, depth: Float32Array, midline: float) -> UInt8Array:
    """The largest piece of either side, at the mildest thinning that disconnects them; else cut at the midline."""
    markers = np.zeros(part.shape, dtype=np.uint8)
    for depth_mm in (0.0, 3.0, 5.0, 7.0, 10.0, 15.0):
        for threshold_hu in (-600, -700, -800):
            labels, count = ndimage.label((depth > depth_mm) & (reduced.hu < threshold_hu))
            if count < 2:
                continue
            first, second = 1 + np.argsort(np.bincount(labels.ravel())[1:])[:-3:-1]
            sizes = [np.count_nonzero(labels == label) for label in (first, second)]
            centres = [float(np.mean(np.nonzero(labels == label)[2])) for label in (first, second)]
            if sizes[1] > 0.1 * sizes[0] and min(centres) < midline < max(centres):
                right, left = (first, second) if centres[0] < centres[1] else (second, first)
                markers[labels == right] = LungMask.RIGHT
                markers[labels == left] = LungMask.LEFT
                return markers
    columns = np.arange(part.shape[2])
    markers[part & (columns < midline)] = LungMask.RIGHT
    markers[part & (columns >= midline)] = LungMask.LEFT
    return markers


def _midline_i(aerated: BoolArray, airway: BoolArray) -> float:
    """Column of the middle of the patient: the windpipe's, else the spine's, else the middle of the lungs."""
    if airway.any():
        top = np.flatnonzero(airway.any(axis=(1, 2)))[-1]
        upper = airway[max(0, top - 10) : top + 1]
        return float(np.median(np.nonzero(upper)[2]))
    columns = np.flatnonzero(aerated.any(axis=(0, 1)))
    return float(columns[0] + columns[-1]) / 2


# ---------------------------------------------------------------------------------------------- filling


def _filled(reduced: _Reduced, labels: UInt8Array, airway: BoolArray, policy: LungPolicy) -> UInt8Array:
    """Each lung closed over vessels, nodules and nodules on the pleura, without reaching into the other."""
    filled = np.zeros_like(labels)
    for side in (LungMask.RIGHT, LungMask.LEFT):
        lung = labels == side
        if not lung.any():
            continue
        closed = _closed(lung, reduced.spacing_mm, policy.fill_radius_mm)
        closed = _without_holes(closed)
        filled[closed & (filled == 0) & ~airway & ((labels == 0) | lung)] = side
    return filled


def _closed(mask: BoolArray, spacing_mm: Spacing, radius_mm: float) -> BoolArray:
    """Closing with a ball; what lies beyond the border of the array counts as neither inside nor outside."""
    near = _distance_mm(mask, spacing_mm) <= radius_mm
    closed: BoolArray = (_distance_mm(~near, spacing_mm) > radius_mm) | mask
    return closed


def _without_holes(mask: BoolArray) -> BoolArray:
    """The mask with the holes of each axial slice filled."""
    filled: BoolArray = np.stack([ndimage.binary_fill_holes(plane) for plane in mask])
    return filled


def _distance_mm(mask: BoolArray, spacing_mm: Spacing) -> Float32Array:
    """Distance [k, j, i] in mm of every voxel centre to the nearest voxel of the mask; 0 inside, far when empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing_mm[::-1])
    distance = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    found: Float32Array = np.maximum(sitk.GetArrayViewFromImage(distance), 0)
    return found


def _box_of(mask: BoolArray) -> tuple[slice, slice, slice]:
    spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    k, j, i = (slice(int(s[0]), int(s[-1]) + 1) for s in spans)
    return k, j, i


# ---------------------------------------------------------------------------------------------- full resolution


def _at_full_resolution(
    volume: Volume,
    reduced: _Reduced,
    regions: tuple[UInt8Array, UInt8Array, BoolArray],
    threshold_hu: float,
) -> UInt8Array:
    """Labels on the volume's grid: air beside the aerated lung by threshold, what was filled in by interpolation."""
    aerated, filled, airway = regions
    k, j, i = reduced.factors
    full = np.zeros(volume.hu.shape, dtype=np.uint8)
    lung, block = filled > 0, np.ones((3, 3, 3), dtype=np.bool_)
    near = ndimage.grey_dilation(filled, footprint=block)
    near[lung] = filled[lung]
    near[airway] = 0
    sure = ndimage.binary_erosion(lung, block, border_value=1) | (
        lung & ndimage.binary_dilation(lung & (aerated == 0), block)
    )
    for n in range(near.shape[0]):
        rows = slice(n * k, (n + 1) * k)
        slab = volume.hu[rows]
        label, inner = (_repeated(plane, (j, i), slab.shape[1:]) for plane in (near[n], sure[n]))
        full[rows] = np.where((slab < threshold_hu) | inner.astype(np.bool_), label, 0)
    return full


def _repeated(plane: UInt8Array | BoolArray, factors: tuple[int, int], shape: tuple[int, ...]) -> UInt8Array:
    repeated = np.repeat(np.repeat(plane, factors[0], axis=0), factors[1], axis=1)
    return repeated[: shape[0], : shape[1]].astype(np.uint8)
