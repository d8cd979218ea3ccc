"""A lung of crossing vessels given by formulas, so that it can be scanned after any known deformation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cad.domain import FloatArray, Grid, LungMask, PointLps, Volume
from cad.geometry import grid_from, positions_of
from models.registration.deformable import Level
from models.registration.images import Scan
from models.registration.registrar import RegistrationSettings

RADII = np.array([52.0, 60.0, 64.0])
"""Half extents (x, y, z) of the lung, in mm, around the origin."""
VESSELS = 70
QUICK = RegistrationSettings(
    levels=(Level(4.0, 24.0, 40, 8_000, 1.0, 200.0), Level(2.5, 12.0, 40, 10_000, 0.6, 40.0)),
    levels_back=(),
)
"""Two resolutions, which are enough for a small lung."""

Warp = Callable[[FloatArray], FloatArray]


def unmoved(positions: FloatArray) -> FloatArray:
    """The same positions."""
    return positions


def scan_grid(spacing: tuple[float, float, float] = (2.5, 2.5, 2.5), first: float = -75.0, top: float = 75.0) -> Grid:
    """A grid around the lung whose lowest slice is at z = `first` and highest at `top`."""
    shape = (int((top - first) / spacing[0]) + 1, int(150 / spacing[1]), int(140 / spacing[2]))
    return grid_from(shape, spacing, PointLps(-69.0, -74.0, first))


def a_scan(warp: Warp = unmoved, grid: Grid | None = None, *, vessels: int = VESSELS, seed: int = 1) -> Scan:
    """A scan of the lung: what it shows at a position is what the lung has at `warp(position)`."""
    grid = grid or scan_grid()
    indices = np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3).astype(np.float64)
    places = warp(positions_of(grid, indices))
    inside = np.square(places / RADII).sum(axis=1) <= 1
    hu = np.where(inside, -860.0, 40.0)
    hu[inside] = np.maximum(hu[inside], _vessels(places[inside], vessels, seed))
    hu += np.random.default_rng(seed + 1000).normal(0, 15, len(hu))
    volume = Volume(hu.round().astype(np.int16).reshape(grid.shape), grid, "1.2.3")
    return Scan(volume, LungMask(np.where(inside, LungMask.RIGHT, 0).astype(np.uint8).reshape(grid.shape), grid))


def _vessels(places: FloatArray, count: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    hu = np.full(len(places), -860.0)
    for _ in range(count):
        through, along = rng.uniform(-0.7, 0.7, 3) * RADII, rng.normal(size=3)
        along /= np.linalg.norm(along)
        away = places - through
        distance = np.sqrt(np.maximum(0, np.square(away).sum(axis=1) - np.square(away @ along)))
        hu = np.maximum(hu, -860 + 860 / (1 + np.exp((distance - rng.uniform(1.5, 3.0)) / 0.6)))
    return hu


def inner_points(share: float = 0.85, count: int = 200) -> FloatArray:
    """Positions [n, 3] in the lung, those within `share` of its radii."""
    points = np.random.default_rng(5).uniform(-1, 1, (4 * count, 3))
    inner: FloatArray = points[np.square(points).sum(axis=1) <= share**2][:count] * RADII
    return inner
