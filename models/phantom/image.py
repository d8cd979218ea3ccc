"""From shapes to a CT image: sampling on a grid, lungs with vessels and nodules, scanner blur and noise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import Float32Array, Grid, Int16Array, PointLps
from cad.geometry import grid_from
from models.phantom.anatomy import AIR_HU, BLOOD_HU, Build, Positions, chest, coverage
from models.phantom.coronaries import Plaque, artery_course, points_around
from models.phantom.deformation import Deformation
from models.phantom.nodules import SyntheticNodule, solid_part
from models.phantom.vessels import Tree

PARENCHYMA_HU = -868.0
GRAVITY_HU_PER_MM = 0.32
"""The lung of a lying patient is denser towards the back."""
TEXTURE_HU = 14.0
TEXTURE_MM = 5.0

TILE_KJI = (10, 64, 64)
"""Voxels evaluated at once; most shapes miss most tiles, and a tile fits the processor's cache."""

BLUR_IN_PLANE_MM = 0.65
SLICE_BLUR = 0.35
"""Standard deviation of the slice profile in slices: a full width at half maximum of about 0.8 slices."""
NOISE_HU = 21.0
NOISE_GRAIN_PX = 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All that is in one chest at one visit."""

    build: Build
    deformation: Deformation
    vessels: Sequence[Tree]
    airways: Sequence[Tree]
    nodules: tuple[SyntheticNodule, ...]
    plaques: tuple[Plaque, ...]


def scan_grid(pixels: int = 320, slices: int = 150, pixel_mm: float = 1.1, slice_mm: float = 2.0) -> Grid:
    """The canonical grid of the scan; x and y are centred, z starts at 0."""
    edge = -pixel_mm * (pixels - 1) / 2
    return grid_from((slices, pixels, pixels), (slice_mm, pixel_mm, pixel_mm), PointLps(edge, edge + 8.0, 0.0))


def noise_free(scene: Scene, grid: Grid, rng: np.random.Generator) -> Float32Array:
    """The blurred image [k, j, i] in HU before noise."""
    hu, in_lungs = _background(scene, grid)
    inside = _lung_inside(scene, grid, rng)
    for tree in scene.airways:
        _paint_airways(inside, grid, tree)
    _paint_nodules(inside, grid, scene.nodules, solid=False)
    blood = np.zeros(grid.shape, dtype=np.float32)
    for tree in scene.vessels:
        _paint_tubes(blood, grid, tree)
    inside += (BLOOD_HU - inside) * blood
    _paint_nodules(inside, grid, scene.nodules, solid=True)
    hu += (inside - hu) * in_lungs
    _paint_coronaries(hu, grid, scene)
    return _blurred(hu, grid)


def with_noise(hu: Float32Array, rng: np.random.Generator) -> Int16Array:
    """The image [k, j, i] as a scanner gives it: grainy noise in the plane, stored as whole HU in 12 bits."""
    noise = rng.standard_normal(hu.shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, (0.3, NOISE_GRAIN_PX, NOISE_GRAIN_PX), truncate=3)
    noise *= NOISE_HU / float(noise[::10].std())
    stored: Int16Array = np.clip(np.rint(hu + noise), -1024, 3071).astype(np.int16)
    return stored


def _background(scene: Scene, grid: Grid) -> tuple[Float32Array, Float32Array]:
    """HU outside the lungs, and how much of each voxel is lung."""
    hu = np.empty(grid.shape, dtype=np.float32)
    in_lungs = np.empty(grid.shape, dtype=np.float32)

    def fill(tile: tuple[slice, slice, slice]) -> None:
        tissue = chest(scene.deformation.to_earlier(_tile_positions(grid, tile)), scene.build)
        hu[tile] = tissue.hu
        in_lungs[tile] = coverage(tissue.lungs)

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(fill, _tiles(grid)))
    return hu, in_lungs


def _tiles(grid: Grid) -> Iterator[tuple[slice, slice, slice]]:
    starts = (range(0, n, t) for n, t in zip(grid.shape, TILE_KJI, strict=True))
    for k, j, i in itertools.product(*starts):
        yield slice(k, k + TILE_KJI[0]), slice(j, j + TILE_KJI[1]), slice(i, i + TILE_KJI[2])


def _tile_positions(grid: Grid, tile: tuple[slice, slice, slice]) -> Positions:
    dk, dj, di = grid.spacing_kji_mm
    x0, y0, z0 = (float(v) for v in grid.affine[:3, 3])
    k, j, i = (np.arange(n, dtype=np.float32)[part] for n, part in zip(grid.shape, tile, strict=True))
    return Positions((x0 + di * i)[None, None, :], (y0 + dj * j)[None, :, None], (z0 + dk * k)[:, None, None])


def _lung_inside(scene: Scene, grid: Grid, rng: np.random.Generator) -> Float32Array:
    """Parenchyma: air and septa, denser at the back, with a slow texture."""
    dk, dj, di = grid.spacing_kji_mm
    coarse = tuple(max(4, round(n * s / TEXTURE_MM)) for n, s in zip(grid.shape, (dk, dj, di), strict=True))
    texture = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), 1.0)
    texture *= TEXTURE_HU / float(texture.std())
    zoom = [n / c for n, c in zip(grid.shape, coarse, strict=True)]
    hu: Float32Array = ndimage.zoom(texture, zoom, order=1, grid_mode=True, mode="nearest").astype(np.float32)
    y = float(grid.affine[1, 3]) + dj * np.arange(grid.shape[1], dtype=np.float32)
    hu += np.float32(PARENCHYMA_HU) + np.float32(GRAVITY_HU_PER_MM) * y[None, :, None]
    _paint_fissures(hu, scene, grid)
    return hu


def _paint_fissures(hu: Float32Array, scene: Scene, grid: Grid) -> None:
    """Oblique fissures on both sides and the horizontal one on the right, as thin sheets."""
    for tile in _tiles(grid):
        at = scene.deformation.to_earlier(_tile_positions(grid, tile)).scaled(scene.build.scale)
        oblique = at.z - (155 + 0.95 * at.y + 7 * np.sin(at.x / 30))
        horizontal = np.where((at.x < 0) & (oblique > 0), at.z - (158 - 0.12 * at.y + 5 * np.sin(at.x / 22)), 1e3)
        sheet = np.minimum(np.abs(oblique) * 0.72, np.abs(horizontal))
        hu[tile] += 230 * coverage((sheet - 0.3).astype(np.float32), 1.6)


def _paint_tubes(cover: Float32Array, grid: Grid, tree: Tree, extra_mm: float = 0.0) -> None:
    """Raise `cover` to how much of each voxel the tubes fill; tubes thinner than a pixel fill it in part."""
    for start, end, radius in zip(tree.starts, tree.ends, tree.radii_mm + extra_mm, strict=True):
        middle, half = (start + end) / 2, np.abs(end - start) / 2
        box, points = _box(grid, middle, half + radius + 1.5)
        axis = end - start
        offset = points - start.astype(np.float32)
        along = np.clip((offset @ axis.astype(np.float32)) / np.float32(max(axis @ axis, 1e-6)), 0, 1)
        away = offset - along[..., None] * axis.astype(np.float32)
        field = np.sqrt((away**2).sum(axis=-1)) - np.float32(radius)
        filled = coverage(field, 1.1) * np.float32(min(1.0, (radius / 0.75) ** 2 if radius < 0.75 else 1.0))
        np.maximum(cover[box], filled, out=cover[box])


def _box(
    grid: Grid,
    centre: np.ndarray[tuple[int], np.dtype[np.float64]],
    half_mm: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[tuple[slice, slice, slice], Float32Array]:
    """Voxels of an axis-aligned canonical grid within `half_mm` [3] (x, y, z) of `centre`, and their positions."""
    origin, spacing = grid.affine[:3, 3], np.array(grid.spacing_kji_mm)[::-1]
    size = np.array(grid.shape)[::-1]
    low = np.clip(np.floor((centre - half_mm - origin) / spacing).astype(int), 0, size)
    high = np.clip(np.ceil((centre + half_mm - origin) / spacing).astype(int) + 1, 0, size)
    points = np.empty((high[2] - low[2], high[1] - low[1], high[0] - low[0], 3), dtype=np.float32)
    for axis in range(3):
        values = origin[axis] + spacing[axis] * np.arange(low[axis], high[axis])
        points[..., axis] = values.reshape([-1 if d == 2 - axis else 1 for d in range(3)])
    return (slice(low[2], high[2]), slice(low[1], high[1]), slice(low[0], high[0])), points


def _paint_airways(inside: Float32Array, grid: Grid, tree: Tree) -> None:
    wall = np.zeros(grid.shape, dtype=np.float32)
    lumen = np.zeros(grid.shape, dtype=np.float32)
    _paint_tubes(wall, grid, tree, extra_mm=0.9)
    _paint_tubes(lumen, grid, tree)
    inside += (0 - inside) * wall * 0.75
    inside += (AIR_HU - inside) * lumen


def _paint_nodules(inside: Float32Array, grid: Grid, nodules: tuple[SyntheticNodule, ...], *, solid: bool) -> None:
    for nodule in nodules:
        box, points = points_around(grid, nodule.centre, nodule.reach_mm)
        if solid:
            cover, hu = solid_part(nodule, points), max(nodule.hu, 25.0)
        else:
            cover, hu = coverage(nodule.field(points).astype(np.float32), 2.0), nodule.hu
        inside[box] += (np.float32(hu) - inside[box]) * cover


def _paint_coronaries(hu: Float32Array, grid: Grid, scene: Scene) -> None:
    for artery in ("LAD", "LCX", "RCA"):
        course = scene.deformation.to_later(artery_course(artery, scene.build))
        cover = np.zeros(grid.shape, dtype=np.float32)
        _paint_tubes(cover, grid, Tree(course[:-1], course[1:], np.full(len(course) - 1, 1.6)))
        hu += (BLOOD_HU - hu) * cover
    for plaque in scene.plaques:
        box, points = points_around(grid, plaque.centre, plaque.reach_mm)
        hu[box] += (np.float32(plaque.hu) - hu[box]) * coverage(plaque.field(points).astype(np.float32), 1.0)


def _blurred(hu: Float32Array, grid: Grid) -> Float32Array:
    """The image after the scanner's in-plane blur and slice profile."""
    _, dj, di = grid.spacing_kji_mm
    sigmas = (SLICE_BLUR, BLUR_IN_PLANE_MM / dj, BLUR_IN_PLANE_MM / di)
    blurred: Float32Array = ndimage.gaussian_filter(hu, sigmas, truncate=3)
    return blurred
