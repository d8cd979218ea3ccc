"""Coronary arteries on the synthetic heart, calcified plaques in them, and the Agatston score of the plain image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import Float32Array, FloatArray, Grid
from cad.geometry import indices_of
from models.phantom.anatomy import HEART_CENTRE_MM, HEART_TURN, Build, heart_radii

ARTERY_PATHS = {
    "LAD": ((-0.55, -0.45, 0.70), (0.90, -0.42, 0.05)),
    "LCX": ((-0.60, -0.10, 0.79), (-0.35, 0.90, -0.10)),
    "RCA": ((-0.75, -0.60, 0.25), (-0.45, -0.15, -0.88)),
}
"""First and last direction of each artery from the heart's middle, in the heart's own frame."""

DEPTH = 0.93
"""Arteries run in the fat between muscle and pericardium, at this fraction of the pericardium's radius."""

AGATSTON_HU = 130.0


@dataclass(frozen=True, slots=True, eq=False)
class Plaque:
    """A calcified plaque: an ellipsoid along its artery."""

    artery: str
    centre: FloatArray
    along: FloatArray
    length_mm: float
    width_mm: float
    hu: float

    def field(self, points: FloatArray) -> FloatArray:
        """Rough signed distance of `points` [..., 3] to the surface in mm."""
        offset = points - self.centre
        lengthwise = offset @ self.along
        sideways = np.linalg.norm(offset - lengthwise[..., None] * self.along, axis=-1)
        relative = np.sqrt((lengthwise / (self.length_mm / 2)) ** 2 + (sideways / (self.width_mm / 2)) ** 2)
        surface: FloatArray = (relative - 1) * self.width_mm / 2
        return surface

    @property
    def reach_mm(self) -> float:
        """Half the edge of a box around the centre that holds the plaque."""
        return self.length_mm / 2 + 3


def artery_course(artery: str, build: Build, steps: int = 40) -> FloatArray:
    """Points [steps, 3] along an artery, LPS mm."""
    first, last = (np.array(d) / np.linalg.norm(d) for d in ARTERY_PATHS[artery])
    t = np.linspace(0, 1, steps)[:, None]
    directions = (1 - t) * first + t * last
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    local = directions * np.array(heart_radii(build)) * DEPTH
    course: FloatArray = (local @ HEART_TURN.astype(np.float64) + np.array(HEART_CENTRE_MM)) * np.array(build.scale)
    return course


def place_plaques(build: Build, rng: np.random.Generator) -> tuple[Plaque, ...]:
    """Two plaques in the LAD and one in each of LCX and RCA."""
    plaques = []
    for artery, at in (("LAD", 0.25), ("LAD", 0.5), ("LCX", 0.4), ("RCA", 0.45)):
        course = artery_course(artery, build)
        index = int(np.clip((at + rng.uniform(-0.06, 0.06)) * len(course), 1, len(course) - 2))
        along = course[index + 1] - course[index - 1]
        plaques.append(
            Plaque(
                artery=artery,
                centre=course[index],
                along=along / np.linalg.norm(along),
                length_mm=float(rng.uniform(5, 10)),
                width_mm=float(rng.uniform(2.6, 4)),
                hu=float(rng.uniform(450, 900)),
            )
        )
    return tuple(plaques)


def agatston(hu: Float32Array, grid: Grid, plaques: tuple[Plaque, ...]) -> float:
    """Agatston score of a noise-free image `hu` [k, j, i], of what lies within 3 mm of the plaques.

    Per slice and lesion: area in mm² × weight (1, 2, 3, 4 from 130, 200, 300, 400 HU at the peak), the sum scaled to
    slices of 3 mm. Source: Agatston et al., J Am Coll Cardiol 1990; 15: 827.
    """
    near = np.zeros(grid.shape, dtype=bool)
    for plaque in plaques:
        box, points = points_around(grid, plaque.centre, plaque.reach_mm + 3)
        near[box] |= plaque.field(points) < 3
    dk, dj, di = grid.spacing_kji_mm
    total = 0.0
    for k in np.flatnonzero(near.any(axis=(1, 2))):
        lesions, count = ndimage.label((hu[k] >= AGATSTON_HU) & near[k])
        for number in range(1, count + 1):
            inside = lesions == number
            weight = min(4, int(hu[k][inside].max() // 100)) if hu[k][inside].max() >= 200 else 1
            total += float(np.count_nonzero(inside)) * dj * di * weight
    return round(total * dk / 3.0, 1)


def points_around(grid: Grid, centre: FloatArray, reach_mm: float) -> tuple[tuple[slice, slice, slice], FloatArray]:
    """The box of voxels within `reach_mm` of `centre` along each axis, and the positions [k, j, i, 3] of its voxels."""
    index = indices_of(grid, centre[None])[0]
    reach = reach_mm / np.array(grid.spacing_kji_mm)
    low = np.clip(np.floor(index - reach).astype(int), 0, np.array(grid.shape))
    high = np.clip(np.ceil(index + reach).astype(int) + 1, 0, np.array(grid.shape))
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    k, j, i = (np.arange(a, b) for a, b in zip(low, high, strict=True))
    kji = np.stack(np.meshgrid(k, j, i, indexing="ij"), axis=-1)
    points: FloatArray = kji @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    return box, points
