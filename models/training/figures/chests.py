"""Chests as thresholds have not met them: one real scan made into many, with the outline that stays true.

Made by another way than the chests that the lung network learns from: at the scan's own resolution, piece by piece, so
that what is measured here is not what was taught. Arrays are [k, j, i] in canonical orientation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, FloatArray, Int16Array, LungMask, UInt8Array, Volume
from cad.geometry import grid_from, position_of

AIR_HU = -1000


@dataclass(frozen=True, slots=True, eq=False)
class VariedChest:
    """A changed scan, the true side labels on its grid (all 0 when it shows no lung), and what was put in, if any."""

    volume: Volume
    lungs: UInt8Array
    put_in: BoolArray | None = None


Change = Callable[[VariedChest, np.random.Generator], VariedChest]


def _spacing(chest: VariedChest) -> tuple[float, float, float]:
    return chest.volume.grid.spacing_kji_mm


def _with(chest: VariedChest, hu: Int16Array, put_in: BoolArray | None = None) -> VariedChest:
    return replace(chest, volume=replace(chest.volume, hu=hu), put_in=put_in)


def _on_grid(hu: Int16Array, lungs: UInt8Array, spacing: tuple[float, float, float], like: Volume) -> VariedChest:
    grid = grid_from(hu.shape, spacing, position_of(like.grid, (0, 0, 0)))
    return VariedChest(Volume(np.ascontiguousarray(hu), grid, like.frame_of_reference_uid), np.ascontiguousarray(lungs))


def _between(chest: VariedChest) -> tuple[int, int, int, int]:
    """First and last slice of the lungs, the row of their middle, the column between them."""
    slices = np.flatnonzero((chest.lungs > 0).any(axis=(1, 2)))
    rows = np.flatnonzero((chest.lungs > 0).any(axis=(0, 2)))
    right = np.flatnonzero((chest.lungs == LungMask.RIGHT).any(axis=(0, 1)))
    left = np.flatnonzero((chest.lungs == LungMask.LEFT).any(axis=(0, 1)))
    return int(slices[0]), int(slices[-1]), int(rows.mean()), int((right.mean() + left.mean()) / 2)


def open_airway(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """Room air from the front of the uppermost slices down between the lungs and into one or both of them."""
    k_mm, j_mm, i_mm = _spacing(chest)
    low, high, row, column = _between(chest)
    hu = chest.volume.hu.copy()
    r = float(rng.uniform(5, 11))
    rj, ri = max(1, round(r / j_mm)), max(1, round(r / i_mm))
    middle = (low + high) // 2
    top = min(hu.shape[0], high + max(2, round(20 / k_mm)))
    hu[middle:top, row - rj : row + rj, column - ri : column + ri] = AIR_HU
    hu[max(middle, top - max(2, round(2 * r / k_mm))) : top, : row + rj, column - ri : column + ri] = AIR_HU
    reach = round(rng.uniform(40, 90) / i_mm)
    for sign in [[1], [-1], [1, -1]][int(rng.integers(3))]:
        ends = sorted((column, column + sign * reach))
        hu[middle : middle + max(1, round(2 * r / k_mm)), row - rj : row + rj, max(0, ends[0]) : ends[1]] = AIR_HU
    return _with(chest, hu)


def couch(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """Foam in a shell behind the patient, flat or curved, as wide as the image."""
    _, j_mm, _ = _spacing(chest)
    pad = round(70 / j_mm)
    hu = np.pad(chest.volume.hu, ((0, 0), (0, pad), (0, 0)), constant_values=AIR_HU)
    lungs = np.pad(chest.lungs, ((0, 0), (0, pad), (0, 0)))
    body = (chest.volume.hu > -200).mean(axis=0) > 0.3
    back = int(np.flatnonzero(body.any(axis=1))[-1])
    j, i = np.ogrid[: hu.shape[1], : hu.shape[2]]
    curve = rng.uniform(-25, 25) / j_mm * ((i - hu.shape[2] / 2) / hu.shape[2]) ** 2
    top = back + curve + round(rng.uniform(0, 8) / j_mm)
    thick, wall = rng.uniform(25, 55) / j_mm, max(1, round(4 / j_mm))
    slab = (j >= top) & (j < top + thick)
    inner = (j >= top + wall) & (j < top + thick - wall) & (i > 3) & (i < hu.shape[2] - 4)
    free = hu[:, :, :] < -300
    foam = rng.uniform(-980, -700)
    hu[free & (slab & inner)[None]] = foam
    hu[free & (slab & ~inner)[None]] = rng.uniform(-300, 100)
    return _on_grid(hu, lungs, _spacing(chest), chest.volume)


def _ball_field(shape: tuple[int, ...], rng: np.random.Generator, cells: int) -> FloatArray:
    small = ndimage.gaussian_filter(rng.standard_normal([cells] * 3), 1.0)
    field: FloatArray = ndimage.zoom(small / small.std(), [n / cells for n in shape], order=1)
    return field[: shape[0], : shape[1], : shape[2]]


def lump(
    chest: VariedChest, centre: tuple[int, int, int], radius_mm: float, rng: np.random.Generator
) -> tuple[tuple[slice, ...], BoolArray]:
    """A box of the scan, and an uneven lump [k, j, i] in it about a centre: what of the ball lies in a lung."""
    spacing = np.array(_spacing(chest))
    reach = np.ceil(1.5 * radius_mm / spacing).astype(int)
    box = tuple(slice(max(0, c - r), c + r + 1) for c, r in zip(centre, reach, strict=True))
    part = chest.lungs[box]
    axes = np.ogrid[tuple(slice(s.start, s.start + n) for s, n in zip(box, part.shape, strict=True))]
    stretch = rng.uniform(0.85, 1.18, 3)
    away = np.sqrt(sum(((a - c) * mm * s) ** 2 for a, c, mm, s in zip(axes, centre, spacing, stretch, strict=True)))
    uneven = 1 + 0.12 * _ball_field(part.shape, rng, 7)
    inside: BoolArray = (away < radius_mm * uneven) & (part > 0)
    return box, inside


PLACES = ("pleura", "mediastinum", "hilum", "apex", "diaphragm")


def site(chest: VariedChest, place: str, rng: np.random.Generator) -> tuple[int, int, int]:
    """A voxel at the border of a lung: at the ribs, the mediastinum, the hilum, in the apex or on the diaphragm."""
    low, high, row, column = _between(chest)
    side = int(rng.integers(1, 3))
    lung = chest.lungs == side
    height = {"apex": (0.82, 0.95), "diaphragm": (0.12, 0.35), "hilum": (0.45, 0.6)}.get(place, (0.35, 0.75))
    k = round(low + rng.uniform(*height) * (high - low))
    plane = lung[k]
    if not plane.any():
        plane = lung.any(axis=0)
    rows, columns = np.nonzero(plane)
    away = np.abs(columns - column)
    if place in ("pleura", "apex", "diaphragm"):
        order = np.argsort(-away - 0.5 * rng.random(len(away)) * np.ptp(away))
    else:
        order = np.argsort(away + np.abs(rows - row) * (2 if place == "hilum" else 0.2))
    n = int(order[int(rng.integers(0, max(1, len(order) // 40)))])
    return k, int(rows[n]), int(columns[n])


def mass(place: str, diameter_mm: float) -> Change:
    """Soft tissue of about this diameter put into a lung at a place, its surface uneven."""

    def change(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
        box, inside = lump(chest, site(chest, place, rng), diameter_mm / 2, rng)
        hu = chest.volume.hu.copy()
        edge = ndimage.gaussian_filter(inside.astype(np.float32), [0.5 / mm for mm in _spacing(chest)])
        tissue = rng.uniform(20, 60) + rng.normal(0, 14, inside.shape)
        part = hu[box].astype(np.float32)
        hu[box] = (
            np.where(edge > 0.01, (1 - edge) * part + edge * np.maximum(tissue, part), part).round().astype(np.int16)
        )
        put_in = np.zeros(hu.shape, dtype=np.bool_)
        put_in[box] = inside
        return _with(chest, hu, put_in)

    return change


def effusion(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """Fluid behind and below in one lung, a tenth to a third of it."""
    side = int(rng.integers(1, 3))
    lung = chest.lungs == side
    k_mm, j_mm, _ = _spacing(chest)
    k, j, _ = np.ogrid[tuple(slice(0, n) for n in lung.shape)]
    depth = np.broadcast_to(j * j_mm - 0.15 * k * k_mm, lung.shape)
    fluid = lung & (depth > np.quantile(depth[lung], rng.uniform(0.67, 0.9)))
    hu = chest.volume.hu.copy()
    hu[fluid] = (rng.uniform(0, 25) + rng.normal(0, 12, int(fluid.sum()))).round().astype(np.int16)
    return _with(chest, hu, fluid)


def emphysema(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """Parenchyma darker by 40 to 90 HU, with a bulla or two."""
    hu = chest.volume.hu.astype(np.int32)
    dark = (chest.lungs > 0) & (hu < -600)
    hu[dark] -= round(rng.uniform(40, 90))
    for _ in range(int(rng.integers(1, 3))):
        where = np.argwhere(chest.lungs[::4, ::8, ::8] > 0)
        centre = where[int(rng.integers(len(where)))] * np.array([4, 8, 8])
        box, inside = lump(chest, (int(centre[0]), int(centre[1]), int(centre[2])), float(rng.uniform(10, 30)), rng)
        part = hu[box]
        part[inside] = -985
    return _with(chest, np.maximum(hu, -1020).astype(np.int16))


def pneumothorax(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """Gas in front of one lung."""
    side = int(rng.integers(1, 3))
    lung = chest.lungs == side
    rows = np.where(lung.any(axis=1), lung.argmax(axis=1), lung.shape[1])
    depth = rng.uniform(10, 25) / _spacing(chest)[1]
    j = np.arange(lung.shape[1])[None, :, None]
    gas = lung & (j < rows[:, None, :] + depth)
    hu = chest.volume.hu.copy()
    hu[gas] = AIR_HU
    return _with(chest, hu)


def air_for_lung(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """A phantom: plain air where parenchyma was, vessels as they are."""
    hu = chest.volume.hu.copy()
    dark = (chest.lungs > 0) & (hu < -650)
    hu[dark] = (AIR_HU + rng.normal(0, 8, int(dark.sum()))).round().astype(np.int16)
    return _with(chest, hu)


def size_of_a_body(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """A child's or a giant's chest: the same voxels, 0.5 to 1.25 times as large."""
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.25))))
    k, j, i = (mm * scale for mm in _spacing(chest))
    return _on_grid(chest.volume.hu, chest.lungs, (k, j, i), chest.volume)


def wide_field(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """A field of view of up to 650 mm, room air around the patient or nothing."""
    _, j_mm, i_mm = _spacing(chest)
    _, rows, columns = chest.volume.hu.shape
    pads = [(0, 0)]
    for n, mm in ((rows, j_mm), (columns, i_mm)):
        missing = max(0, round(650 / mm) - n)
        before = int(missing * rng.uniform(0.3, 0.7))
        pads.append((before, missing - before))
    value = int(rng.choice([AIR_HU, -1024]))
    hu = np.pad(chest.volume.hu, pads, constant_values=value)
    return _on_grid(hu, np.pad(chest.lungs, pads), _spacing(chest), chest.volume)


def tight_field(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """A field of view that cuts a little of the lungs at one or two sides."""
    rows = np.flatnonzero((chest.lungs > 0).any(axis=(0, 2)))
    columns = np.flatnonzero((chest.lungs > 0).any(axis=(0, 1)))
    cut = round(rng.uniform(0.02, 0.08) * len(columns))
    a, b = (cut, 0) if rng.random() < 0.5 else (0, cut)
    box = (slice(None), slice(max(0, rows[0] - 3), rows[-1] + 4), slice(columns[0] + a, columns[-1] + 1 - b))
    return _on_grid(chest.volume.hu[box], chest.lungs[box], _spacing(chest), chest.volume)


def scan_range(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """The upper or the lower two thirds of the scan."""
    n = chest.volume.hu.shape[0]
    cut = slice(n // 3, n) if rng.random() < 0.5 else slice(0, n - n // 3)
    return _on_grid(chest.volume.hu[cut], chest.lungs[cut], _spacing(chest), chest.volume)


def noise(chest: VariedChest, rng: np.random.Generator) -> VariedChest:
    """A low dose: noise of 40 to 80 HU, correlated over a voxel."""
    grain = ndimage.gaussian_filter(rng.standard_normal(chest.volume.hu.shape, dtype=np.float32), (0, 0.7, 0.7))
    hu = chest.volume.hu + rng.uniform(40, 80) * grain / grain.std()
    return _with(chest, np.clip(hu.round(), -1024, 3071).astype(np.int16))


def mirrored(chest: VariedChest, _rng: np.random.Generator) -> VariedChest:
    """Left and right exchanged."""
    labels = np.array([0, 2, 1], dtype=np.uint8)[chest.lungs[:, :, ::-1]]
    return _on_grid(chest.volume.hu[:, :, ::-1], labels, _spacing(chest), chest.volume)


def both(one: Change, other: Change) -> Change:
    """One change after the other."""
    return lambda chest, rng: other(one(chest, rng), rng)


CHESTS: Mapping[str, Change] = {
    "open airway": open_airway,
    "open airway, couch": both(couch, open_airway),
    "couch": couch,
    **{f"mass, {place}": mass(place, 55.0) for place in PLACES},
    "mass of 90 mm, pleura": mass("pleura", 90.0),
    "effusion": effusion,
    "emphysema": emphysema,
    "pneumothorax": pneumothorax,
    "air for lung": air_for_lung,
    "air for lung, open airway, couch": both(both(air_for_lung, couch), open_airway),
    "size of a body": size_of_a_body,
    "wide field": wide_field,
    "wide field, open airway": both(wide_field, open_airway),
    "tight field": tight_field,
    "scan range": scan_range,
    "noise": noise,
    "mirrored": mirrored,
}


def without_lungs(chest: VariedChest, kind: str, rng: np.random.Generator) -> VariedChest:
    """What must be refused: the abdomen below the lungs, a couch alone, or a body of water."""
    shape = (60, *chest.volume.hu.shape[1:])
    body = ndimage.binary_fill_holes((chest.volume.hu > -200).mean(axis=0) > 0.4)
    hu = np.full(shape, AIR_HU, dtype=np.int16)
    if kind != "couch alone":
        hu[:, body] = (30 + rng.normal(0, 12, (60, int(body.sum())))).astype(np.int16)
    if kind == "abdomen":
        inner = np.argwhere(ndimage.binary_erosion(body, iterations=40))
        axes = np.ogrid[: shape[0], : shape[1], : shape[2]]
        for _ in range(6):
            j, i = inner[int(rng.integers(len(inner)))]
            k, r = int(rng.integers(5, 55)), rng.uniform(12, 38)
            away = sum(((a - c) * mm) ** 2 for a, c, mm in zip(axes, (k, j, i), _spacing(chest), strict=True))
            hu[(away < r**2) & np.broadcast_to(body, shape)] = round(rng.uniform(-1000, -940))
    empty = _on_grid(hu, np.zeros(shape, dtype=np.uint8), _spacing(chest), chest.volume)
    return couch(empty, rng) if kind == "abdomen" or (kind == "water" and rng.random() < 0.5) else empty
