"""From the map into a patient to the record `Heart`: masks, blood, courses, and how much of the heart is in view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from cad.domain import BoolArray, Float32Array, FloatArray, Grid, Heart, Mask, Volume
from cad.geometry import indices_of, positions_of
from models.calcium.aorta import SPACING_MM, fit_axis
from models.calcium.atlas import Atlas, Drawings, outline_depth
from models.calcium.fit import Fit, fit_chest
from models.calcium.frames import HeartMap, Seen, coarser, see

LATTICE_MM = 4.0
GROWN_MM = 7.0
"""The drawn outline may be so far within the patient's heart where lung lies beyond it."""

NEAR_LUNG_MM = 9.0
LUNG_VIEW = 0.45
"""Below this part of the step from lung to tissue (`frames.LUNG_WINDOW_HU`) a place is lung."""

LUNG_HU = -300
"""Voxels below it are no part of the heart."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedHeart(Heart):
    """A heart with the map that found it, the axis of the aorta [n, 4] (x, y, z, radius; LPS mm), and its likeness."""

    map: HeartMap
    axis: FloatArray
    likeness: float


def find_heart(volume: Volume, atlas: Atlas) -> FittedHeart | None:
    """The heart in a chest CT; None when there is none in view. Lungs are not asked for: they may be cut off."""
    with _on_one_thread():
        return _found(volume, atlas)


@contextmanager
def _on_one_thread() -> Iterator[None]:
    """Hundreds of small steps gain little from threads, and lose tenfold where these wait for a core that is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _found(volume: Volume, atlas: Atlas) -> FittedHeart | None:
    fine = see(volume, SPACING_MM)
    image = coarser(fine, round(atlas.chest.frame.spacing_mm / SPACING_MM))
    fit = fit_chest(atlas.chest, image)
    if fit is None or fit.likeness < atlas.least_likeness:
        return None
    return fit_heart(volume, fine, fit, atlas)


def fit_heart(volume: Volume, fine: Seen, fit: Fit, atlas: Atlas) -> FittedHeart:
    """The record for a map that was found; `fine` is the volume seen at `aorta.SPACING_MM`."""
    drawings, found = atlas.drawings, fit.map
    axis = fit_axis(drawings.aorta, found, fine)
    depth = outline_depth(drawings, found.frame)
    courses = tuple((artery, _carried(found, course)) for artery, course in atlas.courses)
    aorta = _aorta_mask(volume, axis)
    heart = _heart_mask(volume, found, _allowed(depth, atlas)) & ~(aorta & ~_inside(volume, found, depth))
    return FittedHeart(
        heart=Mask(heart, volume.grid),
        aorta=Mask(aorta, volume.grid),
        blood=Mask(_blood_mask(volume, found, drawings, axis), volume.grid),
        courses=courses,
        coverage=coverage_of(found, depth, fine),
        map=found,
        axis=axis,
        likeness=fit.likeness,
    )


def coverage_of(found: HeartMap, depth: Float32Array, image: Seen) -> float:
    """The part of the drawn heart, `depth` [k, j, i] above 0 in the frame, that lies in the field of view."""
    inside = torch.from_numpy(depth.reshape(-1) > 0)
    _, known = image.at(found.to_patient(found.frame.places()[inside]))
    return float((known > 0.5).float().mean())


def _carried(found: HeartMap, points: FloatArray) -> FloatArray:
    moved = found.to_patient(torch.tensor(points[:, :3], dtype=torch.float32))
    carried: FloatArray = moved.double().numpy()
    return carried


def _allowed(depth: Float32Array, atlas: Atlas) -> Float32Array:
    """The depth with the outline grown towards the mean lungs, by no more than `GROWN_MM`."""
    spacing = atlas.chest.frame.spacing_mm
    lung = atlas.chest.views[0].numpy() < LUNG_VIEW
    away = ndimage.distance_transform_edt(~lung) * spacing
    growth = GROWN_MM * np.clip((NEAR_LUNG_MM + 4 - away) / 4, 0, 1)
    return np.asarray(depth + growth, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Coarse places in a box of a volume: `at` gives for each axis the voxel indices of its planes."""

    grid: Grid
    at: tuple[FloatArray, FloatArray, FloatArray]

    def positions(self) -> FloatArray:
        """LPS positions [a · b · c, 3]."""
        k, j, i = np.meshgrid(*self.at, indexing="ij")
        return positions_of(self.grid, np.stack([k, j, i], axis=-1).reshape(-1, 3))

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The voxels between the outer planes."""
        k, j, i = (slice(int(np.ceil(a[0])), int(np.floor(a[-1])) + 1) for a in self.at)
        return k, j, i

    def filled(self, values: FloatArray | Float32Array) -> Float32Array:
        """Values [a · b · c] at the places, on every voxel of the box, linear between places."""
        field = np.asarray(values, dtype=np.float32).reshape(tuple(len(a) for a in self.at))
        for axis, (planes, part) in enumerate(zip(self.at, self.box, strict=True)):
            field = np.moveaxis(np.tensordot(_linear(planes, part), field, axes=(1, axis)), 0, axis)
        return field


def _linear(planes: FloatArray, part: slice) -> Float32Array:
    at = np.arange(part.start, part.stop, dtype=np.float64)
    step = planes[1] - planes[0] if len(planes) > 1 else 1.0
    distance = np.abs(at[:, None] - planes[None]) / step
    return np.asarray(np.clip(1 - distance, 0, 1), dtype=np.float32)


def lattice_around(grid: Grid, positions: FloatArray, margin_mm: float) -> Lattice:
    """A lattice over the part of the grid that holds LPS positions [n, 3], with a margin."""
    index = indices_of(grid, positions)
    at = []
    for axis, (size, spacing) in enumerate(zip(grid.shape, grid.spacing_kji_mm, strict=True)):
        low = min(max(index[:, axis].min() - margin_mm / spacing, 0.0), size - 1.0)
        high = max(min(index[:, axis].max() + margin_mm / spacing, size - 1.0), low)
        count = max(2, int(np.ceil((high - low) * spacing / LATTICE_MM)) + 1)
        at.append(np.linspace(np.floor(low), max(np.ceil(high), np.floor(low) + 1e-3), count))
    return Lattice(grid, (at[0], at[1], at[2]))


def _frame_field(volume: Volume, found: HeartMap, field: Float32Array) -> tuple[Lattice, Float32Array]:
    """A field of the frame on the voxels of a box of the volume that holds all of its positive part."""
    inside = torch.from_numpy(field.reshape(-1) > 0)
    corners = found.to_patient(found.frame.places()[inside]).double().numpy()
    lattice = lattice_around(volume.grid, corners, LATTICE_MM)
    places = found.to_frame(torch.tensor(lattice.positions(), dtype=torch.float32))
    values = found.frame.sample(torch.from_numpy(field)[None], places)[0].numpy()
    return lattice, lattice.filled(values)


def _inside(volume: Volume, found: HeartMap, depth: Float32Array) -> BoolArray:
    lattice, values = _frame_field(volume, found, depth)
    mask: BoolArray = np.zeros(volume.grid.shape, dtype=np.bool_)
    mask[lattice.box] = values > 0
    return mask


def _heart_mask(volume: Volume, found: HeartMap, allowed: Float32Array) -> BoolArray:
    """The voxels of tissue within the outline that was grown towards the lungs; the largest piece."""
    lattice, values = _frame_field(volume, found, allowed)
    tissue = (values > 0) & (volume.hu[lattice.box] > LUNG_HU)
    radius = 2.0
    for axis in (1, 2):
        size = max(1, 2 * round(radius / volume.grid.spacing_kji_mm[axis]) + 1)
        tissue = ndimage.minimum_filter1d(tissue.view(np.uint8), size, axis=axis, mode="nearest").view(np.bool_)
    for axis in (1, 2):
        size = max(1, 2 * round(radius / volume.grid.spacing_kji_mm[axis]) + 1)
        tissue = ndimage.maximum_filter1d(tissue.view(np.uint8), size, axis=axis, mode="nearest").view(np.bool_)
    labels, count = ndimage.label(tissue)
    mask: BoolArray = np.zeros(volume.grid.shape, dtype=np.bool_)
    if count:
        mask[lattice.box] = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return mask


def _aorta_mask(volume: Volume, axis: FloatArray) -> BoolArray:
    return _balls_mask(volume, axis[::2])


def _balls_mask(volume: Volume, balls: FloatArray) -> BoolArray:
    """The union of balls [n, 4] (x, y, z, radius; LPS mm)."""
    mask: BoolArray = np.zeros(volume.grid.shape, dtype=np.bool_)
    lattice = lattice_around(volume.grid, balls[:, :3], float(balls[:, 3].max()) + LATTICE_MM)
    positions = torch.tensor(lattice.positions(), dtype=torch.float32)
    centres = torch.tensor(balls[:, :3], dtype=torch.float32)
    within = (torch.tensor(balls[:, 3], dtype=torch.float32) - torch.cdist(positions, centres)).max(dim=1).values
    mask[lattice.box] = lattice.filled(within.numpy()) > 0
    return mask


def _blood_mask(volume: Volume, found: HeartMap, drawings: Drawings, axis: FloatArray) -> BoolArray:
    """Balls well within chambers and aorta; where the heart's drawing is in lung or fat, nothing."""
    size = float(torch.linalg.det(found.matrix).abs()) ** (1 / 3)
    mask: BoolArray = np.zeros(volume.grid.shape, dtype=np.bool_)
    for ball, centre in zip(drawings.blood, _carried(found, drawings.blood), strict=True):
        near = axis[np.argmin(np.linalg.norm(axis[:, :3] - centre, axis=1))]
        if np.linalg.norm(near[:3] - centre) < near[3]:
            centre = near[:3]
        mask |= _ball(volume.grid, centre, ball[3] * size)
    return mask


def _ball(grid: Grid, centre: FloatArray, radius_mm: float) -> BoolArray:
    mask: BoolArray = np.zeros(grid.shape, dtype=np.bool_)
    index = indices_of(grid, centre[None])[0]
    reach = radius_mm / np.array(grid.spacing_kji_mm)
    low = np.clip(np.ceil(index - reach), 0, np.array(grid.shape)).astype(int)
    high = np.clip(np.floor(index + reach) + 1, low, np.array(grid.shape)).astype(int)
    k, j, i = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij")
    offset = positions_of(grid, np.stack([k, j, i], axis=-1).reshape(-1, 3).astype(np.float64)) - centre
    inside = np.linalg.norm(offset, axis=1) <= radius_mm
    mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = inside.reshape(k.shape)
    return mask
