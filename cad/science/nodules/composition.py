"""Attenuation type of a nodule."""

from __future__ import annotations

import math

import numpy as np

from cad.domain import BoolArray, Composition, Float32Array, FloatArray
from cad.policy import NodulePolicy
from cad.science.nodules.cavity import cavitation, enclosed_air
from cad.science.nodules.delineation import Extent
from cad.science.nodules.morphology import box_around, depth_of
from cad.science.nodules.window import Window


def composition_of(window: Window, extent: Extent, policy: NodulePolicy) -> Composition:
    """Attenuation type from the voxels away from the blurred border, and of a cavity's wall, not of its air.

    Fat is only told where there are such voxels: in a thin nodule, blurred soft tissue has the same attenuation.
    """
    box = box_around(extent.inside, 0)
    hu = window.hu[box]
    depth = depth_of(tissue_of(window, hu, extent.inside[box], policy), window.in_widths)
    interior = hu[depth > policy.interior_widths]
    enough = policy.min_interior_mm3 / window.fine_voxel_mm3
    if len(interior) < enough:
        interior = hu[depth >= np.quantile(depth[depth > 0], policy.thin_core_quantile)]
    if _share(interior, policy.calcified_from_hu, math.inf) >= policy.calcified_share:
        return Composition.CALCIFIED
    if _is_fat(window, hu, depth, policy):
        return Composition.FAT
    solid_share = _share(interior, policy.solid_from_hu, math.inf)
    if solid_share >= policy.solid_share:
        return Composition.SOLID
    return Composition.PART_SOLID if solid_share >= policy.part_solid_share else Composition.GROUND_GLASS


def tissue_of(window: Window, hu: Float32Array, inside: BoolArray, policy: NodulePolicy) -> BoolArray:
    """The nodule `inside` [k, j, i], whose attenuation is `hu` [k, j, i], without the air of a cavity."""
    air = enclosed_air(hu, inside, window.in_widths, policy.cavity)
    air_mm3, nodule_mm3 = (float(np.count_nonzero(part)) * window.fine_voxel_mm3 for part in (air, inside))
    is_cavity = cavitation(air_mm3, nodule_mm3, policy.cavity) >= policy.cavity.decides_from
    return inside & ~air if is_cavity else inside


def _is_fat(window: Window, hu: Float32Array, depth: FloatArray, policy: NodulePolicy) -> bool:
    """Whether most of what lies deep enough is fat, enough of it, and on more than one slice; arrays are [k, j, i]."""
    deep = depth > policy.fat_depth_widths
    low, high = policy.fat_range_hu
    fat = deep & (hu >= low) & (hu <= high)
    if np.count_nonzero(fat) < max(policy.fat_share * np.count_nonzero(deep), 1):
        return False
    slices = np.flatnonzero(fat.any(axis=(1, 2)))
    height_mm = (slices[-1] - slices[0] + 1) * window.spacing_mm[0]
    if height_mm < (policy.fat_slices - 1) * window.width_mm[0]:
        return False
    return bool(np.count_nonzero(fat) * window.fine_voxel_mm3 >= policy.fat_least_mm3)


def _share(hu: Float32Array, low: float, high: float) -> float:
    return float(((hu >= low) & (hu <= high)).mean())
