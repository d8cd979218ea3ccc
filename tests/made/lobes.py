"""A digital chest of two lungs whose fissures are known surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cad.domain import LungMask, NoduleMask, PointLps, Side, Volume
from cad.geometry import grid_from, indices_of, positions_of

Floats = npt.NDArray[np.floating]
LUNG_HU, FISSURE_HU, TISSUE_HU, VESSEL_HU = -860.0, 260.0, 40.0, -100.0
HEIGHT_MM, DEPTH_MM, WIDTH_MM = 240.0, 180.0, 120.0
MIDDLE_X_MM = {Side.RIGHT: -80.0, Side.LEFT: 80.0}


def above_oblique_mm(lps: Floats, side: Side) -> Floats:
    """How far positions [..., 3] lie above the oblique fissure, along z; the lungs stand on z = 0, in front y = -90."""
    x, y, z = lps[..., 0], lps[..., 1], lps[..., 2]
    slope = 1.0 if side is Side.RIGHT else 1.25
    lateral = np.abs(x) - 80
    height: Floats = z - (105 + slope * y + 6 * np.sin(y / 35) - 0.0012 * lateral**2)
    return height


def above_horizontal_mm(lps: Floats) -> Floats:
    """The same for the horizontal fissure of the right lung: a low dome."""
    x, y, z = lps[..., 0], lps[..., 1], lps[..., 2]
    height: Floats = z - (135 - 0.0015 * ((x + 80) ** 2 + (y + 30) ** 2) + 0.06 * y)
    return height


@dataclass(frozen=True, slots=True, eq=False)
class Chest:
    """A volume with its lungs."""

    volume: Volume
    lungs: LungMask

    def ball(self, centre: tuple[float, float, float], diameter_mm: float) -> NoduleMask:
        """The voxels of a ball around an LPS position, as a nodule."""
        grid = self.volume.grid
        middle = np.rint(indices_of(grid, np.array([centre]))[0]).astype(int)
        reach = np.ceil(diameter_mm / 2 / np.array(grid.spacing_kji_mm)).astype(int)
        low = np.maximum(middle - reach, 0)
        high = np.minimum(middle + reach + 1, grid.shape)
        indices = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), -1)
        away = np.linalg.norm(positions_of(grid, indices.reshape(-1, 3)) - np.array(centre), axis=1)
        inside = (away <= diameter_mm / 2).reshape(indices.shape[:3])
        return NoduleMask(inside, (int(low[0]), int(low[1]), int(low[2])), grid)


def a_chest(
    spacing_kji_mm: tuple[float, float, float] = (2.5, 1.25, 1.25),
    *,
    with_fissures: bool = True,
    emphysema: bool = False,
    lowest_z_mm: float = -12.0,
) -> Chest:
    """Two lungs with vessels that end before the fissures, blur, and noise; from `lowest_z_mm` to above the apex."""
    top = HEIGHT_MM + 12
    shape = tuple(
        int(size / step) for size, step in zip((top - lowest_z_mm, DEPTH_MM + 30, 310), spacing_kji_mm, strict=True)
    )
    grid = grid_from((shape[0], shape[1], shape[2]), spacing_kji_mm, PointLps(-155, -DEPTH_MM / 2 - 15, lowest_z_mm))
    z, y, x = (grid.affine[axis, 3] + spacing_kji_mm[2 - axis] * np.arange(shape[2 - axis]) for axis in (2, 1, 0))
    lps = np.stack(np.broadcast_arrays(x[None, None, :], y[None, :, None], z[:, None, None]), axis=-1, dtype=np.float32)
    random = np.random.default_rng(7)
    hu, labels = np.full(shape, TISSUE_HU, dtype=np.float32), np.zeros(shape, dtype=np.uint8)
    vessels = _vessels(shape, spacing_kji_mm, random)
    for side, label in ((Side.RIGHT, LungMask.RIGHT), (Side.LEFT, LungMask.LEFT)):
        inside = _lung(lps, side)
        upright = 1 / np.hypot(1, 1.0 if side is Side.RIGHT else 1.25)  # the z part of the fissure's normal
        fissure = np.abs(above_oblique_mm(lps, side)) * upright
        sheet = _sheet(fissure, spacing_kji_mm[0] * upright)
        if side is Side.RIGHT:
            horizontal = np.where(above_oblique_mm(lps, side) > 0, np.abs(above_horizontal_mm(lps)), np.inf)
            fissure = np.minimum(fissure, horizontal)
            sheet = np.maximum(sheet, _sheet(horizontal, spacing_kji_mm[0]))
        lung = np.where(vessels & (fissure > 8), VESSEL_HU, LUNG_HU)
        if emphysema:
            lung = np.where(
                ndimage.gaussian_filter(random.standard_normal(shape, dtype=np.float32), 3) > 0.02, -990.0, lung
            )
        if with_fissures:
            lung = lung + FISSURE_HU * sheet
        hu, labels = np.where(inside, lung, hu), np.where(inside, np.uint8(label), labels)
    noise = ndimage.gaussian_filter(random.standard_normal(shape, dtype=np.float32), 0.6)
    hu = ndimage.gaussian_filter(hu, 0.4) + 18 * noise / noise.std()
    volume = Volume(np.rint(np.clip(hu, -1024, 3000)).astype(np.int16), grid, "1.2.3")
    return Chest(volume, LungMask(labels, grid))


def _sheet(away_mm: Floats, thickness_mm: float) -> Floats:
    """A thin sheet, 0..1, seen through a scanner's blur and slices that are so thick across it."""
    sigma = np.sqrt(0.7**2 + thickness_mm**2 / 12)
    seen: Floats = 0.7 / sigma * np.exp(-((away_mm / sigma) ** 2) / 2)
    return seen


def _lung(lps: Floats, side: Side) -> npt.NDArray[np.bool_]:
    """Half a rounded tower on a dome: like a lung, with a base that rises in the middle."""
    x, y, z = lps[..., 0] - MIDDLE_X_MM[side], lps[..., 1], lps[..., 2]
    narrowing = np.sqrt(np.clip(1 - (np.clip(z - 110, 0, None) / (HEIGHT_MM - 110)) ** 2, 0, 1))
    in_section = (np.abs(x) / (WIDTH_MM / 2)) ** 2.5 + (np.abs(y) / (DEPTH_MM / 2)) ** 2.5 < narrowing**2.5
    dome = 40 * np.exp(-((x / 45) ** 2) - ((y + 20) / 60) ** 2)
    inside: npt.NDArray[np.bool_] = in_section & (z > dome) & (z < HEIGHT_MM)
    return inside


def _vessels(
    shape: tuple[int, ...], spacing_kji_mm: tuple[float, float, float], random: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Rods of 30 mm in random directions, about one in 2 ml."""
    seeds = np.zeros(shape, dtype=np.bool_)
    size = np.array(shape) * np.array(spacing_kji_mm)
    steps = np.arange(0, 30, 0.6)
    for _ in range(int(size.prod() / 6000)):
        start, along = random.uniform(0, 1, 3) * size, random.standard_normal(3)
        points = start + np.outer(steps, along / np.linalg.norm(along))
        voxels = np.rint(points / np.array(spacing_kji_mm)).astype(int)
        seeds[tuple(voxels[((voxels >= 0) & (voxels < shape)).all(axis=1)].T)] = True
    thick: npt.NDArray[np.bool_] = seeds | ndimage.binary_dilation(seeds, iterations=1) & (
        random.random(shape, dtype=np.float32) < 0.5
    )
    return thick
