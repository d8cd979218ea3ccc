"""Training patches on the fly: real backgrounds, blended and real nodules, hard negatives, augmentation.

Arrays are [k, j, i] on the 1 mm working grid; nodule centres are voxel indices of the array they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F
from torch.utils.data import IterableDataset

from cad.domain import Float32Array, Int16Array, UInt8Array
from models.rpn3d import REFERENCE_DIAMETER_MM, STRIDE, RpnConfig, normalised
from models.training.blend import Optics, blend, drawn_composition, drawn_diameter_mm, drawn_shape, render
from models.training.shapes import NoduleShape

PATCH = 64


@dataclass(frozen=True, slots=True)
class Lesion:
    """A nodule in an array: centre (k, j, i) in voxels, diameter in mm (1 voxel = 1 mm)."""

    centre: tuple[float, float, float]
    diameter_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """One real scan or crop at 1 mm: `hu` int16, `lungs` uint8 (0 outside; all 0: never blended into).

    `lesions` are its real nodules, `unsure` those that fewer readers saw: neither target nor background.
    """

    name: str
    hu: Int16Array
    lungs: UInt8Array
    lesions: tuple[Lesion, ...]
    unsure: tuple[Lesion, ...]
    optics: Optics
    sites: Sites | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Voxels [n, 3] where nodules may be put: anywhere in the lungs, near their border, beside vessels."""

    parenchyma: Int16Array
    border: Int16Array
    vessels: Int16Array


@dataclass(frozen=True, slots=True)
class Mixture:
    """What a batch is made of: shares of patches, the rest plain background; and the share of large nodules."""

    blended: float = 0.62
    real: float = 0.12
    hard: float = 0.14
    large: float = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Everything patches are drawn from. `hard_negatives[n]` are false marks (k, j, i) in `backgrounds[n]`."""

    backgrounds: tuple[Background, ...]
    shapes: tuple[NoduleShape, ...]
    hard_negatives: tuple[tuple[tuple[float, float, float], ...], ...]
    mixture: Mixture = field(default_factory=Mixture)


def sites_of(hu: Int16Array, lungs: UInt8Array, seed: int) -> Sites:
    """Up to 40,000 candidate voxels of each kind in one scan."""
    inside = lungs > 0
    rng = np.random.default_rng(seed)
    depth = ndimage.distance_transform_edt(inside)
    dense = inside & (hu > -500)
    near_vessel = ndimage.binary_dilation(dense, iterations=3) & inside & (depth > 4)
    return Sites(*(_drawn_voxels(m, rng) for m in (inside, inside & (depth <= 4), near_vessel)))


def _drawn_voxels(mask: np.ndarray, rng: np.random.Generator) -> Int16Array:
    voxels = np.argwhere(mask)
    picked = rng.permutation(len(voxels))[:40_000]
    return voxels[picked].astype(np.int16)


def drawn_site(sites: Sites, rng: np.random.Generator) -> tuple[int, int, int]:
    """A place for a nodule: 35 % at the lung border, 20 % beside a vessel, the rest anywhere."""
    draw = rng.random()
    voxels = sites.border if draw < 0.35 else sites.vessels if draw < 0.55 else sites.parenchyma
    if not len(voxels):
        voxels = sites.parenchyma
    k, j, i = voxels[rng.integers(len(voxels))]
    return int(k), int(j), int(i)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One training example: HU float32 cube, lesions and unsure places in its voxels."""

    hu: Float32Array
    lesions: tuple[Lesion, ...]
    unsure: tuple[Lesion, ...]


def _cut(
    background: Background, centre: tuple[float, float, float], side: int
) -> tuple[Float32Array, tuple[int, int, int]]:
    """The cube of `side` around `centre` (edge voxels repeated outside) and its corner."""
    corner = tuple(round(c - side / 2) for c in centre)
    index = [np.clip(np.arange(c, c + side), 0, n - 1) for c, n in zip(corner, background.hu.shape, strict=True)]
    cube = background.hu[np.ix_(*index)].astype(np.float32)
    return cube, (corner[0], corner[1], corner[2])


def _moved(lesions: Sequence[Lesion], corner: tuple[int, int, int]) -> list[Lesion]:
    return [
        Lesion((s.centre[0] - corner[0], s.centre[1] - corner[1], s.centre[2] - corner[2]), s.diameter_mm)
        for s in lesions
    ]


def _jittered(centre: Sequence[float], reach: float, rng: np.random.Generator) -> tuple[float, float, float]:
    k, j, i = (float(c + rng.uniform(-reach, reach)) for c in centre)
    return k, j, i


def _blended_patch(source: Source, side: int, rng: np.random.Generator) -> Patch:
    usable = [b for b in source.backgrounds if b.sites is not None]
    background = usable[rng.integers(len(usable))]
    assert background.sites is not None
    first = drawn_site(background.sites, rng)
    cube, corner = _cut(background, _jittered(first, 0.35 * side, rng), side)
    present = _moved((*background.lesions, *background.unsure), corner)
    places = [first, *(drawn_site_in(background.sites, corner, side, rng) for _ in range(rng.integers(0, 3)))]
    added: list[Lesion] = []
    for place in places:
        lesion = _added_nodule(cube, corner, place, (source, background, [*present, *added]), rng)
        if lesion is not None:
            added.append(lesion)
    return Patch(cube, tuple(_moved(background.lesions, corner) + added), tuple(_moved(background.unsure, corner)))


def drawn_site_in(
    sites: Sites, corner: tuple[int, int, int], side: int, rng: np.random.Generator
) -> tuple[int, int, int]:
    """A site inside the cube if one of twenty tries finds one, else any site (its nodule is then cut away)."""
    for _ in range(20):
        place = drawn_site(sites, rng)
        if all(4 <= p - c < side - 4 for p, c in zip(place, corner, strict=True)):
            return place
    return place


def _added_nodule(
    cube: Float32Array,
    corner: tuple[int, int, int],
    place: tuple[int, int, int],
    context: tuple[Source, Background, Sequence[Lesion]],
    rng: np.random.Generator,
) -> Lesion | None:
    source, background, present = context
    local = tuple(float(p - c) for p, c in zip(place, corner, strict=True))
    if not all(0 <= v < n for v, n in zip(local, cube.shape, strict=True)):
        return None
    diameter = drawn_diameter_mm(rng, source.mixture.large)
    shape = drawn_shape(source.shapes, diameter, rng)
    if any(np.linalg.norm(np.subtract(local, o.centre)) < (diameter + o.diameter_mm) / 2 + 3 for o in present):
        return None
    nodule = render(shape, drawn_composition(rng, shape.texture), diameter, background.optics, rng)
    start = tuple(round(v - (n - 1) / 2) for v, n in zip(local, nodule.opacity.shape, strict=True))
    blend(cube, nodule, (start[0], start[1], start[2]), background.optics, rng)
    return Lesion((local[0], local[1], local[2]), nodule.diameter_mm)


def _real_patch(source: Source, side: int, rng: np.random.Generator) -> Patch:
    carriers = [b for b in source.backgrounds if b.lesions]
    background = carriers[rng.integers(len(carriers))]
    lesion = background.lesions[rng.integers(len(background.lesions))]
    return _plain_patch(background, _jittered(lesion.centre, 0.3 * side, rng), side)


def _plain_patch(background: Background, centre: tuple[float, float, float], side: int) -> Patch:
    cube, corner = _cut(background, centre, side)
    return Patch(cube, tuple(_moved(background.lesions, corner)), tuple(_moved(background.unsure, corner)))


def _negative_patch(source: Source, side: int, rng: np.random.Generator, *, hard: bool) -> Patch:
    mined = [n for n, marks in enumerate(source.hard_negatives) if marks]
    if hard and mined:
        n = mined[rng.integers(len(mined))]
        marks = source.hard_negatives[n]
        return _plain_patch(source.backgrounds[n], _jittered(marks[rng.integers(len(marks))], 0.3 * side, rng), side)
    usable = [b for b in source.backgrounds if b.sites is not None]
    background = usable[rng.integers(len(usable))]
    assert background.sites is not None
    return _plain_patch(background, _jittered(drawn_site(background.sites, rng), 0.3 * side, rng), side)


def drawn_patch(source: Source, rng: np.random.Generator) -> Patch:
    """One augmented example of 64³ voxels."""
    side = round(PATCH / rng.uniform(0.85, 1.2))
    draw = rng.random()
    mixture = source.mixture
    if draw < mixture.blended:
        patch = _blended_patch(source, side, rng)
    elif draw < mixture.blended + mixture.real:
        patch = _real_patch(source, side, rng)
    else:
        patch = _negative_patch(source, side, rng, hard=draw < mixture.blended + mixture.real + mixture.hard)
    return _augmented(patch, rng)


def _augmented(patch: Patch, rng: np.random.Generator) -> Patch:
    cube = _degraded(patch.hu, rng)
    zoom = PATCH / cube.shape[0]
    if cube.shape[0] != PATCH:
        tensor = torch.from_numpy(cube)[None, None]
        cube = F.interpolate(tensor, size=(PATCH,) * 3, mode="trilinear", align_corners=False)[0, 0].numpy()
    mirrored = rng.random() < 0.5
    if mirrored:
        cube = cube[:, :, ::-1]
    cube = cube * rng.uniform(0.96, 1.04) + rng.normal(scale=12.0)
    return Patch(
        np.ascontiguousarray(cube, dtype=np.float32),
        _warped(patch.lesions, zoom, mirrored=mirrored),
        _warped(patch.unsure, zoom, mirrored=mirrored),
    )


def _warped(lesions: Sequence[Lesion], zoom: float, *, mirrored: bool) -> tuple[Lesion, ...]:
    warped = []
    for lesion in lesions:
        k, j, i = ((c + 0.5) * zoom - 0.5 for c in lesion.centre)
        warped.append(Lesion((k, j, PATCH - 1 - i if mirrored else i), lesion.diameter_mm * zoom))
    return tuple(warped)


def _degraded(cube: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Thickness, kernel and dose as hospitals vary them: axial and in-plane blur, sharpening, correlated noise."""
    draw = rng.random()
    if draw < 0.25:
        cube = ndimage.uniform_filter1d(cube, int(rng.integers(2, 5)), axis=0)
    elif draw < 0.4:
        cube = ndimage.gaussian_filter(cube, (0.0, *([rng.uniform(0.3, 0.9)] * 2)), truncate=2.5)
    elif draw < 0.55:
        soft = ndimage.gaussian_filter(cube, (0.3, 0.8, 0.8), truncate=2.5)
        cube = cube + rng.uniform(0.2, 0.8) * (cube - soft)
    if rng.random() < 0.5:
        noise = rng.standard_normal(cube.shape, dtype=np.float32)
        if rng.random() < 0.5:
            noise = ndimage.uniform_filter(noise, 2) * 2.5
        cube = cube + noise * np.float32(rng.uniform(3, 35))
    return np.asarray(cube, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Targets of one patch on the cell grid [k/4, j/4, i/4]: heat and its weight, offsets and sizes with weight."""

    heat: torch.Tensor
    weight: torch.Tensor
    geometry: torch.Tensor
    geometry_weight: torch.Tensor


def targets_of(patch: Patch) -> Targets:
    """Gaussian objectness around each lesion's cell, zero loss in unsure places, geometry near the centres."""
    cells = PATCH // STRIDE
    axis = torch.arange(cells, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))
    heat, weight = torch.zeros(cells, cells, cells), torch.ones(cells, cells, cells)
    geometry, geometry_weight = torch.zeros(4, cells, cells, cells), torch.zeros(cells, cells, cells)
    for lesion in patch.unsure:
        at = (torch.tensor(lesion.centre) + 0.5) / STRIDE - 0.5
        reach = lesion.diameter_mm / 2 / STRIDE + 1
        weight[((grid - at[:, None, None, None]) ** 2).sum(0) < reach**2] = 0
    for lesion in patch.lesions:
        at = (torch.tensor(lesion.centre) + 0.5) / STRIDE - 0.5
        sigma = min(max(lesion.diameter_mm / 14, 0.55), 1.4)
        delta = at[:, None, None, None] - grid
        squared = (delta**2).sum(0)
        nearest = torch.round(at).long()
        if ((nearest < 0) | (nearest >= cells)).any():
            weight[squared < (lesion.diameter_mm / 2 / STRIDE + 1) ** 2] = 0
            continue
        bump = torch.exp(-squared / (2 * sigma**2))
        bump[tuple(nearest)] = 1.0
        owns = (bump > heat) & (bump > 0.4)
        heat = torch.maximum(heat, bump)
        size = torch.full_like(squared, float(np.log(lesion.diameter_mm / REFERENCE_DIAMETER_MM)))
        geometry = torch.where(owns, torch.cat([delta, size[None]]), geometry)
        geometry_weight = torch.where(owns, bump, geometry_weight)
        weight[tuple(nearest)] = 1.0
    return Targets(heat, weight, geometry, geometry_weight)


Example = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class PatchStream(IterableDataset[Example]):
    """An endless, seeded stream of (input [1, k, j, i], heat, weight, geometry, geometry weight)."""

    def __init__(self, source: Source, config: RpnConfig, seed: int) -> None:
        self._source = source
        self._config = config
        self._seed = seed

    def __iter__(self) -> Iterator[Example]:
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self._seed, worker.id if worker else 0])
        while True:
            patch = drawn_patch(self._source, rng)
            t = targets_of(patch)
            yield (
                normalised(torch.from_numpy(patch.hu), self._config)[None],
                t.heat,
                t.weight,
                t.geometry,
                t.geometry_weight,
            )
