"""What chests can look like: outlines of healthy-looking lungs, and the same chests changed so that thresholds fail.

Arrays are [k, j, i] at 6 mm, k towards the head, j to the back, i to the left; labels are 0, 1 right, 2 left. What is
put into a lung does not change its label: a mass, an effusion or a collapse lies in the lung that is to be expected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Float32Array, UInt8Array
from models.lungs.network import SPACING_MM

AIR_HU = -1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Chest:
    """A chest at 6 mm: `hu` float32 and `lungs` uint8, both [k, j, i]."""

    hu: Float32Array
    lungs: UInt8Array


Variation = Callable[[Chest, np.random.Generator], Chest]


def field(shape: tuple[int, ...], scale_mm: float, rng: np.random.Generator) -> Float32Array:
    """A smooth random field [k, j, i] of zero mean and unit deviation that varies over `scale_mm`."""
    sigma = scale_mm / SPACING_MM
    coarse = tuple(max(3, int(n / sigma) + 3) for n in shape)
    small = ndimage.gaussian_filter(rng.standard_normal(coarse), 1.0)
    zoomed = ndimage.zoom(small, [n / c for n, c in zip(shape, coarse, strict=True)], order=1)
    centred = zoomed - zoomed.mean()
    result: Float32Array = (centred / max(float(centred.std()), 1e-6)).astype(np.float32)
    return result


def _places(mask: BoolArray, rng: np.random.Generator) -> tuple[int, int, int] | None:
    flat = np.flatnonzero(mask)
    if not len(flat):
        return None
    k, j, i = np.unravel_index(int(flat[rng.integers(len(flat))]), mask.shape)
    return int(k), int(j), int(i)


def _shell(lungs: UInt8Array) -> BoolArray:
    inside = lungs > 0
    shell: BoolArray = inside & ~ndimage.binary_erosion(inside, iterations=1, border_value=1)
    return shell


def blob(shape: tuple[int, ...], centre: tuple[int, int, int], radius_mm: float, rng: np.random.Generator) -> BoolArray:
    """A lump [k, j, i] about a centre, its surface uneven by a fifth of its radius."""
    axes = np.ogrid[tuple(slice(0, n) for n in shape)]
    stretch = rng.uniform(0.8, 1.25, 3)
    away = np.sqrt(sum(((a - c) * s) ** 2 for a, c, s in zip(axes, centre, stretch, strict=True))) * SPACING_MM
    uneven = 1 + 0.18 * field(shape, max(8.0, radius_mm / 1.5), rng)
    lump: BoolArray = away < radius_mm * uneven
    return lump


def with_mass(chest: Chest, rng: np.random.Generator) -> Chest:
    """A mass of 30 to 100 mm: on pleura, mediastinum, apex, diaphragm, or within."""
    lungs = chest.lungs > 0
    where = _shell(chest.lungs) if rng.random() < 0.8 else lungs
    centre = _places(where, rng)
    if centre is None:
        return chest
    lump = blob(chest.hu.shape, centre, float(rng.uniform(15, 50)), rng) & lungs
    hu = chest.hu.copy()
    hu[lump] = rng.uniform(10, 80) + rng.normal(0, 12, int(lump.sum()))
    if rng.random() < 0.15:  # cavity
        hu[ndimage.binary_erosion(lump, iterations=2)] = -950
    return Chest(hu, chest.lungs)


def with_effusion(chest: Chest, rng: np.random.Generator) -> Chest:
    """Fluid behind and below, in one lung or both."""
    hu = chest.hu.copy()
    k, j, _ = np.ogrid[tuple(slice(0, n) for n in hu.shape)]
    for side in rng.permutation([1, 2])[: 1 + int(rng.random() < 0.3)]:
        lung = chest.lungs == side
        if not lung.any():
            continue
        depth = j + rng.uniform(-0.3, 0.1) * k + 0 * chest.hu + 1.3 * field(hu.shape, 60.0, rng)
        fluid = lung & (depth > np.quantile(depth[lung], rng.uniform(0.45, 0.95)))
        hu[fluid] = rng.uniform(-5, 35) + rng.normal(0, 12, int(fluid.sum()))
    return Chest(hu, chest.lungs)


def with_consolidation(chest: Chest, rng: np.random.Generator) -> Chest:
    """Opacities of any extent, with air bronchograms, or a whole lobe without air."""
    lungs = chest.lungs > 0
    dense = field(chest.hu.shape, float(rng.uniform(20, 70)), rng)
    if not lungs.any():
        return chest
    filled = lungs & (dense > np.quantile(dense[lungs], rng.uniform(0.5, 0.95)))
    hu = chest.hu.copy()
    level = rng.choice([-550.0, -300.0, 0.0, 45.0])
    hu[filled] = np.maximum(hu[filled], level + rng.normal(0, 60, int(filled.sum())))
    return Chest(hu, chest.lungs)


def with_collapse(chest: Chest, rng: np.random.Generator) -> Chest:
    """Most of one lung without air."""
    side = int(rng.integers(1, 3))
    lung = chest.lungs == side
    if not lung.any():
        return chest
    noise = field(chest.hu.shape, 40.0, rng)
    kept = lung & (noise > np.quantile(noise[lung], rng.uniform(0.6, 1.0)))
    hu = chest.hu.copy()
    dense = lung & ~kept
    hu[dense] = rng.uniform(10, 60) + rng.normal(0, 12, int(dense.sum()))
    return Chest(hu, chest.lungs)


def with_emphysema(chest: Chest, rng: np.random.Generator) -> Chest:
    """Lungs darker by up to 110 HU, with bullae."""
    lungs = chest.lungs > 0
    hu = chest.hu.copy()
    air = lungs & (hu < -600)
    hu[air] -= np.maximum(0, rng.uniform(20, 110) * (1 + 0.4 * field(hu.shape, 40.0, rng))[air])
    for _ in range(int(rng.integers(0, 4))):
        centre = _places(lungs, rng)
        if centre is not None:
            hu[blob(hu.shape, centre, float(rng.uniform(8, 40)), rng) & lungs] = -985
    return Chest(np.maximum(hu, -1010).astype(np.float32), chest.lungs)


def with_pneumothorax(chest: Chest, rng: np.random.Generator) -> Chest:
    """Gas between one lung and its wall, in front and at the apex first."""
    side = int(rng.integers(1, 3))
    lung = chest.lungs == side
    if not lung.any():
        return chest
    depth = ndimage.distance_transform_edt(lung) * SPACING_MM
    j = np.arange(lung.shape[1])[:, None]
    front = np.clip((np.median(np.nonzero(lung)[1]) - j) / 20, -0.5, 1)
    gas = lung & (depth < rng.uniform(8, 30) * (1 + front))
    hu = chest.hu.copy()
    hu[gas] = AIR_HU
    return Chest(hu, chest.lungs)


def with_air_for_lung(chest: Chest, rng: np.random.Generator) -> Chest:
    """A phantom: the lungs hold plain air, vessels stay."""
    hu = chest.hu.copy()
    hu[(chest.lungs > 0) & (hu < -650)] = AIR_HU + rng.normal(0, 5)
    return Chest(hu, chest.lungs)


def with_open_airway(chest: Chest, rng: np.random.Generator) -> Chest:
    """A tunnel of room air from the air around the patient down between the lungs and into one or both of them."""
    inside = np.flatnonzero((chest.lungs > 0).any(axis=(1, 2)))
    if len(inside) < 6:
        return chest
    hu = chest.hu.copy()
    top, bottom = int(inside[-1]), int(inside[len(inside) // 2])
    columns = np.nonzero(chest.lungs.any(axis=(0, 1)))[0]
    middle, row = int(columns.mean()), int(np.nonzero(chest.lungs > 0)[1].mean())
    r = int(rng.integers(1, 3))
    end = min(hu.shape[0], top + int(rng.integers(1, 6)))
    hu[bottom:end, row - r : row + r, middle - r : middle + r] = AIR_HU
    hu[max(0, end - 2 * r) : end, :row, middle - r : middle + r] = AIR_HU  # out through the mouth or a stoma
    reach = int(rng.integers(7, 20))
    sides = [(middle, middle + reach), (middle - reach, middle)]
    for low, high in sides[: 1 + int(rng.random() < 0.7)]:
        hu[bottom : bottom + 2 * r, row - r : row + r, low:high] = AIR_HU
    return Chest(hu, chest.lungs)


def with_couch(chest: Chest, rng: np.random.Generator) -> Chest:
    """A table of foam in a shell behind the patient, straight or curved, and clothes or arms beside."""
    hu = chest.hu.copy()
    body = hu > -200
    rows = np.nonzero(body.any(axis=(0, 2)))[0]
    if not len(rows):
        return chest
    back = int(rows[-1]) - int(rng.integers(0, 3))
    _, height, width = hu.shape
    i = np.arange(width)
    top = back + ((i - width / 2) / width) ** 2 * rng.uniform(-13, 20)
    thick = rng.uniform(3, 11)
    j = np.arange(height)[:, None]
    slab = (j >= top) & (j < top + thick)
    shell = slab & ~((j >= top + 1) & (j < top + thick - 1) & (i > 2) & (i < width - 3))
    free = ~(hu > -400) | (j > back + 2)
    hu[free & slab] = rng.uniform(-990, -650)
    hu[free & shell] = rng.uniform(-350, 150)
    if rng.random() < 0.4:
        for column in (int(rng.integers(1, 6)), width - 1 - int(rng.integers(1, 6))):
            arm = (np.arange(height)[:, None] - height * 0.55) ** 2 + (i - column) ** 2 < rng.uniform(2, 6) ** 2
            hu[(hu < -400) & arm & ~(chest.lungs > 0)] = 30
    return Chest(hu, chest.lungs)


def with_field_of_view(chest: Chest, rng: np.random.Generator) -> Chest:
    """Images cut at the sides, or wider ones with constant or room air around."""
    hu, lungs = chest.hu, chest.lungs
    if rng.random() < 0.5:
        margins = [int(m) for m in rng.integers(0, 11, 4)]
        rows = slice(margins[0], hu.shape[1] - margins[1])
        columns = slice(margins[2], hu.shape[2] - margins[3])
        return Chest(hu[:, rows, columns], lungs[:, rows, columns])
    pads = [(0, 0), *[(int(a), int(b)) for a, b in rng.integers(0, 16, (2, 2))]]
    value = float(rng.choice([AIR_HU, -1024.0]))
    return Chest(np.pad(hu, pads, constant_values=value), np.pad(lungs, pads))


def with_scan_range(chest: Chest, rng: np.random.Generator) -> Chest:
    """Slices cut off above or below; sometimes no lung is left in view."""
    n = chest.hu.shape[0]
    low = int(rng.uniform(0, 0.6) * n) if rng.random() < 0.6 else 0
    high = n - int(rng.uniform(0, 0.6) * n) if rng.random() < 0.4 else n
    if high - low < 8:
        return chest
    return Chest(chest.hu[low:high], chest.lungs[low:high])


def without_lungs(chest: Chest, rng: np.random.Generator) -> Chest:
    """The part below the lungs, over and over, with gas in the bowel; or a body of water."""
    n = np.flatnonzero((chest.lungs > 0).sum(axis=(1, 2)) < 20)
    body: BoolArray = np.asarray(ndimage.binary_fill_holes(chest.hu.max(axis=0) > -300))
    length = int(rng.integers(16, 48))
    if len(n) >= 2 and rng.random() < 0.6:
        hu = chest.hu[rng.choice(n, length)].copy()
        shadow: BoolArray = np.any(chest.lungs > 0, axis=0)
        hu[(hu < -500) & (shadow & body)[None]] = 50
    else:
        hu = np.repeat(np.where(body, 20.0, AIR_HU).astype(np.float32)[None], length, axis=0)
        hu += rng.normal(0, 10, hu.shape)
    inside = np.repeat(ndimage.binary_erosion(body, iterations=4)[None], length, axis=0)
    for _ in range(int(rng.integers(0, 9))):
        centre = _places(inside, rng)
        if centre is not None:
            hu[blob(hu.shape, centre, float(rng.uniform(6, 35)), rng) & inside] = rng.uniform(-1000, -850)
    return Chest(hu.astype(np.float32), np.zeros(hu.shape, dtype=np.uint8))


CHANGES: tuple[tuple[float, Variation], ...] = (
    (0.65, with_mass),
    (0.35, with_mass),
    (0.25, with_consolidation),
    (0.25, with_effusion),
    (0.12, with_collapse),
    (0.2, with_emphysema),
    (0.1, with_pneumothorax),
    (0.08, with_air_for_lung),
    (0.35, with_couch),
    (0.25, with_open_airway),
    (0.5, with_field_of_view),
    (0.4, with_scan_range),
    (0.05, without_lungs),
)
"""How often each is applied; several meet in one chest."""


def varied(chest: Chest, rng: np.random.Generator) -> Chest:
    """The chest turned, bent and scaled, with some of the changes, of another dose and energy."""
    changed = bent(chest, rng)
    for share, change in CHANGES:
        if rng.random() < share:
            changed = change(changed, rng)
    noise = rng.normal(0, float(rng.uniform(0, 25)), changed.hu.shape)
    bright = changed.hu > -300
    hu = changed.hu + noise + rng.normal(0, 10) + bright * rng.normal(0, 25)
    if rng.random() < 0.3:
        hu = ndimage.gaussian_filter(hu, (rng.uniform(0, 1.2), 0, 0))
    return Chest(hu.astype(np.float32), changed.lungs)


def bent(chest: Chest, rng: np.random.Generator) -> Chest:
    """Mirrored, scaled from a child's size up, turned a little and bent smoothly."""
    hu, lungs = chest.hu, chest.lungs
    if rng.random() < 0.5:
        hu, lungs = hu[:, :, ::-1], np.array([0, 2, 1], dtype=np.uint8)[lungs[:, :, ::-1]]
    zoom = np.exp(rng.uniform(np.log(0.6), np.log(1.2))) * rng.uniform(0.9, 1.1, 3)
    shape = tuple(max(12, round(n * z)) for n, z in zip(hu.shape, zoom, strict=True))
    angle = np.deg2rad(rng.uniform(-12, 12))
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    axes = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij")
    places = np.stack([a - (n - 1) / 2 for a, n in zip(axes, shape, strict=True)])
    places = np.einsum("ab,bkji->akji", turn, places) / zoom[:, None, None, None]
    places += np.array([(n - 1) / 2 for n in hu.shape])[:, None, None, None]
    bend = float(rng.uniform(0, 1.7))
    places += bend * np.stack([field(shape, 60.0, rng) for _ in range(3)])
    warped = ndimage.map_coordinates(hu, places, order=1, mode="nearest")
    moved = ndimage.map_coordinates(lungs, places, order=0, mode="nearest")
    return Chest(warped.astype(np.float32), moved.astype(np.uint8))
