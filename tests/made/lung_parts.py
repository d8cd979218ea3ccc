"""Parts of lungs made of noise, vessels and balls, for tests that run the shipped networks."""

from __future__ import annotations

import numpy as np

from cad.domain import Int16Array, LungMask, PointLps, Volume
from cad.geometry import grid_from

SPACING_KJI_MM = (1.25, 0.9, 0.9)
SHAPE = (112, 116, 108)
BALLS = (
    ((28.0, 60.0, 40.0), 9.0, 40.0),
    ((60.0, 34.0, 66.0), 6.0, 30.0),
    ((84.0, 76.0, 36.0), 14.0, 10.0),
    ((52.0, 82.0, 74.0), 5.0, 60.0),
    ((90.0, 40.0, 80.0), 8.0, -450.0),
)
"""Centre (k, j, i) in voxels, diameter in mm and HU of each ball."""


def lung_hu(shape: tuple[int, int, int] = SHAPE, *, seed: int = 4) -> Int16Array:
    """Noisy parenchyma [k, j, i] with balls and, across it, some vessels of 2 to 5 mm."""
    rng = np.random.default_rng(seed)
    hu = rng.normal(-860, 25, shape)
    millimetres = np.moveaxis(np.indices(shape), 0, -1) * np.array(SPACING_KJI_MM)
    for _ in range(14):
        through, along = rng.uniform(0, 1, 3) * millimetres[-1, -1, -1], rng.normal(0, 1, 3)
        away = np.linalg.norm(np.cross(millimetres - through, along / np.linalg.norm(along)), axis=-1)
        hu[away < rng.uniform(1.0, 2.5)] = 20
    for centre, diameter_mm, value in BALLS:
        away = np.linalg.norm(millimetres - np.array(centre) * SPACING_KJI_MM, axis=-1)
        hu[away < diameter_mm / 2] = value
    return hu.round().astype(np.int16)


def lung_part() -> tuple[Volume, LungMask]:
    """That lung as a volume, with a mask of all but its rim as the right lung."""
    grid = grid_from(SHAPE, SPACING_KJI_MM, PointLps(-50.0, -50.0, 100.0))
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[8:-8, 8:-8, 8:-8] = LungMask.RIGHT
    return Volume(lung_hu(), grid, "1.2.3"), LungMask(labels, grid)
