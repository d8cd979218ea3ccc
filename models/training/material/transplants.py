"""Whole real nodules with their surroundings, cut from one chest to be put into another.

A shape that is filled with made-up tissue shows a network the outlines of real nodules, not their texture, nor the
vessels and walls beside them. A transplant brings them along. Arrays are [k, j, i] on the 1 mm working grid.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from cad.domain import BoolArray, Float32Array
from cad.geometry import sphere_diameter_mm
from models.nodules.lidc_vois import read_volumes

FEATHER_MM = 6.0
"""How far the surroundings of a nodule come along, fading out."""

LUNG_HU = -500.0
"""Below this the surroundings are lung or the air in it; walls and the hilum stay where they were."""

VESSEL_RADIUS_MM = 3.0
"""What is thicker beside a nodule is a wall; thinner are the vessels that come along."""

MOST_WALL = 0.75
"""A nodule with more wall than this around it has no lung to fade into."""

LARGEST_ZOOM = 1.15
HELD_OUT_SHARE = 5
"""One patient in five is kept for evaluation, where the patient's shapes are not divided already."""


@dataclass(frozen=True, slots=True, eq=False)
class Transplant:
    """A nodule at 1 mm: `hu` of it and its surroundings, `weight` in 0..1 of what is put, `solid` in 0..1 its outline.

    `lung_hu` is the attenuation of the lung around it, `wall` the share of its surroundings that is not lung,
    `texture` the readers' mean rating (1 ground-glass .. 5 solid).
    """

    patient: str
    hu: Float32Array
    weight: Float32Array
    solid: Float32Array
    diameter_mm: float
    lung_hu: float
    wall: float
    texture: float


def read_transplants(volumes: Path, min_readers: int) -> Iterator[Transplant]:
    """Every nodule of `lidc_vois.npz` that enough readers outlined and that has lung around it."""
    for nodule in read_volumes(volumes):
        if nodule.readers < min_readers:
            continue
        found = transplant_of(nodule.hu.astype(np.float32), nodule.consensus, nodule.spacing_mm)
        if found is not None:
            yield Transplant(nodule.patient, *found, texture=nodule.ratings["texture"])


Parts = tuple[Float32Array, Float32Array, Float32Array, float, float, float]


def transplant_of(hu: Float32Array, mask: BoolArray, spacing_kji_mm: tuple[float, float, float]) -> Parts | None:
    """`hu`, `weight`, `solid`, diameter, lung and wall of a Transplant, from a nodule [k, j, i] on its own grid.

    None when hardly any lung is around it.
    """
    fine = ndimage.zoom(hu, spacing_kji_mm, order=1, grid_mode=True, mode="nearest").astype(np.float32)
    solid = ndimage.zoom(mask.astype(np.float32), spacing_kji_mm, order=1, grid_mode=True, mode="grid-constant")
    inside = solid >= 0.5
    if not inside.any():
        return None
    away = ndimage.distance_transform_edt(~inside)
    ring = (away > 1.5) & (away <= FEATHER_MM)
    is_lung = ndimage.gaussian_filter(fine, 0.7) < LUNG_HU
    wall = 1.0 - float(np.mean(is_lung[ring])) if ring.any() else 1.0
    if wall > MOST_WALL:
        return None
    lung_hu = float(np.median(fine[ring & is_lung]))
    brings = (away <= 1.5) | ~_walls(~is_lung & (away > 1.5))
    weight = np.clip(1 - (away - 1.5) / (FEATHER_MM - 1.5), 0, 1) * ndimage.gaussian_filter(
        brings.astype(np.float32), 0.8
    )
    weight *= _border(fine.shape)
    weight[inside] = 1.0
    diameter = sphere_diameter_mm(float(solid.sum()))
    return fine, weight.astype(np.float32), solid.astype(np.float32), diameter, lung_hu, wall


def _walls(tissue: BoolArray) -> BoolArray:
    """What of the tissue around a nodule [k, j, i] is thicker than a vessel: chest wall, mediastinum, diaphragm."""
    core = ndimage.distance_transform_edt(np.pad(tissue, 3, mode="edge"))[3:-3, 3:-3, 3:-3] > VESSEL_RADIUS_MM
    walls: BoolArray = tissue & (ndimage.distance_transform_edt(~core) <= VESSEL_RADIUS_MM + 1)
    return walls


def _border(shape: Sequence[int]) -> Float32Array:
    """1 inside, fading to 0 over the two outermost voxels [k, j, i], where the cut ends."""
    ramps = [np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / 2, 0, 1) for n in shape]
    ramp: Float32Array = (ramps[0][:, None, None] * ramps[1][:, None] * ramps[2]).astype(np.float32)
    return ramp


def divide(
    transplants: Sequence[Transplant], strangers: Collection[str], known: Collection[str]
) -> tuple[tuple[Transplant, ...], tuple[Transplant, ...]]:
    """Transplants to learn from and to measure with; no patient is in both.

    `strangers` are the patients whose shapes are kept for measurement, `known` those whose shapes are learnt from.
    """

    def is_kept(patient: str) -> bool:
        if patient in strangers or patient in known:
            return patient in strangers
        return int(hashlib.sha256(patient.encode()).hexdigest(), 16) % HELD_OUT_SHARE == 0

    return (
        tuple(t for t in transplants if not is_kept(t.patient)),
        tuple(t for t in transplants if is_kept(t.patient)),
    )


def draw_transplant(
    transplants: Sequence[Transplant], diameter_mm: float, near_wall: bool, rng: np.random.Generator
) -> Transplant | None:
    """A nodule of about the diameter, turned and mirrored at random; None when there is none.

    One with much wall around it is put beside a wall only, for it brings no lung on that side.
    """
    fits = [
        t
        for t in transplants
        if diameter_mm / LARGEST_ZOOM <= t.diameter_mm <= diameter_mm * LARGEST_ZOOM and (near_wall or t.wall < 0.25)
    ]
    if not fits:
        return None
    return turned(fits[int(rng.integers(len(fits)))], rng)


def turned(one: Transplant, rng: np.random.Generator) -> Transplant:
    """The nodule after quarter turns in the axial plane and mirrorings."""
    turns = int(rng.integers(4))
    flips = tuple(axis for axis in range(3) if rng.random() < 0.5)

    def moved(array: Float32Array) -> Float32Array:
        return np.ascontiguousarray(np.flip(np.rot90(array, turns, axes=(1, 2)), flips))

    return Transplant(
        one.patient,
        moved(one.hu),
        moved(one.weight),
        solid=moved(one.solid),
        diameter_mm=one.diameter_mm,
        lung_hu=one.lung_hu,
        wall=one.wall,
        texture=one.texture,
    )


def implant(cube: Float32Array, one: Transplant, start: tuple[int, int, int]) -> None:
    """Put the nodule into `cube` [k, j, i] in place, its array's corner at `start`, on the lung that is there."""
    low = [max(0, s) for s in start]
    high = [min(n, s + m) for n, s, m in zip(cube.shape, start, one.hu.shape, strict=True)]
    there = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    here = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
    host, weight, solid = cube[there], one.weight[here], one.solid[here]
    lung = host[(weight > 0) & (host < LUNG_HU)]
    lighter = (float(np.median(lung)) - one.lung_hu) if lung.size else 0.0
    donor = one.hu[here] + lighter * (1 - np.clip(solid, 0, 1))
    cube[there] = (1 - weight) * host + weight * donor
