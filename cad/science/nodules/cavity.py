"""Air that a nodule encloses."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Float32Array, FloatArray, Int16Array
from cad.policy import CavityPolicy

AIR_HU = -1000.0
"""Attenuation of air by definition of the Hounsfield scale."""

IN_SLICE = ndimage.generate_binary_structure(3, 1)
IN_SLICE[[0, 2]] = False


def enclosed_air(
    hu: Int16Array | Float32Array, inside: BoolArray, in_widths: tuple[float, float, float], policy: CavityPolicy
) -> BoolArray:
    """The largest piece of air [k, j, i] that a nodule encloses; empty where there is none.

    `hu` and `inside`, the nodule, are [k, j, i] and have voxels of `in_widths` (k, j, i) of what the scanner resolves.
    A slice may be thicker than the wall, so depth is asked for in the plane, and across it that nodule lies above or
    below the air: what is open at both ends is a bronchus.
    """
    filled = np.stack([ndimage.binary_fill_holes(section) for section in inside])
    wall_hu = float(np.quantile(hu[inside], policy.wall_quantile))
    dark = filled & (hu < wall_hu + policy.air_share * (AIR_HU - wall_hu))
    if not dark.any():
        return dark
    labels, count = ndimage.label(dark)
    near_side = np.bincount(labels[dark & ~_deep_in_slice(filled, in_widths, policy)], minlength=count + 1)
    at_side = np.flatnonzero(near_side > policy.side_share * np.bincount(labels[dark], minlength=count + 1))
    padded = np.pad(filled, ((1, 1), (0, 0), (0, 0)))
    above, below = np.unique(labels[dark & ~padded[2:]]), np.unique(labels[dark & ~padded[:-2]])
    open_labels = np.union1d(at_side, np.intersect1d(above, below))
    enclosed = dark & ~np.isin(labels, open_labels)
    if not enclosed.any():
        return enclosed
    sizes = np.bincount(labels[enclosed])
    largest: BoolArray = labels == int(sizes.argmax())
    return largest


def cavitation(air_mm3: float, nodule_mm3: float, policy: CavityPolicy) -> float:
    """The probability of a cavity from the enclosed air: 0 for none, one half for what a bronchus may hold."""
    return air_mm3 / (air_mm3 + max(policy.half_mm3, policy.half_share * nodule_mm3))


def _deep_in_slice(filled: BoolArray, in_widths: tuple[float, float, float], policy: CavityPolicy) -> BoolArray:
    """Where a region [k, j, i] reaches farther than a width in every direction of the slice."""
    depth: FloatArray = np.stack(
        [ndimage.distance_transform_edt(np.pad(section, 1), sampling=in_widths[1:])[1:-1, 1:-1] for section in filled]
    )
    return depth > policy.depth_widths
