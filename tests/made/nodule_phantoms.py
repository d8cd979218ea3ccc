"""Digital nodules in lung whose blur and partial volume are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, erfc

from cad.domain import Candidate, FloatArray, LungMask, Marks, Nodule, PointLps, Volume
from cad.geometry import grid_from
from cad.policy import NodulePolicy
from cad.science.nodules import characterise

LUNG_HU = -860.0
Part = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""How far a place (z, y, x in mm) is filled by a structure, 0..1, after the scanner's blur."""


def ball(diameter_mm: float, at: tuple[float, float, float] = (0, 0, 0), blur_mm: float = 0.6) -> Part:
    """A ball convolved with an isotropic Gaussian (closed form)."""
    radius, sigma = diameter_mm / 2, blur_mm

    def filled(z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
        r = np.sqrt((z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2) + 1e-6
        near, far = (r - radius) / (math.sqrt(2) * sigma), (r + radius) / (math.sqrt(2) * sigma)
        rim = sigma / (r * math.sqrt(2 * math.pi)) * (np.exp(-(near**2)) - np.exp(-(far**2)))
        value: FloatArray = (erf(far) - erf(near)) / 2 - rim
        return value

    return filled


def ellipsoid(axes_mm: tuple[float, float, float], blur_mm: float = 0.6) -> Part:
    """An axis-aligned ellipsoid of the diameters (z, y, x), its border blurred along the normal."""

    def filled(z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
        a, b, c = (axis / 2 for axis in axes_mm)
        f = np.sqrt((z / a) ** 2 + (y / b) ** 2 + (x / c) ** 2) + 1e-9
        slope = np.sqrt((z / a**2) ** 2 + (y / b**2) ** 2 + (x / c**2) ** 2) / f + 1e-9
        value: FloatArray = erfc((f - 1) / slope / (math.sqrt(2) * blur_mm)) / 2
        return value

    return filled


def vessel(diameter_mm: float, blur_mm: float = 0.6) -> Part:
    """A long vessel along y through the origin."""

    def filled(z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
        value: FloatArray = erfc((np.sqrt(z**2 + x**2) - diameter_mm / 2) / (math.sqrt(2) * blur_mm)) / 2 + 0 * y
        return value

    return filled


def wall(from_x_mm: float, blur_mm: float = 0.6) -> Part:
    """The chest wall: everything beyond `from_x_mm`."""

    def filled(z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
        value: FloatArray = erfc((from_x_mm - x) / (math.sqrt(2) * blur_mm)) / 2 + 0 * (y + z)
        return value

    return filled


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A volume with its nodule at the origin of the patient's coordinates."""

    volume: Volume
    lungs: LungMask

    def nodule(
        self, diameter_mm: float, at: tuple[float, float, float] = (0, 0, 0), policy: NodulePolicy | None = None
    ) -> Nodule:
        """The nodule that a candidate at (z, y, x) of this diameter becomes."""
        candidate = Candidate(PointLps(at[2], at[1], at[0]), diameter_mm, 0.9, "phantom")
        (nodule,) = characterise(self.volume, self.lungs, Marks((candidate,)), policy or NodulePolicy(), "series")
        return nodule


def a_phantom(
    *parts: tuple[Part, float],
    spacing_mm: tuple[float, float, float] = (1.25, 0.7, 0.7),
    size_mm: float = 36.0,
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    noise_hu: float = 15.0,
    lung_to_x_mm: float = math.inf,
) -> Phantom:
    """Parts (structure, HU) in lung, later parts over earlier ones, averaged over the thickness of each slice.

    `shift_mm` moves the voxel grid against the structures; beyond `lung_to_x_mm` the lung mask is empty.
    """
    shape = tuple(round(size_mm / s) for s in spacing_mm)
    origin = [-(n - 1) * s / 2 + d for n, s, d in zip(shape, spacing_mm, shift_mm, strict=True)]
    z, y, x = (o + s * np.arange(n, dtype=np.float64) for o, s, n in zip(origin, spacing_mm, shape, strict=True))
    layers = np.linspace(-0.5, 0.5, 9)[:-1] + 1 / 16
    hu: FloatArray = np.zeros(shape, dtype=np.float64)
    for layer in layers:
        height = np.asarray(z + layer * spacing_mm[0], dtype=np.float64)[:, None, None]
        slab: FloatArray = np.full(shape, LUNG_HU, dtype=np.float64)
        for part, part_hu in parts:
            slab = slab + part(height, y[None, :, None], x[None, None, :]) * (part_hu - slab)
        hu = hu + slab / len(layers)
    hu = hu + np.random.default_rng(7).normal(0, noise_hu, shape)
    grid = grid_from((shape[0], shape[1], shape[2]), spacing_mm, PointLps(origin[2], origin[1], origin[0]))
    labels = np.broadcast_to(np.where(x <= lung_to_x_mm, LungMask.LEFT, 0), shape).astype(np.uint8)
    return Phantom(Volume(np.rint(hu).astype(np.int16), grid, "1.2.3"), LungMask(labels, grid))
