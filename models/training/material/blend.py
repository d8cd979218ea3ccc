"""Blending nodules of real shape into real CT: placement, attenuation, scanner blur and noise.

All arrays are float32 [k, j, i] on a 1 mm grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

from cad.domain import Composition, Float32Array, FloatArray
from models.training.material.shapes import NoduleShape

MIN_DIAMETER_MM, MAX_DIAMETER_MM = 3.5, 36.0
SCALES = (0.35, 2.5)
"""How far a shape may be shrunk or grown: beyond this its spicules and lobes are no longer real."""

SOLID_LIKE_HU = -350.0
"""Background above this is vessel, wall or lesion, and shows through sub-solid nodules."""


CORE_OPACITY = 0.5
LEAST_CONTRAST_HU, NOTICED_HU, NOTICED_SHARE = 150.0, 100.0, 0.75


@dataclass(frozen=True, slots=True)
class Optics:
    """How the scanner that made a background blurs and is noisy: sigmas in mm, noise in HU."""

    in_plane_sigma_mm: float
    axial_sigma_mm: float
    noise_hu: float


@dataclass(frozen=True, slots=True, eq=False)
class RenderedNodule:
    """A nodule ready to be blended: `opacity` in 0..1 and the HU it tends to, its composition and diameter."""

    opacity: Float32Array
    target_hu: Float32Array
    composition: Composition
    diameter_mm: float

    @property
    def centre(self) -> tuple[float, float, float]:
        """Centre of mass (k, j, i) of the opacity in its voxels."""
        total = max(float(self.opacity.sum()), 1e-6)
        sums = (self.opacity.sum(axis=others) for others in ((1, 2), (0, 2), (0, 1)))
        k, j, i = (float(np.arange(len(s)) @ s) / total for s in sums)
        return k, j, i


def draw_diameter_mm(rng: np.random.Generator, large: float) -> float:
    """A diameter between 3.5 and 36 mm; the share `large` lies above 10 mm, the rest below 12 mm."""
    low, high = (10.0, MAX_DIAMETER_MM) if rng.random() < large else (MIN_DIAMETER_MM, 12.0)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_shape(shapes: Sequence[NoduleShape], diameter_mm: float, rng: np.random.Generator) -> NoduleShape:
    """A shape that can be scaled to the diameter, if one of twelve draws finds one; else the largest drawn."""
    drawn = [shapes[int(rng.integers(len(shapes)))] for _ in range(12)]
    fit = (s for s in drawn if SCALES[0] <= diameter_mm / s.diameter_mm <= SCALES[1])
    return next(fit, max(drawn, key=lambda s: s.diameter_mm))


def draw_composition(rng: np.random.Generator, texture: float) -> Composition:
    """A composition, 45 % sub-solid; shapes that readers called sub-solid are drawn so more often."""
    subsolid = 0.75 if texture < 3.5 else 0.41
    draw = rng.random()
    if draw < subsolid:
        return Composition.GROUND_GLASS if rng.random() < 0.6 else Composition.PART_SOLID
    return Composition.CALCIFIED if rng.random() < 0.05 else Composition.SOLID


def random_rotation(rng: np.random.Generator) -> Float32Array:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation: Float32Array = (q * np.sign(np.diag(r))).astype(np.float32)
    return rotation


def _posed(opacity: Float32Array, rotation: Float32Array, scale: float, side: int) -> Float32Array:
    """The map rotated and scaled about its centre into a cube of `side` voxels."""
    matrix = rotation / scale
    centre_in = (np.array(opacity.shape) - 1) / 2
    offset = centre_in - matrix @ np.full(3, (side - 1) / 2)
    posed = ndimage.affine_transform(opacity, matrix, offset, (side,) * 3, order=1, mode="constant")
    return np.asarray(posed, dtype=np.float32)


def _equivalent_diameter(opacity: Float32Array) -> float:
    return float((6 * max(float(opacity.sum()), 1.0) / np.pi) ** (1 / 3))


def _blurred(opacity: Float32Array, optics: Optics) -> Float32Array:
    sigma = (optics.axial_sigma_mm, optics.in_plane_sigma_mm, optics.in_plane_sigma_mm)
    return np.asarray(ndimage.gaussian_filter(opacity, sigma, truncate=3.0), dtype=np.float32)


def render(
    shape: NoduleShape, composition: Composition, diameter_mm: float, optics: Optics, rng: np.random.Generator
) -> RenderedNodule:
    """The shape in random pose, scaled to `diameter_mm` (volume-equivalent), with its attenuation."""
    scale = float(np.clip(diameter_mm / shape.diameter_mm, *SCALES))
    side = int(np.ceil(max(shape.solid.shape) * scale * 1.2)) + 6
    side = min(side, 64)
    rotation = random_rotation(rng)
    solid = _posed(shape.solid, rotation, scale, side)
    opacity = solid if rng.random() < 0.5 else np.maximum(_posed(shape.textured, rotation, scale, side), 0.6 * solid)
    diameter = _equivalent_diameter(solid)
    target = np.full(opacity.shape, core_hu(composition, rng), dtype=np.float32)
    target += _mottle(opacity.shape, 25.0, rng)
    if composition is Composition.PART_SOLID:
        core = _posed(shape.solid, random_rotation(rng), scale * rng.uniform(0.35, 0.7), side)
        core = np.roll(core, np.round(rng.uniform(-0.15, 0.15, 3) * diameter).astype(int), axis=(0, 1, 2))
        target += np.clip(_blurred(core, optics), 0, 1) * (rng.uniform(-20, 60) - target)
    if composition in (Composition.GROUND_GLASS, Composition.PART_SOLID):
        opacity = ndimage.gaussian_filter(opacity, rng.uniform(0.3, 0.1 * diameter + 0.3))
    opacity = np.clip(_blurred(opacity, optics), 0, 1).astype(np.float32)
    return RenderedNodule(opacity, target, composition, diameter)


def core_hu(composition: Composition, rng: np.random.Generator) -> float:
    low, high = {
        Composition.SOLID: (-60.0, 120.0),
        Composition.PART_SOLID: (-700.0, -380.0),
        Composition.GROUND_GLASS: (-720.0, -400.0),
        Composition.CALCIFIED: (200.0, 900.0),
        Composition.FAT: (-120.0, -50.0),
    }[composition]
    return float(rng.uniform(low, high))


def enlarge(coarse: Float32Array, factor: int) -> Float32Array:
    """A field [k, j, i] made `factor` times finer by trilinear interpolation."""
    field = F.interpolate(torch.from_numpy(coarse)[None, None], scale_factor=factor, mode="trilinear")
    return np.asarray(field[0, 0].numpy(), dtype=np.float32)


def _mottle(shape: tuple[int, ...], amplitude: float, rng: np.random.Generator) -> Float32Array:
    coarse = amplitude * rng.standard_normal(tuple(n // 4 + 2 for n in shape), dtype=np.float32)
    return enlarge(coarse, 4)[tuple(slice(0, n) for n in shape)]


def blend(
    hu: Float32Array, nodule: RenderedNodule, corner: tuple[int, int, int], optics: Optics, rng: np.random.Generator
) -> None:
    """Blend the nodule into `hu` [k, j, i] in place, its cube starting at voxel `corner` (parts outside are cut).

    Sub-solid nodules let vessels and walls show through; the nodule brings noise like the background's.
    """
    there, here = overlap(hu.shape, corner, nodule.opacity.shape)
    opacity, target, old = nodule.opacity[here], nodule.target_hu[here], hu[there]
    if not old.size:
        return
    noise = ndimage.gaussian_filter(rng.normal(size=opacity.shape), 0.6, truncate=2.0) * (optics.noise_hu * 2.2)
    new = old + opacity * (target + noise - old)
    hu[there] = np.where(old > SOLID_LIKE_HU, np.maximum(old, new), new)


def contrast_hu(before: Float32Array, after: Float32Array, opacity: Float32Array) -> float:
    """How much the nodule's core (opacity of at least one half) is brighter than what was there; 0 without a core.

    All three are [k, j, i] of one box.
    """
    core = opacity >= CORE_OPACITY
    return float((after - before)[core].mean()) if core.any() else 0.0


def is_visible(before: Float32Array, after: Float32Array, opacity: Float32Array) -> bool:
    """Whether a blended nodule stands out: by 150 HU on average, and by 100 HU in three quarters of its core.

    One that a wall or a vessel swallows does not, nor one fainter than what readers outline. The three arrays [k, j, i]
    are of the same box; the opacity is that of the nodule.
    """
    core = opacity >= CORE_OPACITY
    change = (after - before)[core]
    return bool(
        change.size
        and contrast_hu(before, after, opacity) >= LEAST_CONTRAST_HU
        and np.count_nonzero(change > NOTICED_HU) >= NOTICED_SHARE * change.size
    )


Slices = tuple[slice, slice, slice]


def overlap(whole: Sequence[int], corner: Sequence[int], part: Sequence[int]) -> tuple[Slices, Slices]:
    """Where a part at `corner` lies in the whole, and which of the part that is; empty slices when it lies outside."""
    there, here = [], []
    for size, start, length in zip(whole, corner, part, strict=True):
        low = min(max(0, start), size)
        high = max(low, min(size, start + length))
        there.append(slice(low, high))
        here.append(slice(low - start, high - start) if high > low else slice(0, 0))
    return (there[0], there[1], there[2]), (here[0], here[1], here[2])


def centre_of_mass(opacity: Float32Array) -> FloatArray:
    """The centre (k, j, i) of an opacity map [k, j, i], in voxels."""
    others = ((1, 2), (0, 2), (0, 1))
    sums = [opacity.sum(axis=axes) for axes in others]
    return np.array([np.average(np.arange(len(weights)), weights=weights) for weights in sums])
