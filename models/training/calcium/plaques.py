"""Calcified plaques of known place, size and density, blended into real scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import Artery, Float32Array, FloatArray, Int16Array, OtherCalcium, Volume
from cad.geometry import indices_of, positions_of

FINE = (4, 2, 2)
"""Sub-voxels (k, j, i) in which a plaque is drawn before it is blurred and averaged."""

SMEAR_COPIES = 7
PRESENT = 0.12
"""A voxel holds a plaque from this part on."""


@dataclass(frozen=True, slots=True, eq=False)
class Plaque:
    """An ellipsoid at `centre` (LPS mm) along `axes` [3, 3] (rows, unit length) of half lengths `radii_mm`.

    `hu` is its own attenuation; `motion_mm` [3] the way over which a beating heart smears it.
    """

    site: Artery | OtherCalcium
    centre: FloatArray
    axes: FloatArray
    radii_mm: FloatArray
    hu: float
    motion_mm: FloatArray


def blend_plaques(volume: Volume, plaques: Sequence[Plaque], blur_mm: float) -> tuple[Volume, Float32Array]:
    """The volume with the plaques, and the number [k, j, i] of the plaque that fills each voxel most (0: none)."""
    hu = volume.hu.astype(np.float32)
    owner, most = np.zeros(hu.shape, dtype=np.float32), np.full(hu.shape, PRESENT, dtype=np.float32)
    for number, plaque in enumerate(plaques, start=1):
        box, part = filling(volume, plaque, blur_mm)
        if not part.size:
            continue
        hu[box] += part * np.maximum(plaque.hu - hu[box], 0)
        here = part > most[box]
        owner[box] = np.where(here, number, owner[box])
        most[box] = np.maximum(most[box], part)
    narrow: Int16Array = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    return Volume(narrow, volume.grid, volume.frame_of_reference_uid), owner


Box = tuple[slice, slice, slice]


def filling(volume: Volume, plaque: Plaque, blur_mm: float) -> tuple[Box, Float32Array]:
    """A box of the volume, and the part 0..1 of each of its voxels [k, j, i] that the blurred plaque fills."""
    spacing = np.array(volume.grid.spacing_kji_mm)
    reach = float(plaque.radii_mm.max() + np.linalg.norm(plaque.motion_mm) / 2 + 3 * blur_mm)
    middle = indices_of(volume.grid, plaque.centre[None])[0]
    low = np.maximum(np.floor(middle - reach / spacing).astype(int), 0)
    high = np.minimum(np.ceil(middle + reach / spacing).astype(int) + 1, np.array(volume.grid.shape))
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    if (high <= low).any():
        return box, np.zeros((0, 0, 0), dtype=np.float32)
    fine = [(np.arange((b - a) * f) + 0.5) / f - 0.5 + a for a, b, f in zip(low, high, FINE, strict=True)]
    k, j, i = np.meshgrid(*fine, indexing="ij")
    positions = positions_of(volume.grid, np.stack([k, j, i], axis=-1).reshape(-1, 3))
    drawn = np.zeros(k.shape, dtype=np.float32)
    copies = SMEAR_COPIES if plaque.motion_mm.any() else 1
    for step in np.linspace(-0.5, 0.5, copies) if copies > 1 else (0.0,):
        offset = (positions - plaque.centre - step * plaque.motion_mm) @ plaque.axes.T / plaque.radii_mm
        drawn += ((offset**2).sum(axis=1) <= 1).reshape(k.shape) / copies
    soft = ndimage.gaussian_filter(drawn, [blur_mm * f / s for f, s in zip(FINE, spacing, strict=True)])
    sizes = [n for a, b, f in zip(low, high, FINE, strict=True) for n in (b - a, f)]
    return box, np.asarray(soft.reshape(sizes).mean(axis=(1, 3, 5)), dtype=np.float32)
