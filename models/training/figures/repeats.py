"""Digital nodules imaged again and again: every shape, place, slice, kernel and noise, with the true volume known.

A nodule is drawn on a grid finer than the scanner's, filtered by the kernel's transfer function in the plane and the
slice profile across it, and sampled: no step but the noise and the storage as whole HU loses attenuation. What is
drawn at random comes from a seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import (
    Candidate,
    Composition,
    Float32Array,
    FloatArray,
    LungMask,
    NoduleReading,
    PointLps,
    Volume,
)
from cad.geometry import grid_from
from models.phantom.nodules import SyntheticNodule

LUNG_HU = -860.0
SOLID_HU = 40.0
GROUND_GLASS_HU = -600.0
PIXEL_MM = 0.7
FINE_MM = 0.35
"""The nodule is drawn this finely or finer; its coverage is counted, so that its volume is known to about 0.1 %."""

CENTRE_ERROR_MM = 1.0
SIZE_ERROR = 0.2
"""How far a detector's centre and diameter are off at most."""

READERS_PIXELS = 0.5
"""How far readers draw outside of the half-way border, in pixels."""
READING_MARGIN_MM = 4.0
READING_BLUR_PIXELS = 1.5


@dataclass(frozen=True, slots=True)
class Kernel:
    """A reconstruction kernel: a Gaussian in the plane, sharpened by `gain` times what a wider one takes away."""

    name: str
    sigma_mm: float
    gain: float = 0.0
    sharpened_mm: float = 0.8

    def transfer(self, frequency: FloatArray) -> FloatArray:
        """Modulation transfer [...] at spatial frequencies [...] in the plane, in 1/mm; 1 at 0: integrals are kept."""
        passed = np.exp(-2 * (math.pi * self.sigma_mm * frequency) ** 2)
        wide = np.exp(-2 * (math.pi * self.sharpened_mm * frequency) ** 2)
        result: FloatArray = passed * (1 + self.gain * (1 - wide))
        return result


KERNELS = (Kernel("soft", 0.65), Kernel("standard", 0.5), Kernel("sharp", 0.35, gain=0.8))
"""Half of the contrast passes at 2.9, 3.7 and 7.3 line pairs per cm; the sharp one enhances edges by a quarter."""

NOISE_HU = (10.0, 20.0, 35.0)
SLICES_MM = (0.6, 1.25, 2.5)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a nodule is imaged: slices `slice_mm` thick and apart, a kernel and the noise in HU (one pixel's)."""

    slice_mm: float
    kernel: Kernel
    noise_hu: float


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """One image of one nodule in lung, what a detector and a network would say of it, and its true volume."""

    volume: Volume
    lungs: LungMask
    candidate: Candidate
    reading: NoduleReading
    true_mm3: float


def an_ellipsoid(diameter_mm: float, hu: float, rng: np.random.Generator, elongation: float = 0.0) -> SyntheticNodule:
    """A ball, or an ellipsoid of the same volume whose axes differ by up to `elongation` (natural log), turned."""
    stretch = np.exp(rng.permutation([-elongation, 0.0, elongation]))
    return _shape(diameter_mm, hu, rng, stretch)


def a_lobulated(diameter_mm: float, hu: float, rng: np.random.Generator) -> SyntheticNodule:
    """A lobulated nodule; its volume is larger than that of the ball of this diameter."""
    bumps = rng.normal(size=(6, 3))
    bumps /= np.linalg.norm(bumps, axis=1, keepdims=True)
    return _shape(diameter_mm, hu, rng, np.exp(rng.uniform(-0.15, 0.15, 3)), (bumps, rng.uniform(0.02, 0.25, 6)))


def _shape(
    diameter_mm: float,
    hu: float,
    rng: np.random.Generator,
    stretch: FloatArray,
    lobes: tuple[FloatArray, FloatArray] | None = None,
) -> SyntheticNodule:
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    bumps, heights = lobes or (np.zeros((0, 3)), np.zeros(0))
    return SyntheticNodule(
        name="repeat",
        centre=np.zeros(3),
        diameter_mm=diameter_mm,
        kind=Composition.SOLID if hu > -300 else Composition.GROUND_GLASS,
        location="intraparenchymal",
        turn=turn,
        stretch=stretch / np.prod(stretch) ** (1 / 3),
        bumps=bumps,
        heights=heights,
        hu=hu,
    )


def repeats(
    nodule: SyntheticNodule, slice_mm: float, kernel: Kernel, noises_hu: tuple[float, ...], rng: np.random.Generator
) -> Iterator[Repeat]:
    """The nodule at one random place of the voxel grid, once with each noise."""
    scene = _drawn(nodule, slice_mm, rng)
    clean = _imaged(scene, nodule.hu, kernel)
    candidate = _detected(scene, rng)
    reading = _read(scene)
    for noise_hu in noises_hu:
        hu = clean + noise_hu * _unit_noise(clean.shape, kernel, rng)
        grid = grid_from(clean.shape, (slice_mm, PIXEL_MM, PIXEL_MM), PointLps(*scene.origin_xyz))
        stored = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
        lungs = LungMask(np.full(clean.shape, LungMask.LEFT, dtype=np.uint8), grid)
        yield Repeat(Volume(stored, grid, "1.2.3"), lungs, candidate, reading, scene.volume_mm3)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """A nodule's signed distance [k, j, i] on the fine grid, of which each source voxel has `steps` per axis."""

    distance_mm: Float32Array
    steps: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_xyz: tuple[float, float, float]
    centroid_xyz: FloatArray
    volume_mm3: float

    @property
    def fine_mm(self) -> tuple[float, float, float]:
        dk, dj, di = (s / n for s, n in zip(self.spacing_mm, self.steps, strict=True))
        return dk, dj, di


def _drawn(nodule: SyntheticNodule, slice_mm: float, rng: np.random.Generator) -> _Scene:
    spacing = (slice_mm, PIXEL_MM, PIXEL_MM)
    steps = tuple(math.ceil(s / FINE_MM - 1e-9) for s in spacing)
    half_mm = 1.25 * nodule.reach_mm + 8.0
    shape = [2 * math.ceil(half_mm / s) for s in spacing]
    origin = [-n / 2 * s + rng.uniform(0, s) for n, s in zip(shape, spacing, strict=True)]
    fine = [s / m for s, m in zip(spacing, steps, strict=True)]
    axes = [o + f * np.arange(n * m) for o, f, n, m in zip(origin, fine, shape, steps, strict=True)]
    near = [np.flatnonzero(np.abs(axis) <= nodule.reach_mm + 2) for axis in axes]
    box = tuple(slice(int(n[0]), int(n[-1]) + 1) for n in near)
    z, y, x = np.meshgrid(*(axis[part] for axis, part in zip(axes, box, strict=True)), indexing="ij")
    field = nodule.field(np.stack([x, y, z], axis=-1))
    slope = np.sqrt(sum(g**2 for g in np.gradient(field, *fine)))
    distance = np.full([len(axis) for axis in axes], 9.0, dtype=np.float32)
    distance[box] = field / np.maximum(slope, 0.3)
    covered = _covered(distance[box], FINE_MM)
    total = float(covered.sum(dtype=np.float64))
    centroid = np.array([float((covered * axis).sum(dtype=np.float64)) / total for axis in (x, y, z)])
    return _Scene(
        distance_mm=distance,
        steps=(steps[0], steps[1], steps[2]),
        spacing_mm=spacing,
        origin_xyz=(origin[2], origin[1], origin[0]),
        centroid_xyz=centroid,
        volume_mm3=total * math.prod(fine),
    )


def _covered(distance_mm: Float32Array, width_mm: float) -> Float32Array:
    covered: Float32Array = np.clip(0.5 - distance_mm / np.float32(width_mm), 0, 1)
    return covered


def _imaged(scene: _Scene, hu: float, kernel: Kernel) -> FloatArray:
    """The image [k, j, i] in HU at the source voxels, without noise."""
    covered = _covered(scene.distance_mm, FINE_MM)
    fk, fj, fi = (np.fft.fftfreq(n, s) for n, s in zip(covered.shape, scene.fine_mm, strict=True))
    half = fi[: covered.shape[2] // 2 + 1]
    in_plane = kernel.transfer(np.hypot(fj[:, None], half[None, :]))
    across = np.sinc(fk * scene.spacing_mm[0])
    spectrum = np.fft.rfftn(covered) * in_plane * across[:, None, None]
    k, j, i = scene.steps
    blurred = np.fft.irfftn(spectrum, covered.shape, axes=(0, 1, 2))[::k, ::j, ::i]
    result: FloatArray = LUNG_HU + (hu - LUNG_HU) * blurred
    return result


def _unit_noise(shape: tuple[int, ...], kernel: Kernel, rng: np.random.Generator) -> FloatArray:
    """Noise of standard deviation 1 with the grain of filtered back-projection: a ramp times the kernel, in the plane.

    Slices are independent.
    """
    _, rows, columns = shape
    frequency = np.hypot(np.fft.fftfreq(rows, PIXEL_MM)[:, None], np.fft.rfftfreq(columns, PIXEL_MM)[None, :])
    grain = np.sqrt(frequency) * kernel.transfer(frequency)
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * grain, (rows, columns))
    result: FloatArray = noise / noise.std()
    return result


def _detected(scene: _Scene, rng: np.random.Generator) -> Candidate:
    """What a detector says: off by up to a millimetre and a fifth of the diameter."""
    direction = rng.normal(size=3)
    off = direction / np.linalg.norm(direction) * CENTRE_ERROR_MM * rng.uniform() ** (1 / 3)
    x, y, z = (float(v) for v in scene.centroid_xyz + off)
    size = math.cbrt(6 * scene.volume_mm3 / math.pi) * rng.uniform(1 - SIZE_ERROR, 1 + SIZE_ERROR)
    return Candidate(PointLps(x, y, z), size, 0.9, "repeat")


def _read(scene: _Scene) -> NoduleReading:
    """What a network says that learnt from readers' outlines: the nodule, blurred and a little too wide."""
    outside = scene.distance_mm - np.float32(READERS_PIXELS * PIXEL_MM)
    fine = ndimage.uniform_filter1d(_covered(outside, READING_BLUR_PIXELS * PIXEL_MM), scene.steps[0], axis=0)
    k, j, i = scene.steps
    probability = np.asarray(fine[::k, ::j, ::i], dtype=np.float32)
    margins = [math.ceil(READING_MARGIN_MM / s) for s in scene.spacing_mm]
    hits = [np.flatnonzero((probability >= 0.5).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    low = [max(0, int(hit[0]) - margin) for hit, margin in zip(hits, margins, strict=True)]
    high = [int(hit[-1]) + 1 + margin for hit, margin in zip(hits, margins, strict=True)]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return NoduleReading(probability[box].copy(), (low[0], low[1], low[2]), 0.85)
