"""Calcified lesions → Agatston and volume scores, and the categories that follow.

Agatston et al., J Am Coll Cardiol 1990: in every slice, the area of each connected lesion of 130 HU or more, times a
weight by its highest value in that slice; small areas do not count. Summed, and scaled by the distance of the slices:
score = Σ area [mm²] · weight · increment [mm] / 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import (
    BoolArray,
    CalcifiedLesion,
    CalciumCategory,
    CalciumSite,
    CalciumTier,
    Grid,
    Int16Array,
    NoduleMask,
    PointLps,
    SiteScore,
    Volume,
)
from cad.geometry import crop_grid, positions_of
from cad.policy import CalciumPolicy

AREA_TOLERANCE = 1e-6
"""Relative: pixel spacings are decimal fractions, and an area of exactly the smallest counts."""


@dataclass(frozen=True, slots=True)
class LesionScore:
    """What one lesion scores; `max_hu` and `mean_hu` are over the voxels that count."""

    agatston: float
    volume_mm3: float
    max_hu: float
    mean_hu: float
    centre: PointLps


def score_lesion(volume: Volume, lesion: NoduleMask, policy: CalciumPolicy) -> LesionScore | None:
    """The score of one lesion; None when none of its slices holds enough calcium.

    Only voxels of the lesion at or above the threshold, in parts that are large enough in their slice, count: for the
    Agatston score, the volume score (their number times the voxel's volume), the mean and the centre.
    """
    hu = volume.hu[lesion.slices]
    counted = np.zeros(hu.shape, dtype=np.bool_)
    weighted_mm2 = 0.0
    for k, part in _parts(hu, lesion.voxels, volume.grid, policy):
        counted[k] |= part
        weight = weight_of(float(hu[k][part].max()), policy)
        weighted_mm2 += int(np.count_nonzero(part)) * pixel_area_mm2(volume.grid) * weight
    if not counted.any():
        return None
    values = hu[counted].astype(np.float64)
    return LesionScore(
        agatston=weighted_mm2 * volume.grid.spacing_kji_mm[0] / policy.reference_increment_mm,
        volume_mm3=int(np.count_nonzero(counted)) * volume.grid.voxel_volume_mm3,
        max_hu=float(values.max()),
        mean_hu=float(values.mean()),
        centre=_centre(counted, lesion),
    )


def score_between(volume: Volume, lesion: NoduleMask, policy: CalciumPolicy) -> float:
    """The Agatston score of a lesion on slices half-way between the volume's, each the mean of its neighbours."""
    rows, columns = lesion.slices[1:]
    first = max(lesion.offset[0] - 1, 0)
    last = min(lesion.offset[0] + lesion.voxels.shape[0] + 1, volume.grid.shape[0])
    hu = volume.hu[first:last, rows, columns].astype(np.float32)
    inside = np.zeros(hu.shape, dtype=np.bool_)
    inside[lesion.offset[0] - first :][: lesion.voxels.shape[0]] = lesion.voxels
    mean = np.rint((hu[:-1] + hu[1:]) / 2).astype(np.int16)
    if not len(mean):
        return 0.0
    grid = crop_grid(volume.grid, (first, *lesion.offset[1:]), (mean.shape[0], mean.shape[1], mean.shape[2]))
    between = NoduleMask(inside[:-1] | inside[1:], (0, 0, 0), grid)
    score = score_lesion(Volume(mean, grid, volume.frame_of_reference_uid), between, policy)
    return 0.0 if score is None else score.agatston


def weight_of(highest_hu: float, policy: CalciumPolicy) -> int:
    """The density weight of a lesion in one slice, by its highest value there; 0 below the threshold."""
    return max((weight for from_hu, weight in policy.weights if highest_hu >= from_hu), default=0)


def pixel_area_mm2(grid: Grid) -> float:
    """The area of a pixel of a slice in mm²."""
    return float(np.linalg.norm(np.cross(grid.affine[:3, 1], grid.affine[:3, 2])))


def in_plane(policy: CalciumPolicy) -> BoolArray:
    """Which neighbours of a pixel belong to the same lesion, as an array [3, 3]."""
    return np.asarray(ndimage.generate_binary_structure(2, 1 if policy.connectivity == 4 else 2), dtype=np.bool_)


def _parts(hu: Int16Array, lesion: BoolArray, grid: Grid, policy: CalciumPolicy) -> Iterator[tuple[int, BoolArray]]:
    """The connected parts [j, i] of a lesion in each slice k that are large enough."""
    least = policy.min_area_mm2 * (1 - AREA_TOLERANCE)
    calcium = lesion & (hu >= policy.threshold_hu)
    for k in np.flatnonzero(calcium.any(axis=(1, 2))):
        labels, count = ndimage.label(calcium[k], structure=in_plane(policy))
        for label in range(1, count + 1):
            part = labels == label
            if np.count_nonzero(part) * pixel_area_mm2(grid) >= least:
                yield int(k), part


def _centre(counted: BoolArray, lesion: NoduleMask) -> PointLps:
    middle = np.argwhere(counted).mean(axis=0) + lesion.offset
    x, y, z = positions_of(lesion.grid, middle[None].astype(np.float64))[0]
    return PointLps(float(x), float(y), float(z))


def site_score(lesions: Sequence[CalcifiedLesion], site: CalciumSite) -> SiteScore:
    """The sums over the lesions of one site."""
    own = [lesion for lesion in lesions if lesion.site is site]
    return SiteScore(sum(lesion.agatston for lesion in own), sum(lesion.volume_mm3 for lesion in own), len(own))


def tier_of(agatston: float, policy: CalciumPolicy) -> CalciumTier:
    """The tier of a total score, which is not rounded."""
    moderate, severe = policy.tiers
    if agatston <= 0:
        return CalciumTier.NONE
    if agatston < moderate:
        return CalciumTier.MILD
    return CalciumTier.MODERATE if agatston < severe else CalciumTier.SEVERE


def cac_drs(agatston: float, vessels: int, policy: CalciumPolicy) -> str:
    """CAC-DRS with its modifiers, such as "A2/N3": A0 to A3 by the total score, N0 to N4 by arteries with calcium."""
    level = 0 if agatston <= 0 else 1 + sum(agatston >= limit for limit in policy.cac_drs)
    return f"A{level}/N{vessels}"


def categories_of(agatston: float, vessels: int, policy: CalciumPolicy) -> tuple[CalciumCategory, ...]:
    """Every category of a total score, each with its scheme: CAC-DRS, then the four tiers."""
    return (
        CalciumCategory(policy.cac_drs_scheme, cac_drs(agatston, vessels, policy)),
        CalciumCategory(policy.tier_scheme, tier_of(agatston, policy).value),
    )
