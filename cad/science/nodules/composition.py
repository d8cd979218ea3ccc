"""Attenuation type of a nodule."""

from __future__ import annotations

import math

import numpy as np

from cad.domain import Composition, Float32Array
from cad.policy import NodulePolicy
from cad.science.nodules.delineation import Extent
from cad.science.nodules.morphology import box_around, depth_of
from cad.science.nodules.window import Window


def composition_of(window: Window, extent: Extent, policy: NodulePolicy) -> Composition:
    """Attenuation type from the voxels away from the blurred border.

    Fat is only told where there are such voxels: in a thin nodule, blurred soft tissue has the same attenuation.
    """
    box = box_around(extent.inside, 0)
    depth, hu = depth_of(extent.inside[box], window.source_voxel), window.hu[box]
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
