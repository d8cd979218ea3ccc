"""Where the lungs are: a CT volume → left and right lung, by thresholds and mathematical morphology.

The work is done on a reduced copy of the volume (block means, about 2 mm), where noise is low and three-dimensional
distances are cheap; the border is then taken from the full resolution. The order of the steps:

1. air inside the patient = below an adaptive threshold, without the air around the patient (also when the field of
   view is cropped so tightly that the lungs touch the image border);
2. the airways are grown from the longest stack of round gas sections and taken out;
3. what remains and looks like parenchyma (not gas, with vessels) is lung;
4. the lungs are parted into right and left, also where they touch;
5. vessels, nodules and masses on the pleura are filled in, and windpipe and main bronchi cut out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import watershed

from cad.domain import (
    BoolArray,
    Caution,
    Float32Array,
    FloatArray,
    Int16Array,
    LungMask,
    LungReader,
    Side,
    UInt8Array,
    Volume,
)
from cad.errors import Reason, Refusal
from cad.policy import LungPolicy
from cad.science.lungs.morphology import (
    FAR_MM,
    Spacing,
    block_sums,
    box_of,
    closed,
    closed_in_slices,
    connected_to,
    distance_mm,
    holes,
    without_holes,
)
from cad.science.lungs.second_opinion import Drawn, labels_on, reconciled

AIR_HU = -1000
"""Attenuation of air by definition of the Hounsfield scale."""

PADDING_HU = -1024
"""The lowest value of 12-bit CT, which also stands for pixels outside the scanner's field."""

BLOCK = np.ones((3, 3, 3), dtype=np.bool_)

_IN_SLICES = np.zeros((3, 3, 3), dtype=np.bool_)
_IN_SLICES[1] = ndimage.generate_binary_structure(2, 1)
"""Neighbours within an axial slice."""


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


@dataclass(frozen=True, slots=True, eq=False)
class _Airway:
    """Airways with their wall, [k, j, i]: `tree` as far as it can be followed, `main` windpipe and main bronchi."""

    tree: BoolArray
    main: BoolArray


@dataclass(frozen=True, slots=True)
class _Midline:
    """Column of the middle of the patient on the reduced copy, and whether anatomy shows it."""

    column: float
    is_seen: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Regions:
    """The result on the reduced copy: side labels [k, j, i] of what is aerated and of the whole lungs."""

    aerated: UInt8Array
    lungs: UInt8Array


def segment_lungs(volume: Volume, policy: LungPolicy, reader: LungReader | None = None) -> SegmentedLungs:
    """Right and left lung of a CT volume in canonical orientation; `reader` is the second opinion, where there is one.

    Juxtapleural nodules, vessels and nodules inside are part of the lungs; trachea, main bronchi, hilar vessels,
    mediastinum and gas of the bowel are not. A lung that is out of view is absent. Cautions say what may be wrong
    with the lungs: cut by the field of view, one only, unequal, dense, side uncertain.

    Raises Refusal NO_LUNGS_IN_VIEW when nothing in the volume looks like a lung.
    """
    reduced = _reduced(volume, policy.working_spacing_mm)
    threshold_hu = _air_threshold_hu(reduced.hu, policy)
    air = reduced.hu < threshold_hu
    air &= ~_outside_air(reduced, air, policy)
    airway = _airway(reduced, air, policy)
    expected = None if reader is None else labels_on(reader(volume), air.shape)
    try:
        aerated = _parenchyma(reduced, air & ~airway.tree, policy)
    except Refusal:
        if expected is None:
            raise
        aerated = _parenchyma(reduced, air & ~airway.tree & (expected > 0), policy)
    midline = _midline(reduced, aerated, airway, policy)
    sides = _sides(reduced, aerated, midline, policy)
    regions = _Regions(sides, _filled(reduced, sides, airway, midline, policy))
    doubts: tuple[Caution, ...] = ()
    if expected is not None:
        drawn = Drawn(
            reduced.hu, air, aerated=sides, lungs=regions.lungs, airway=airway.main, spacing_mm=reduced.spacing_mm
        )
        found = reconciled(drawn, expected, policy)
        regions, doubts = _Regions(found.aerated, found.lungs), found.cautions
        if not regions.lungs.any():
            raise Refusal(Reason.NO_LUNGS_IN_VIEW, "the air inside the patient does not lie where lungs lie")
    lungs = LungMask(_at_full_resolution(volume, reduced, regions, airway, threshold_hu), volume.grid)
    return SegmentedLungs(lungs, (*doubts, *_cautions(reduced, regions, midline, policy)))


# Reduced copy


def _reduced(volume: Volume, target_mm: float) -> _Reduced:
    spacing = volume.grid.spacing_kji_mm
    k, j, i = (max(1, round(target_mm / s)) for s in spacing)
    starts = range(0, volume.hu.shape[0], k)
    hu = np.stack([_block_mean(volume.hu[n : n + k], j, i) for n in starts])
    padding = connected_to(hu <= PADDING_HU, _rim(hu.shape))
    np.maximum(hu, AIR_HU, out=hu)
    return _Reduced(hu, padding, (spacing[0] * k, spacing[1] * j, spacing[2] * i), (k, j, i))


def _block_mean(slab: Int16Array, j: int, i: int) -> Float32Array:
    """Mean [rows, columns] of a slab over its slices and over blocks of j × i voxels, smaller ones at the end."""
    total = np.maximum(slab, PADDING_HU).sum(axis=0, dtype=np.int32)
    sums, areas = block_sums(total, j, i)
    mean: Float32Array = (sums / (slab.shape[0] * areas)).astype(np.float32)
    return mean


def _rim(shape: tuple[int, ...]) -> BoolArray:
    """The four sides of the image in every slice."""
    rim = np.zeros(shape, dtype=np.bool_)
    rim[:, [0, -1], :] = True
    rim[:, :, [0, -1]] = True
    return rim


# Air


def _air_threshold_hu(hu: Float32Array, policy: LungPolicy) -> float:
    """The mean of the means of air and body, iterated until it stands still (Hu et al., IEEE TMI 2001, eq. 1)."""
    low, high = policy.air_threshold_range_hu
    threshold = (low + high) / 2
    sample = hu[(hu > AIR_HU) & (hu < policy.bone_hu)]
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
    """Air around the patient, slice by slice: it has no body on two opposite sides, or is padding.

    Judged in each axial slice, so that room air which reaches the lungs through an open mouth, a stoma or a phantom's
    windpipe stays outside, and what lies in the foam of a couch as well, whatever it is connected to. A lung that the
    field of view cuts at the side still has the chest wall before and behind it. Where even that is cut off, density
    and vessels tell lung from free air, and a mattress lies behind the patient.
    """
    body = _body(reduced, policy)
    enclosed, space = _enclosed(body), air & ~reduced.padding
    whole, in_slices = ndimage.label(space)[0], ndimage.label(space, _IN_SLICES)[0]
    share, own = (_share_within(labels, enclosed) for labels in (whole, in_slices))
    at_rim = np.zeros(len(share), dtype=np.bool_)
    at_rim[whole[_rim(space.shape)]] = True
    # of what is enclosed, or ends within the image, only what is plainly open is taken away: the air in front of a
    # mouth, the foam of a couch
    is_open = at_rim & (share < policy.min_enclosed_fraction)
    limit = np.where(is_open[whole], policy.min_enclosed_fraction, policy.plainly_open)
    outside: BoolArray = space & (own[in_slices] < limit)
    return (outside & ~_cut_lungs(reduced, outside, body, policy)) | reduced.padding


def _share_within(labels: npt.NDArray[np.int32], mask: BoolArray) -> FloatArray:
    """Which share of each label [n] lies in the mask."""
    sizes = np.bincount(labels.ravel())
    share: FloatArray = np.bincount(labels[mask], minlength=len(sizes)) / np.maximum(1, sizes)
    return share


def _cut_lungs(reduced: _Reduced, outside: BoolArray, body: BoolArray, policy: LungPolicy) -> BoolArray:
    """What of the air without body on two sides is a lung that the field of view cuts, by density and vessels."""
    labels, count = ndimage.label(outside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    behind = np.bincount(labels[np.logical_or.accumulate(body, axis=1)], minlength=count + 1)
    across = np.intersect1d(labels[:, :, 0], labels[:, :, -1])  # from side to side, as no single lung reaches
    cut = np.zeros(count + 1, dtype=np.bool_)
    for label in np.unique(labels[_rim(outside.shape) & outside]):
        could_be = sizes[label] * reduced.voxel_ml >= policy.min_lungs_ml and behind[label] < sizes[label] / 2
        cut[label] = could_be and label not in across and _is_like_lung(reduced, labels == label, policy)
    found: BoolArray = cut[labels]
    return found


def _is_like_lung(reduced: _Reduced, component: BoolArray, policy: LungPolicy) -> bool:
    """Whether a space is denser than gas and has twice the vessels that lungs need at least."""
    if _core_hu(reduced.hu, component) <= policy.gas_hu:
        return False
    return _vessel_fraction(reduced, component, policy) >= 2 * policy.min_vessel_fraction


def _body(reduced: _Reduced, policy: LungPolicy) -> BoolArray:
    """Soft tissue and bone of the patient without the skin: the largest compact piece, so no table and no clothes, and
    others of a stated share of it that do not lie behind it; the wall of a thin chest is in several pieces."""
    core: BoolArray = ndimage.binary_erosion(reduced.hu > policy.tissue_hu, BLOCK[:1], iterations=2, border_value=1)
    labels, count = ndimage.label(core)
    if count == 0:
        return core
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    rows = np.bincount(labels.ravel(), np.broadcast_to(np.arange(core.shape[1])[:, None], core.shape).ravel())
    mean_row = rows / np.maximum(1, sizes)
    largest = int(np.argmax(sizes))
    back = float(np.percentile(np.nonzero(labels == largest)[1], 90))
    own = (sizes >= policy.body_piece_fraction * sizes[largest]) & (mean_row <= back)
    own[largest] = True
    body: BoolArray = own[labels]
    return body


def _enclosed(body: BoolArray) -> BoolArray:
    """Where the body lies on two opposite sides within the axial slice."""
    enclosed = np.zeros(body.shape, dtype=np.bool_)
    for axis in (1, 2):
        before = np.logical_or.accumulate(body, axis=axis)
        behind = np.flip(np.logical_or.accumulate(np.flip(body, axis), axis=axis), axis)
        enclosed |= before & behind
    return enclosed


# Airway


def _airway(reduced: _Reduced, air: BoolArray, policy: LungPolicy) -> _Airway:
    """The airways, grown from the windpipe until they would leak; empty when no windpipe is in view."""
    seed = _trachea(reduced, air, policy)
    if not seed.any():
        return _Airway(seed, seed)
    lumen = seed
    for threshold_hu in policy.airway_thresholds_hu:
        grown = connected_to(((reduced.hu < threshold_hu) & air) | seed, seed)
        if np.count_nonzero(grown) * reduced.voxel_ml > policy.max_airway_ml:
            break
        lumen = grown
    box = box_of(lumen, 2 * policy.main_airway_radius_mm, reduced.spacing_mm)
    tree, main = np.zeros_like(lumen), np.zeros_like(lumen)
    tree[box] = distance_mm(lumen[box], reduced.spacing_mm) <= policy.airway_wall_mm
    main[box] = _main_airway(lumen[box], seed[box], reduced.spacing_mm, policy)
    return _Airway(tree, main)


def _main_airway(lumen: BoolArray, seed: BoolArray, spacing_mm: Spacing, policy: LungPolicy) -> BoolArray:
    """The wide part of the airways that hangs together with the windpipe, with its wall."""
    radius = policy.main_airway_radius_mm
    wide = (distance_mm(~lumen, spacing_mm) > radius) | seed
    main = connected_to(lumen & (distance_mm(wide, spacing_mm) <= radius), seed)
    walled: BoolArray = distance_mm(main, spacing_mm) <= policy.airway_wall_mm
    return walled


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
        section = labels[box] == label
        area = np.count_nonzero(section) * dj * di
        is_round = area > 0.5 * height * width and max(height, width) < 3 * min(height, width)
        if low <= area <= high and is_round and not _touches_rim(box, labels.shape):
            sections.append(labels == label)
    return sections


def _touches_rim(box: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    return any(s.start == 0 or s.stop == n for s, n in zip(box, shape, strict=True))


# Lungs


def _parenchyma(reduced: _Reduced, air: BoolArray, policy: LungPolicy) -> BoolArray:
    """The parts of the air that look like lung: not small, denser than gas, and the whole with vessels.

    Raises Refusal NO_LUNGS_IN_VIEW when there is none.
    """
    labels, count = ndimage.label(air)
    sizes_ml = np.bincount(labels.ravel(), minlength=count + 1) * reduced.voxel_ml
    sizes_ml[0] = 0
    lung = np.zeros(count + 1, dtype=np.bool_)
    for label in np.flatnonzero(sizes_ml >= policy.min_component_ml):
        limit_hu = policy.gas_hu if sizes_ml[label] < policy.max_bowel_ml else policy.emphysema_hu
        part = labels == label
        lung[label] = _core_hu(reduced.hu, part) > limit_hu or (
            sizes_ml[label] >= policy.max_bowel_ml  # a phantom with air for lung: gas in a belly has no vessels
            and _vessel_fraction(reduced, part, policy) >= 2 * policy.min_vessel_fraction
        )
    found: BoolArray = lung[labels]
    found_ml = float(sizes_ml[lung].sum())
    vessels = _vessel_fraction(reduced, found, policy) if found_ml >= policy.min_lungs_ml else 0.0
    if vessels < policy.min_vessel_fraction:
        raise Refusal(
            Reason.NO_LUNGS_IN_VIEW,
            f"{found_ml:.0f} ml of space like lung in view with {100 * vessels:.1f} % of vessels; needed are at least "
            f"{policy.min_lungs_ml:.0f} ml with {100 * policy.min_vessel_fraction:.1f} %",
            space_ml=round(found_ml, 1),
            needed_ml=policy.min_lungs_ml,
            vessel_fraction=round(vessels, 4),
            needed_vessel_fraction=policy.min_vessel_fraction,
        )
    return found


def _core_hu(hu: Float32Array, component: BoolArray) -> float:
    """Median inside a component, without the outer voxels that mix with its wall."""
    box = box_of(component)
    part, values = component[box], hu[box]
    core = ndimage.binary_erosion(part, BLOCK[:1], border_value=1)
    return float(np.median(values[core if core.any() else part]))


def _vessel_fraction(reduced: _Reduced, space: BoolArray, policy: LungPolicy) -> float:
    """How much of a space, its holes included and its border left out, stands out like vessels do."""
    box = box_of(space)
    inner = ndimage.binary_erosion(space[box] | holes(space[box], axis=0), BLOCK[:1], iterations=2, border_value=1)
    values = reduced.hu[box][inner]
    if values.size == 0:
        return 0.0
    return float(np.mean(values > float(np.median(values)) + policy.vessel_contrast_hu))


# Sides


def _midline(reduced: _Reduced, aerated: BoolArray, airway: _Airway, policy: LungPolicy) -> _Midline:
    """The windpipe's column, else the spine's, else the middle of what is aerated."""
    if airway.main.any():
        top = int(np.flatnonzero(airway.main.any(axis=(1, 2)))[-1])
        upper = airway.main[max(0, top - round(policy.min_trachea_mm / reduced.spacing_mm[0])) :]
        return _Midline(float(np.median(np.nonzero(upper)[2])), is_seen=True)
    width = policy.midline_band_mm / 2 / reduced.spacing_mm[2]
    bone = ndimage.gaussian_filter1d(np.count_nonzero(reduced.hu > policy.bone_hu, axis=(0, 1)).astype(float), width)
    spine = int(np.argmax(bone))
    if bone[spine] > 2 * np.median(bone) and width < spine < len(bone) - width:
        return _Midline(float(spine), is_seen=True)
    columns = np.flatnonzero(aerated.any(axis=(0, 1)))
    return _Midline(float(columns[0] + columns[-1]) / 2, is_seen=ndimage.label(aerated)[1] > 1)


def _sides(reduced: _Reduced, aerated: BoolArray, midline: _Midline, policy: LungPolicy) -> UInt8Array:
    """Labels [k, j, i] of the aerated lungs: 1 right, 2 left."""
    labels, _ = ndimage.label(aerated)
    sides = np.zeros(aerated.shape, dtype=np.uint8)
    margin = policy.midline_band_mm / reduced.spacing_mm[2]
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        part = labels[box] == label
        middle = midline.column - box[2].start
        if margin < middle < part.shape[2] - margin:
            sides[box][part] = _parted(reduced.hu[box], part, reduced.spacing_mm, middle)[part]
        else:
            sides[box][part] = LungMask.RIGHT if np.mean(np.nonzero(part)[2]) < middle else LungMask.LEFT
    return _without_scraps(sides, policy.min_component_ml / reduced.voxel_ml)


def _without_scraps(sides: UInt8Array, least_voxels: float) -> UInt8Array:
    """Side labels without small pieces: remains of bronchi that were flooded from the other side."""
    kept = np.zeros_like(sides)
    for side in (LungMask.RIGHT, LungMask.LEFT):
        labels, _ = ndimage.label(sides == side)
        large = np.bincount(labels.ravel()) >= least_voxels
        large[0] = False
        kept[large[labels]] = side
    return kept


def _parted(hu: Float32Array, part: BoolArray, spacing_mm: Spacing, middle: float) -> UInt8Array:
    """A space that spans the midline, as the two lungs: grown from the depths of either side to where they meet.

    The flood prefers dark and deep voxels, so that the lungs meet in the junction line or at the narrowest place.
    """
    depth = distance_mm(~part, spacing_mm)
    markers = _side_markers(hu, part, depth, middle)
    hu_per_mm_of_depth = 25  # 6 mm of depth weigh as much as the contrast of a junction line, about 150 HU
    parted: UInt8Array = watershed(hu - hu_per_mm_of_depth * depth, markers, mask=part).astype(np.uint8)
    return parted


def _side_markers(hu: Float32Array, part: BoolArray, depth: Float32Array, middle: float) -> UInt8Array:
    """The largest piece of either side, at the mildest thinning that disconnects them; else all on its own side."""
    markers = np.zeros(part.shape, dtype=np.uint8)
    for depth_mm in (0.0, 3.0, 5.0, 7.0, 10.0, 15.0):
        for threshold_hu in (-500, -600, -700, -800):
            labels, count = ndimage.label(part & (depth > depth_mm) & (hu < threshold_hu))
            sizes = np.bincount(labels.ravel(), minlength=3)[1:]
            first, second = 1 + np.argsort(sizes)[:-3:-1]
            if count < 2 or sizes[second - 1] < 0.1 * sizes[first - 1]:
                continue
            centres = [float(np.mean(np.nonzero(labels == label)[2])) for label in (first, second)]
            if min(centres) < middle < max(centres):
                right, left = (first, second) if centres[0] < centres[1] else (second, first)
                markers[labels == right] = LungMask.RIGHT
                markers[labels == left] = LungMask.LEFT
                return markers
    own = np.where(np.arange(part.shape[2]) < middle, LungMask.RIGHT, LungMask.LEFT).astype(np.uint8)
    markers[part] = np.broadcast_to(own, part.shape)[part]
    return markers


# Filling


def _filled(reduced: _Reduced, sides: UInt8Array, airway: _Airway, midline: _Midline, policy: LungPolicy) -> UInt8Array:
    """Each lung with its vessels and nodules and with masses on the pleura, without reaching into the other."""
    filled = np.zeros_like(sides)
    wall = _chest_wall(reduced, sides > 0, midline, policy)
    for side in (LungMask.RIGHT, LungMask.LEFT):
        lung = sides == side
        if not lung.any():
            continue
        box = box_of(lung, policy.costal_radius_mm, reduced.spacing_mm)
        part = lung[box]
        whole = closed(part, reduced.spacing_mm, policy.fill_radius_mm)
        whole |= closed_in_slices(part, reduced.spacing_mm, policy.costal_radius_mm) & wall[box]
        whole = without_holes(whole) & ~airway.main[box] & ((sides[box] == 0) | part) & (filled[box] == 0)
        filled[box][whole] = side
    return filled


def _chest_wall(reduced: _Reduced, lungs: BoolArray, midline: _Midline, policy: LungPolicy) -> BoolArray:
    """The zone [k, j, i] along the outline of both lungs in each axial slice, without breast bone and spine."""
    k_mm, j_mm, i_mm = reduced.spacing_mm
    coarse_mm = (k_mm, 2 * j_mm, 2 * i_mm)  # the zone is wide; a quarter of the voxels draws it well
    outline = closed_in_slices(lungs[:, ::2, ::2], coarse_mm, 3 * policy.costal_radius_mm)
    outline |= holes(outline, axis=0)
    zone = outline & (distance_mm(~outline, (FAR_MM, *coarse_mm[1:])) <= policy.costal_depth_mm)
    zone = np.repeat(np.repeat(zone, 2, axis=1), 2, axis=2)[:, : lungs.shape[1], : lungs.shape[2]]
    band = np.abs(np.arange(lungs.shape[2]) - midline.column) < policy.midline_band_mm / i_mm
    zone[:, :, band] = False
    return zone


# Full resolution


def _at_full_resolution(
    volume: Volume, reduced: _Reduced, regions: _Regions, airway: _Airway, threshold_hu: float
) -> UInt8Array:
    """Labels on the volume's grid: at the border of aerated lung by threshold, at that of what was filled in by block.

    The threshold reaches one block beyond the reduced lungs.
    """
    lung = regions.lungs > 0
    near = ndimage.grey_dilation(regions.lungs, footprint=BLOCK)
    near[lung] = regions.lungs[lung]
    near[airway.main] = 0
    bridged = lung & ndimage.binary_dilation(lung & (regions.aerated == 0), BLOCK)
    sure = ndimage.binary_erosion(lung, BLOCK, border_value=1) | bridged
    k, j, i = reduced.factors
    full = np.zeros(volume.hu.shape, dtype=np.uint8)
    for n in range(near.shape[0]):
        slab = volume.hu[n * k : (n + 1) * k]
        label, inner = (_repeated(plane, (j, i), slab.shape[1:]) for plane in (near[n], sure[n]))
        full[n * k : (n + 1) * k] = label * ((slab < threshold_hu) | (inner > 0))
    return full


def _repeated(plane: UInt8Array | BoolArray, factors: tuple[int, int], shape: tuple[int, ...]) -> UInt8Array:
    repeated = np.repeat(np.repeat(plane, factors[0], axis=0), factors[1], axis=1)
    return repeated[: shape[0], : shape[1]].astype(np.uint8)


# Cautions


def _cautions(reduced: _Reduced, regions: _Regions, midline: _Midline, policy: LungPolicy) -> tuple[Caution, ...]:
    right, left = (
        float(np.count_nonzero(regions.lungs == side)) * reduced.voxel_ml for side in (LungMask.RIGHT, LungMask.LEFT)
    )
    return tuple(
        [
            *_cut_caution(regions.lungs > 0),
            *_size_cautions(right, left, policy),
            *_density_cautions(regions, policy),
            *(() if midline.is_seen else (_UNCERTAIN_SIDE,)),
        ]
    )


_UNCERTAIN_SIDE = Caution(
    "lung-side-uncertain", "Neither windpipe nor spine is in view; the side of the lung is a guess from its place."
)


def _cut_caution(lungs: BoolArray) -> tuple[Caution, ...]:
    """Where the field of view cuts the lungs; less than a hundredth of the widest slice at the border is no cut."""
    least = 0.01 * float(np.count_nonzero(lungs, axis=(1, 2)).max())
    ends = {"head": lungs[-1], "feet": lungs[0], "front": lungs[:, 0], "back": lungs[:, -1]}
    ends |= {"right": lungs[:, :, 0], "left": lungs[:, :, -1]}
    cut = [name for name, plane in ends.items() if np.count_nonzero(plane) > least]
    if not cut:
        return ()
    return (Caution("lungs-cut", f"The lungs reach the border of the images: {', '.join(cut)}."),)


def _size_cautions(right_ml: float, left_ml: float, policy: LungPolicy) -> tuple[Caution, ...]:
    if min(right_ml, left_ml) == 0:
        only = Side.RIGHT if right_ml else Side.LEFT
        return (Caution("one-lung-only", f"Only the {only.value} lung was found, {max(right_ml, left_ml):.0f} ml."),)
    if min(right_ml, left_ml) >= policy.unequal_lungs_ratio * max(right_ml, left_ml):
        return ()
    text = f"Right lung {right_ml:.0f} ml, left lung {left_ml:.0f} ml: effusion, consolidation or resection is likely."
    return (Caution("lungs-unequal", text),)


def _density_cautions(regions: _Regions, policy: LungPolicy) -> tuple[Caution, ...]:
    cautions = []
    for side, label in ((Side.RIGHT, LungMask.RIGHT), (Side.LEFT, LungMask.LEFT)):
        whole = int(np.count_nonzero(regions.lungs == label))
        airy = int(np.count_nonzero((regions.lungs == label) & (regions.aerated > 0)))
        dense = 1 - airy / max(1, whole)
        if whole and dense > policy.dense_fraction:
            text = f"{100 * dense:.0f} % of the {side.value} lung hold no air: consolidation, effusion or a mass."
            cautions.append(Caution("lung-dense", text))
    return tuple(cautions)
