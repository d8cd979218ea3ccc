"""Signs of a nodule: calcium, fat and cavities from its attenuation, its margin from a network's ratings.

Every sign is a probability, or None where nothing was looked at; the functions at the end say when a probability is
certain enough to be called present or absent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from cad.domain import (
    BoolArray,
    CalcificationPattern,
    Composition,
    FloatArray,
    Int16Array,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    ReaderRatings,
    Volume,
)
from cad.policy import AttributePolicy
from cad.science.nodules.cavity import IN_SLICE, cavitation, enclosed_air
from cad.science.nodules.morphology import Box, depth_of

BENIGN_PATTERNS = frozenset(
    {
        CalcificationPattern.DIFFUSE,
        CalcificationPattern.CENTRAL,
        CalcificationPattern.LAMINATED,
        CalcificationPattern.POPCORN,
    }
)
"""Lung-RADS v2022, category 1; Fleischner 2017."""

NEIGHBOURS = np.ones((3, 3, 3), dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Imaged:
    """The scan that signs are read from. `contrast` says whether contrast medium was given; None when not known.

    `width_mm` (k, j, i) is what the scanner resolves. Calcium is judged on `soft`, the scan as a soft kernel would show
    it, where its own kernel overshoots at edges.
    """

    volume: Volume
    contrast: bool | None
    width_mm: tuple[float, float, float]
    soft: Volume | None = None


def attributes_of(
    imaged: Imaged, nodule: Nodule, location: NoduleLocation | None, policy: AttributePolicy
) -> NoduleAttributes:
    """The signs of one nodule.

    Spiculation, lobulation and margin come from `nodule.ratings` and are None without them.
    """
    volume = imaged.volume
    hu = volume.hu[nodule.mask.slices]
    inside = nodule.mask.voxels
    voxel_mm3 = volume.grid.voxel_volume_mm3
    k, j, i = (s / w for s, w in zip(volume.grid.spacing_kji_mm, imaged.width_mm, strict=True))
    seen = _Seen(hu, inside, voxel_mm3, (k, j, i))
    depth = depth_of(inside, seen.in_widths)
    cavity_mm3 = float(np.count_nonzero(enclosed_air(hu, inside, seen.in_widths, policy.cavity))) * voxel_mm3
    fat_mm3 = _fat_mm3(seen, policy) if nodule.composition is not Composition.GROUND_GLASS else 0.0
    limit_hu = calcium_hu(imaged.contrast, policy)
    calm = volume if imaged.soft is None else imaged.soft
    calm_hu = calm.hu[nodule.mask.slices]
    own = inside & ~_bone(calm, nodule, limit_hu, policy)
    calcification = _calcification(calm_hu[own if own.any() else inside], limit_hu, voxel_mm3, policy)
    is_calcified = calcification >= policy.pattern_from
    spiculation, lobulation, ill_defined = _from_ratings(nodule.ratings, policy)
    return NoduleAttributes(
        spiculation=spiculation,
        lobulation=lobulation,
        ill_defined_margin=ill_defined,
        cavitation=cavitation(cavity_mm3, nodule.volume_mm3, policy.cavity),
        calcification=calcification,
        calcification_pattern=_pattern(own & (calm_hu >= limit_hu), seen, depth, policy) if is_calcified else None,
        fat=_half_at(fat_mm3, policy.fat_half_mm3),
        perifissural=_perifissural(nodule, location, (spiculation, lobulation), policy),
        halo=_has_halo(volume, nodule, policy),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A nodule in its box: `hu` and `inside` [k, j, i], and its voxels in mm³ and in widths of what is resolved."""

    hu: Int16Array
    inside: BoolArray
    voxel_mm3: float
    in_widths: tuple[float, float, float]


def _half_at(amount: float, half: float) -> float:
    """0 for nothing, one half for `half`, towards 1 for more."""
    return amount / (amount + half)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, value))))


def calcium_hu(contrast: bool | None, policy: AttributePolicy) -> float:
    """The attenuation from which tissue is calcium; `contrast` None when it is not known whether any was given."""
    without, unknown, with_contrast = policy.calcium_hu
    if contrast is None:
        return unknown
    return with_contrast if contrast else without


def _surroundings(nodule: Nodule, volume: Volume, margin_mm: float) -> tuple[Box, Box]:
    """The nodule's box with a margin, as a part of the volume, and the nodule's own box as a part of that one."""
    around, own = [], []
    for part, spacing_mm in zip(nodule.mask.slices, volume.grid.spacing_kji_mm, strict=True):
        margin = math.ceil(margin_mm / spacing_mm)
        first = max(0, part.start - margin)
        around.append(slice(first, part.stop + margin))
        own.append(slice(part.start - first, part.stop - first))
    return (around[0], around[1], around[2]), (own[0], own[1], own[2])


def _bone(volume: Volume, nodule: Nodule, limit_hu: float, policy: AttributePolicy) -> BoolArray:
    """Voxels of the nodule's box that hang together with more that is as dense outside: a rib that the mask reached."""
    around, own = _surroundings(nodule, volume, policy.bone_margin_mm)
    labels, _ = ndimage.label(volume.hu[around] >= limit_hu)
    within = labels[own]
    inside = np.bincount(within[nodule.mask.voxels], minlength=int(labels.max()) + 1)
    is_bone = inside < policy.own_share * np.bincount(labels.ravel())
    is_bone[0] = False
    bone: BoolArray = is_bone[within]
    return bone


def _calcification(hu: Int16Array, limit_hu: float, voxel_mm3: float, policy: AttributePolicy) -> float:
    """Probability of calcium from the mean of the densest voxels: blur only lowers it, and more never does."""
    count = min(len(hu), max(math.ceil(policy.densest_mm3 / voxel_mm3), math.ceil(policy.densest_share * len(hu))))
    densest = float(np.sort(hu)[-count:].mean())
    return _logistic((densest - limit_hu) / policy.calcium_width_hu)


def _pattern(
    calcium: BoolArray, seen: _Seen, depth: FloatArray, policy: AttributePolicy
) -> CalcificationPattern | None:
    """Where the calcium of a nodule lies; None where the nodule is all border, and so its pattern is blurred."""
    if not calcium.any():
        return CalcificationPattern.PUNCTATE
    interior, inside = depth > 1, seen.inside
    if np.count_nonzero(interior) * seen.voxel_mm3 < policy.min_interior_mm3:
        return CalcificationPattern.DIFFUSE if calcium[inside].mean() >= policy.diffuse_share else None
    filled = np.stack([ndimage.binary_fill_holes(section) for section in calcium])
    if np.count_nonzero(filled & ~calcium) >= policy.enclosed_share * np.count_nonzero(filled):
        return CalcificationPattern.LAMINATED
    if calcium[interior].mean() >= policy.diffuse_share:
        return CalcificationPattern.DIFFUSE
    labels, _ = ndimage.label(calcium, NEIGHBOURS)
    pieces_mm3 = np.bincount(labels.ravel())[1:] * seen.voxel_mm3
    if np.count_nonzero(pieces_mm3 >= policy.piece_mm3) >= policy.popcorn_pieces:
        return CalcificationPattern.POPCORN
    if calcium[interior].mean() < policy.small_share:
        return CalcificationPattern.PUNCTATE
    return (
        CalcificationPattern.CENTRAL if _is_central(calcium, inside, depth, policy) else CalcificationPattern.ECCENTRIC
    )


def _is_central(calcium: BoolArray, inside: BoolArray, depth: FloatArray, policy: AttributePolicy) -> bool:
    """Whether calcium lies around the nodule's middle and leaves its outermost voxels free.

    The offset is measured along each axis as part of the nodule's own half-extent, so that thick slices count alike.
    """
    offsets = []
    for of_calcium, of_nodule in zip(np.nonzero(calcium), np.nonzero(inside), strict=True):
        half = max(1.0, (of_nodule.max() - of_nodule.min() + 1) / 2)
        offsets.append((of_calcium.mean() - of_nodule.mean()) / half)
    rim = inside & (depth <= 1)
    return math.hypot(*offsets) <= policy.central_offset and float(calcium[rim].mean()) <= policy.rim_share


def _fat_mm3(seen: _Seen, policy: AttributePolicy) -> float:
    """The largest contiguous volume of fat deep in the nodule's tissue, without sheets of a single voxel.

    Deep means away from air too: spiculated and cavitary nodules mix with it also inside their outline.
    """
    low, high = policy.fat_hu
    tissue_depth = depth_of(seen.inside & (seen.hu >= policy.tissue_hu), seen.in_widths)
    fat = (seen.hu >= low) & (seen.hu <= high) & (tissue_depth > policy.fat_depth_widths)
    return _largest(ndimage.binary_opening(fat, IN_SLICE)) * seen.voxel_mm3


def _largest(region: BoolArray) -> int:
    labels, count = ndimage.label(region)
    return int(np.bincount(labels.ravel())[1:].max()) if count else 0


def _from_ratings(
    ratings: ReaderRatings | None, policy: AttributePolicy
) -> tuple[float | None, float | None, float | None]:
    """Spiculation, lobulation and ill-defined margin; a margin is rated 1 (poorly defined) to 5 (sharp)."""
    if ratings is None:
        return None, None, None
    pairs = (
        (ratings.spiculation, policy.spiculation),
        (ratings.lobulation, policy.lobulation),
        (ratings.margin, policy.ill_defined_margin),
    )
    spiculation, lobulation, margin = (_logistic((rating - middle) / width) for rating, (middle, width) in pairs)
    return spiculation, lobulation, margin


def _perifissural(
    nodule: Nodule,
    location: NoduleLocation | None,
    rough: tuple[float | None, float | None],
    policy: AttributePolicy,
) -> float | None:
    """Probability of the benign shape on a fissure or the pleura; None when neither border is known."""
    borders = () if location is None else ((location.pleura_mm, 0), (location.fissure_mm, 1))
    touching = [_logistic((policy.touch_mm[n] - d) / policy.touch_width_mm) for d, n in borders if d is not None]
    if not touching:
        return None
    if nodule.composition is not Composition.SOLID or nodule.diameters.mean_mm >= policy.perifissural_below_mm:
        return 0.0
    smooth = _logistic((_convexity(nodule) - policy.convexity) / policy.convexity_width)
    smooth *= _logistic((policy.flat_below - _roundness(nodule)) / policy.flat_width)
    for sign in rough:
        smooth *= 1.0 if sign is None else 1 - sign
    return max(touching) * smooth


def _has_halo(volume: Volume, nodule: Nodule, policy: AttributePolicy) -> bool | None:
    """Whether the lung around a nodule is denser than that farther away; None where there is too little of either."""
    spacing = volume.grid.spacing_kji_mm
    around, own = _surroundings(nodule, volume, policy.halo_far_mm[1])
    hu = volume.hu[around]
    inside = np.zeros(hu.shape, dtype=np.bool_)
    inside[own] = nodule.mask.voxels
    away = ndimage.distance_transform_edt(~inside, sampling=spacing)
    dense = (hu >= policy.halo_dense_hu) & ~inside & (away > spacing[1])
    clear = ndimage.distance_transform_edt(~dense, sampling=spacing) > policy.halo_clear_mm
    near, far = (
        hu[clear & (away > first) & (away <= last)] for first, last in (policy.halo_reach_mm, policy.halo_far_mm)
    )
    if min(len(near), len(far)) * volume.grid.voxel_volume_mm3 < policy.halo_least_mm3:
        return None
    return float(np.median(near) - np.median(far)) >= policy.halo_over_lung_hu


def _roundness(nodule: Nodule) -> float:
    """Smallest over largest extent by the second moments in mm, 1 for a ball: lentils and triangles are flat.

    A voxel's own extent is left in: a nodule of few voxels is not told to be flat.
    """
    spacing = np.array(nodule.mask.grid.spacing_kji_mm)
    places = np.argwhere(nodule.mask.voxels) * spacing
    spread = np.cov(places.T, bias=True) + np.diag(spacing**2 / 12)
    least, *_, most = np.sqrt(np.linalg.eigvalsh(spread))
    return float(least / most)


def _convexity(nodule: Nodule) -> float:
    """Area of the largest axial section over that of its convex hull (of the pixels' corners)."""
    sections = nodule.mask.voxels.sum(axis=(1, 2))
    section = nodule.mask.voxels[int(sections.argmax())]
    corners = np.concatenate([np.argwhere(section) + shift for shift in ((0, 0), (0, 1), (1, 0), (1, 1))])
    try:
        return float(np.count_nonzero(section) / ConvexHull(corners).volume)
    except QhullError:
        return 1.0


def is_present(probability: float | None, policy: AttributePolicy) -> bool | None:
    """Whether a sign is present; None between the two limits, and when it was not assessed."""
    if probability is None or policy.no_up_to < probability < policy.yes_from:
        return None
    return probability >= policy.yes_from


def is_typical(nodule: Nodule, spiculated: bool | None, policy: AttributePolicy) -> bool | None:
    """Whether a nodule is a typical perifissural or juxtapleural one without a reader's word; None in doubt.

    It takes a nodule out of follow-up, so all must agree: the shape with more certainty than other benign signs, no
    spiculation, no halo, a suspicion that is known and low.
    """
    attributes = nodule.attributes or NoduleAttributes()
    is_shaped = is_present(attributes.perifissural, policy)
    if not is_shaped:
        return is_shaped
    certain = (attributes.perifissural or 0.0) >= policy.typical_from
    plain = not spiculated and is_present(attributes.spiculation, policy) is False and attributes.halo is False
    calm = nodule.ratings is not None and nodule.ratings.suspicion <= policy.typical_suspicion_up_to
    return True if certain and plain and calm else None


def has_benign_pattern(attributes: NoduleAttributes, policy: AttributePolicy) -> bool | None:
    """Whether calcium of a benign pattern or fat is there: True only when very certain, None in doubt."""
    calcium = is_present(attributes.calcification, policy)
    is_benign = attributes.calcification_pattern in BENIGN_PATTERNS
    if is_benign and (attributes.calcification or 0.0) >= policy.benign_from:
        return True
    if (attributes.fat or 0.0) >= policy.benign_from:
        return True
    is_other = attributes.calcification_pattern is not None and not is_benign
    no_benign_calcium = calcium is False or (calcium is True and is_other)
    return False if no_benign_calcium and is_present(attributes.fat, policy) is False else None
