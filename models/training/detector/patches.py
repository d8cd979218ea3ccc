"""Training patches on the fly: real backgrounds, blended and real nodules, hard negatives, augmentation.

Arrays are [k, j, i] on the 1 mm working grid; nodule centres are voxel indices of the array they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import IterableDataset

from cad.domain import Float32Array, Int16Array, UInt8Array
from models.detector.rpn3d import REFERENCE_DIAMETER_MM, STRIDE, RpnConfig, normalise
from models.training.material.blend import (
    Optics,
    blend,
    centre_of_mass,
    draw_composition,
    draw_diameter_mm,
    draw_shape,
    is_visible,
    overlap,
    render,
)
from models.training.material.degradation import degrade
from models.training.material.shapes import NoduleShape
from models.training.material.sites import Sites, draw_site
from models.training.material.transplants import LUNG_HU, Transplant, draw_transplant, implant

PATCH = 64


@dataclass(frozen=True, slots=True)
class Lesion:
    """A nodule in an array: centre (k, j, i) in voxels, diameter in mm (1 voxel = 1 mm)."""

    centre: tuple[float, float, float]
    diameter_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """One scan or crop at 1 mm: `hu` int16, `lungs` uint8 (0 outside).

    `lesions` are its nodules; `unsure` ones and `unlabelled` places that look like one are neither target nor
    background. Without `sites` nothing is blended into it. `weight` is how often it is drawn, relative to a whole scan.
    """

    name: str
    hu: Int16Array
    lungs: UInt8Array
    lesions: tuple[Lesion, ...]
    unsure: tuple[Lesion, ...]
    optics: Optics
    sites: Sites | None = None
    weight: float = 1.0
    unlabelled: tuple[Lesion, ...] = ()

    @property
    def untaught(self) -> tuple[Lesion, ...]:
        """Places that are neither target nor background."""
        return (*self.unsure, *self.unlabelled)


def patient_of(background: Background) -> str:
    """The patient of a background; a crop's name has a suffix after an underscore."""
    return background.name.split("_")[0]


@dataclass(frozen=True, slots=True)
class Mixture:
    """What a batch is made of: shares of patches, the rest plain background; the share of large nodules, and that of
    whole real nodules among those put in, where there are any."""

    blended: float = 0.64
    real: float = 0.12
    hard: float = 0.16
    large: float = 0.27
    transplanted: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Everything patches are drawn from. `hard_negatives[n]` are false marks (k, j, i) in `backgrounds[n]`."""

    backgrounds: tuple[Background, ...]
    shapes: tuple[NoduleShape, ...]
    hard_negatives: tuple[tuple[tuple[float, float, float], ...], ...]
    mixture: Mixture = field(default_factory=Mixture)
    transplants: tuple[Transplant, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One training example: HU float32 cube, lesions and unsure places in its voxels."""

    hu: Float32Array
    lesions: tuple[Lesion, ...]
    unsure: tuple[Lesion, ...]


Sides = tuple[int, int, int]


def _cut(
    background: Background, centre: tuple[float, float, float], sides: Sides
) -> tuple[Float32Array, tuple[int, int, int]]:
    """The box of `sides` around `centre` and its corner; it leaves the background by 8 voxels at most, where edge
    voxels are repeated, unless the background is too small.
    """
    corner = tuple(
        round(np.clip(c - n / 2, min(-8, (size - n) / 2), max(size + 8 - n, (size - n) / 2)))
        for c, n, size in zip(centre, sides, background.hu.shape, strict=True)
    )
    spans = zip(corner, sides, background.hu.shape, strict=True)
    index = [np.clip(np.arange(c, c + n), 0, size - 1) for c, n, size in spans]
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


def _drawn_background(source: Source, rng: np.random.Generator) -> tuple[Background, Sites]:
    usable = [(b, b.sites) for b in source.backgrounds if b.sites is not None]
    weights = np.array([b.weight for b, _ in usable])
    return usable[int(rng.choice(len(usable), p=weights / weights.sum()))]


def blend_patch(source: Source, sides: Sides, rng: np.random.Generator, *, reach: float, count: int) -> Patch:
    """A box of background with up to `count` nodules blended in, the first within `reach` voxels of its middle."""
    background, sites = _drawn_background(source, rng)
    wanted = draw_diameter_mm(rng, source.mixture.large)
    first = draw_site(sites, wanted, rng)
    cube, corner = _cut(background, _jittered(first, reach, rng), sides)
    present = _moved((*background.lesions, *background.untaught), corner)
    added: list[Lesion] = []
    for n in range(count):
        diameter = wanted if n == 0 else draw_diameter_mm(rng, source.mixture.large)
        place = first if n == 0 else _site_within(sites, diameter, (corner, sides), rng)
        local = tuple(float(p - c) for p, c in zip(place, corner, strict=True))
        if _is_free(local, diameter, sides, [*present, *added]):
            added += _added_nodule(cube, local, diameter, (source, background), rng)
    return Patch(cube, tuple(_moved(background.lesions, corner) + added), tuple(_moved(background.untaught, corner)))


def _site_within(
    sites: Sites, diameter_mm: float, box: tuple[tuple[int, int, int], Sides], rng: np.random.Generator
) -> tuple[int, int, int]:
    """A site inside the box (corner, sides) if one of 25 tries finds one, else any site."""
    corner, sides = box
    for _ in range(25):
        place = draw_site(sites, diameter_mm, rng)
        if all(4 <= p - c < n - 4 for p, c, n in zip(place, corner, sides, strict=True)):
            return place
    return place


def _is_free(local: Sequence[float], diameter_mm: float, sides: Sides, present: Sequence[Lesion]) -> bool:
    inside = all(0 <= v < n for v, n in zip(local, sides, strict=True))
    return inside and all(
        np.linalg.norm(np.subtract(local, o.centre)) >= (diameter_mm + o.diameter_mm) / 2 + 3 for o in present
    )


def _added_nodule(
    cube: Float32Array,
    local: Sequence[float],
    diameter_mm: float,
    drawn_from: tuple[Source, Background],
    rng: np.random.Generator,
) -> list[Lesion]:
    """Put a nodule into the box about `local` (k, j, i) in place; none where it would not be seen."""
    source, background = drawn_from
    if rng.random() < source.mixture.transplanted:
        one = draw_transplant(source.transplants, diameter_mm, _is_at_wall(cube, local, diameter_mm), rng)
        if one is not None:
            return _implanted(cube, local, one)
    return _blended_shape(cube, local, diameter_mm, (source.shapes, background.optics), rng)


def _is_at_wall(cube: Float32Array, local: Sequence[float], diameter_mm: float) -> bool:
    """Whether a good part of the box that the nodule would fill is no lung."""
    reach = diameter_mm / 2 + 3
    box = tuple(slice(max(0, round(v - reach)), round(v + reach) + 1) for v in local)
    return float(np.mean(cube[box] > LUNG_HU)) > 0.25


def _implanted(cube: Float32Array, local: Sequence[float], one: Transplant) -> list[Lesion]:
    start = tuple(round(v - (n - 1) / 2) for v, n in zip(local, one.hu.shape, strict=True))
    there, here = overlap(cube.shape, start, one.solid.shape)
    before = cube[there].copy()
    implant(cube, one, (start[0], start[1], start[2]))
    solid = one.solid[here]
    if solid.sum() < 0.7 * one.solid.sum() or not is_visible(before, cube[there], solid):
        cube[there] = before
        return []
    k, j, i = (float(c + m) for c, m in zip(start, centre_of_mass(one.solid), strict=True))
    return [Lesion((k, j, i), one.diameter_mm)]


def _blended_shape(
    cube: Float32Array,
    local: Sequence[float],
    diameter_mm: float,
    kind: tuple[Sequence[NoduleShape], Optics],
    rng: np.random.Generator,
) -> list[Lesion]:
    """A nodule of real shape and made-up tissue, blended in place; none where it would not be seen."""
    shapes, optics = kind
    shape = draw_shape(shapes, diameter_mm, rng)
    nodule = render(shape, draw_composition(rng, shape.texture), diameter_mm, optics, rng)
    start = tuple(round(v - (n - 1) / 2) for v, n in zip(local, nodule.opacity.shape, strict=True))
    there, here = overlap(cube.shape, start, nodule.opacity.shape)
    before = cube[there].copy()
    blend(cube, nodule, (start[0], start[1], start[2]), optics, rng)
    if not is_visible(before, cube[there], nodule.opacity[here]):
        cube[there] = before
        return []
    k, j, i = (float(c + m) for c, m in zip(start, nodule.centre, strict=True))
    return [Lesion((k, j, i), nodule.diameter_mm)]


def real_patch(source: Source, sides: Sides, rng: np.random.Generator, *, reach: float) -> Patch:
    """A box with a real nodule within `reach` voxels of its middle."""
    lesions = [(b, lesion) for b in source.backgrounds for lesion in b.lesions]
    background, lesion = lesions[rng.integers(len(lesions))]
    return _plain_patch(background, _jittered(lesion.centre, reach, rng), sides)


def _plain_patch(background: Background, centre: tuple[float, float, float], sides: Sides) -> Patch:
    cube, corner = _cut(background, centre, sides)
    return Patch(cube, tuple(_moved(background.lesions, corner)), tuple(_moved(background.untaught, corner)))


def negative_patch(source: Source, sides: Sides, rng: np.random.Generator, *, reach: float, hard: bool) -> Patch:
    """A box about a hard negative, or about any place where nodules are put, without a blended nodule."""
    mined = [(n, mark) for n, marks in enumerate(source.hard_negatives) for mark in marks]
    if hard and mined:
        n, mark = mined[rng.integers(len(mined))]
        return _plain_patch(source.backgrounds[n], _jittered(mark, reach, rng), sides)
    background, sites = _drawn_background(source, rng)
    return _plain_patch(background, _jittered(draw_site(sites, 6.0, rng), reach, rng), sides)


def draw_sides(size: int, rng: np.random.Generator) -> Sides:
    """The box that becomes `size` voxels on each axis: 0.83 to 1.18 times as large, along k up to 14 % apart."""
    zoom = rng.uniform(0.85, 1.2)
    along_k = zoom * rng.uniform(0.88, 1.14)
    return round(size / along_k), round(size / zoom), round(size / zoom)


def draw_patch(source: Source, rng: np.random.Generator) -> Patch:
    """One augmented example of 64³ voxels."""
    sides = draw_sides(PATCH, rng)
    draw = rng.random()
    mixture = source.mixture
    if draw < mixture.blended:
        patch = blend_patch(source, sides, rng, reach=0.35 * PATCH, count=3 + int(rng.integers(0, 4)))
    elif draw < mixture.blended + mixture.real:
        patch = real_patch(source, sides, rng, reach=0.3 * PATCH)
    else:
        hard = draw < mixture.blended + mixture.real + mixture.hard
        patch = negative_patch(source, sides, rng, reach=0.3 * PATCH, hard=hard)
    return augment(patch, PATCH, rng)


def augment(patch: Patch, size: int, rng: np.random.Generator) -> Patch:
    """The patch degraded as hospitals vary, resampled to `size` voxels on each axis and mirrored left to right."""
    cube = degrade(patch.hu, rng)
    zooms = (size / cube.shape[0], size / cube.shape[1], size / cube.shape[2])
    if cube.shape != (size,) * 3:
        tensor = torch.from_numpy(cube)[None, None]
        cube = F.interpolate(tensor, size=(size,) * 3, mode="trilinear", align_corners=False)[0, 0].numpy()
    mirrored = rng.random() < 0.5
    if mirrored:
        cube = cube[:, :, ::-1]
    return Patch(
        np.ascontiguousarray(cube, dtype=np.float32),
        _warped(patch.lesions, zooms, size if mirrored else None),
        _warped(patch.unsure, zooms, size if mirrored else None),
    )


def _warped(
    lesions: Sequence[Lesion], zooms: tuple[float, float, float], mirrored_width: int | None
) -> tuple[Lesion, ...]:
    warped = []
    mean_zoom = float(np.prod(zooms)) ** (1 / 3)
    for lesion in lesions:
        k, j, i = ((c + 0.5) * z - 0.5 for c, z in zip(lesion.centre, zooms, strict=True))
        i = i if mirrored_width is None else mirrored_width - 1 - i
        warped.append(Lesion((k, j, i), lesion.diameter_mm * mean_zoom))
    return tuple(warped)


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
            patch = draw_patch(self._source, rng)
            t = targets_of(patch)
            yield (
                normalise(torch.from_numpy(patch.hu), self._config)[None],
                t.heat,
                t.weight,
                t.geometry,
                t.geometry_weight,
            )
