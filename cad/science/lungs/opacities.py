"""What of the lungs holds no air over more than a stated size: masses, and opacities that are no nodules.

A detector of nodules does not look for what is larger than a nodule, and thresholds leave it out of the lungs. Here the
lungs are taken with all that lies in them, and what is dense in them and thicker than any vessel is told apart by its
shape: what is compact is a mass, and measured like a nodule; consolidation, collapse and effusion are named with their
place and volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from cad.domain import (
    BoolArray,
    Candidate,
    Caution,
    Float32Array,
    Int16Array,
    LungMask,
    NoduleMask,
    NoduleReading,
    PointLps,
    SeenMass,
    Side,
    UInt8Array,
    Volume,
)
from cad.geometry import index_of, position_of, sphere_diameter_mm
from cad.policy import OpacityPolicy
from cad.science.lungs.morphology import block_sums, distance_mm

Factors = tuple[int, int, int]

MASS_ORIGIN = "shape of a dense region"
"""What a mass was found by, in the place of a detector's name."""

SEEN_ORIGIN = "mass network"


@dataclass(frozen=True, slots=True, eq=False)
class Opacity:
    """A dense region of a lung: its voxels on the source grid, its middle, its largest extent, how much of the ball of
    that extent it fills, and whether it is compact enough to be a mass."""

    mask: NoduleMask
    centre: PointLps
    side: Side
    volume_ml: float
    extent_mm: float
    compactness: float
    is_mass: bool
    height: float
    """Where its middle lies between the lowest (0) and the highest (1) slice of the lungs."""
    score: float | None = None
    """How sure a network is that it is a mass; None when its shape alone says so."""


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    """Means over blocks: `hu` float32 and `lung` bool, [k, j, i]."""

    hu: Float32Array
    lung: BoolArray
    spacing_mm: tuple[float, float, float]
    factors: Factors


def opacities_of(
    volume: Volume, lungs: LungMask, policy: OpacityPolicy, seen: tuple[SeenMass, ...] = ()
) -> tuple[Opacity, ...]:
    """The masses that a network saw, and what else of the lungs is dense and thicker than `policy.min_thickness_mm`.

    The largest come first. A network may see a part of a mass: what is dense and compact about it is the same mass.
    """
    if seen:
        compact = [o for o in _dense_regions(volume, lungs, policy) if o.is_mass]
        seen = tuple(_completed(mass, compact, policy) for mass in seen)
    rest = without(lungs, seen)
    masses = tuple(_seen_opacity(mass, lungs, policy) for mass in seen)
    shaped = _dense_regions(volume, rest, policy)
    return tuple(sorted((*masses, *shaped), key=lambda o: -o.volume_ml))


def _completed(seen: SeenMass, compact: Sequence[Opacity], policy: OpacityPolicy) -> SeenMass:
    """The mass with the compact regions of which it holds a good part, or that hold a good part of it."""
    mask = seen.mask
    for region in compact:
        shared = _shared_voxels(mask, region.mask)
        if shared >= policy.same_mass * min(mask.voxel_count, region.mask.voxel_count):
            mask = _united(mask, region.mask)
    return seen if mask is seen.mask else SeenMass(mask, seen.score)


def _shared_voxels(one: NoduleMask, other: NoduleMask) -> int:
    low = [max(a, b) for a, b in zip(one.offset, other.offset, strict=True)]
    ends = [min(a.stop, b.stop) for a, b in zip(one.slices, other.slices, strict=True)]
    if any(end <= start for start, end in zip(low, ends, strict=True)):
        return 0
    parts = [
        mask.voxels[tuple(slice(a - o, b - o) for a, b, o in zip(low, ends, mask.offset, strict=True))]
        for mask in (one, other)
    ]
    return int(np.count_nonzero(parts[0] & parts[1]))


def _united(one: NoduleMask, other: NoduleMask) -> NoduleMask:
    low = [min(a, b) for a, b in zip(one.offset, other.offset, strict=True)]
    ends = [max(a.stop, b.stop) for a, b in zip(one.slices, other.slices, strict=True)]
    voxels = np.zeros([b - a for a, b in zip(low, ends, strict=True)], dtype=np.bool_)
    for mask in (one, other):
        voxels[tuple(slice(s.start - a, s.stop - a) for s, a in zip(mask.slices, low, strict=True))] |= mask.voxels
    return NoduleMask(voxels, (low[0], low[1], low[2]), one.grid)


def without(lungs: LungMask, seen: tuple[SeenMass, ...]) -> LungMask:
    """The lungs without the masses that a network saw."""
    if not seen:
        return lungs
    labels = lungs.labels.copy()
    for mass in seen:
        labels[mass.mask.slices][mass.mask.voxels] = 0
    return LungMask(labels, lungs.grid)


def holding(lungs: LungMask, seen: tuple[SeenMass, ...]) -> LungMask:
    """The lungs with the masses seen in them or on their border, each in the lung that it touches most."""
    if not seen:
        return lungs
    labels = lungs.labels.copy()
    for mass in seen:
        part, voxels = labels[mass.mask.slices], mass.mask.voxels
        part[voxels & (part == 0)] = _side_of(part, voxels)
    return LungMask(labels, lungs.grid)


def _side_of(labels: UInt8Array, voxels: BoolArray) -> int:
    """The lung that has most of the voxels of a box, or else most of what is about them."""
    for region in (labels[voxels], labels):
        right, left = (int(np.count_nonzero(region == side)) for side in (LungMask.RIGHT, LungMask.LEFT))
        if right or left:
            return LungMask.RIGHT if right >= left else LungMask.LEFT
    return LungMask.RIGHT


def _seen_opacity(seen: SeenMass, lungs: LungMask, policy: OpacityPolicy) -> Opacity:
    """A mass that a network saw; what is larger than masses are is none."""
    extent = _extent_mm(seen.mask.voxels, seen.mask.grid.spacing_kji_mm)
    found = _described(seen.mask, lungs, extent)
    return replace(found, is_mass=extent <= policy.largest_mass_mm, score=seen.score)


def _described(mask: NoduleMask, lungs: LungMask, extent_mm: float) -> Opacity:
    """A dense region by its voxels, not yet said to be a mass."""
    ml = mask.voxel_count * mask.grid.voxel_volume_mm3 / 1000
    middle = [float(c) + o for c, o in zip(ndimage.center_of_mass(mask.voxels), mask.offset, strict=True)]
    heights = np.flatnonzero((lungs.labels > 0).any(axis=(1, 2)))
    side = _side_of(lungs.labels[mask.slices], mask.voxels)
    return Opacity(
        mask,
        position_of(mask.grid, (middle[0], middle[1], middle[2])),
        side=Side.RIGHT if side == LungMask.RIGHT else Side.LEFT,
        volume_ml=ml,
        extent_mm=extent_mm,
        compactness=min(1.0, ml * 1000 / (np.pi / 6 * extent_mm**3)),
        is_mass=False,
        height=float((middle[0] - heights[0]) / max(1, heights[-1] - heights[0])),
    )


def _dense_regions(volume: Volume, lungs: LungMask, policy: OpacityPolicy) -> list[Opacity]:
    coarse = _coarse(volume, lungs, policy.working_mm)
    dense = coarse.lung & (coarse.hu > policy.dense_hu)
    radius = policy.min_thickness_mm / 2
    core = distance_mm(~dense, coarse.spacing_mm) >= radius
    thick = dense & (distance_mm(core, coarse.spacing_mm) <= radius)
    pieces, count = ndimage.label(thick)
    voxel_ml = float(np.prod(coarse.spacing_mm)) / 1000
    sizes = np.bincount(pieces.ravel(), minlength=count + 1) * voxel_ml
    found = []
    for label, box in enumerate(ndimage.find_objects(pieces), start=1):
        if box is None or sizes[label] < policy.min_volume_ml:
            continue
        found.append(_opacity(volume, lungs, coarse, (pieces[box] == label, box), policy))
    return found


def _coarse(volume: Volume, lungs: LungMask, target_mm: float) -> _Coarse:
    spacing = volume.grid.spacing_kji_mm
    k, j, i = (max(1, round(target_mm / mm)) for mm in spacing)
    planes, shares = [], []
    for start in range(0, volume.hu.shape[0], k):
        slab, labels = volume.hu[start : start + k], lungs.labels[start : start + k] > 0
        planes.append(_means(slab.astype(np.float32).mean(axis=0), j, i))
        shares.append(_means(labels.astype(np.float32).mean(axis=0), j, i))
    lung: BoolArray = np.stack(shares) >= 0.5
    return _Coarse(np.stack(planes), lung, (spacing[0] * k, spacing[1] * j, spacing[2] * i), (k, j, i))


def _means(plane: Float32Array, j: int, i: int) -> Float32Array:
    """Means of a plane [j, i] over blocks, smaller ones at the ends."""
    sums, areas = block_sums(plane, j, i)
    means: Float32Array = (sums / areas).astype(np.float32)
    return means


Piece = tuple[BoolArray, tuple[slice, ...]]


def _opacity(volume: Volume, lungs: LungMask, coarse: _Coarse, piece: Piece, policy: OpacityPolicy) -> Opacity:
    extent = _extent_mm(piece[0], coarse.spacing_mm)
    found = _described(_at_source(volume, lungs, piece, coarse.factors, policy.dense_hu), lungs, extent)
    is_compact = found.compactness >= policy.mass_compactness
    return replace(found, is_mass=is_compact and extent <= policy.largest_mass_mm)


def _at_source(volume: Volume, lungs: LungMask, piece: Piece, factors: Factors, dense_hu: float) -> NoduleMask:
    """The piece on the source grid: its blocks and one more around them, as far as the voxels are dense lung."""
    part, box = piece
    grown = ndimage.binary_dilation(np.pad(part, 1))
    spans = [slice(max(0, (s.start - 1) * f), (s.stop + 1) * f) for s, f in zip(box, factors, strict=True)]
    first = [1 if s.start == 0 else 0 for s in box]
    grown = grown[tuple(slice(f, None) for f in first)]
    for axis, f in enumerate(factors):
        grown = np.repeat(grown, f, axis=axis)
    hu: Int16Array = volume.hu[tuple(spans)]
    grown = grown[tuple(slice(0, n) for n in hu.shape)]
    voxels: BoolArray = grown & (hu > dense_hu) & (lungs.labels[tuple(spans)] > 0)
    labels, count = ndimage.label(voxels)
    if count > 1:
        voxels = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return NoduleMask(voxels, (spans[0].start, spans[1].start, spans[2].start), volume.grid)


def _extent_mm(part: BoolArray, spacing_mm: tuple[float, float, float]) -> float:
    """The largest extent of a piece [k, j, i] along 49 directions, in mm; a voxel counts with its own width."""
    points = np.argwhere(part & ~ndimage.binary_erosion(part)) * np.array(spacing_mm)
    polar, turn = np.meshgrid(np.linspace(0, np.pi / 2, 7), np.linspace(0, 2 * np.pi, 8)[:-1], indexing="ij")
    directions = np.stack([np.cos(polar), np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn)], axis=-1)
    along = points @ directions.reshape(-1, 3).T
    return float((along.max(axis=0) - along.min(axis=0)).max()) + float(np.mean(spacing_mm))


def with_masses(
    candidates: tuple[Candidate, ...], opacities: tuple[Opacity, ...], policy: OpacityPolicy
) -> tuple[Candidate, ...]:
    """The candidates, best first, and one for each mass that none of them names by its size.

    Marks inside a mass that are much smaller than it are parts of it.
    """
    found = list(candidates)
    for mass in (o for o in opacities if o.is_mass and o.extent_mm >= policy.smallest_mass_mm):
        diameter = sphere_diameter_mm(mass.volume_ml * 1000)
        inside = [c for c in found if _holds(mass, c.centre)]
        if any(c.diameter_mm >= policy.same_size * diameter for c in inside):
            continue
        own = policy.mass_score if mass.score is None else mass.score
        score = max([own, *(c.score for c in inside)])
        found = [c for c in found if all(c is not other for other in inside)]
        found.append(Candidate(mass.centre, diameter, score, MASS_ORIGIN if mass.score is None else SEEN_ORIGIN))
    return tuple(sorted(found, key=lambda c: -c.score))


def outline_at(candidate: Candidate, opacities: tuple[Opacity, ...]) -> NoduleReading | None:
    """The outline of the mass that a candidate stands for; None for a mark of the detector."""
    mass = next((o for o in opacities if o.is_mass and o.centre == candidate.centre), None)
    if mass is None:
        return None
    return NoduleReading(mass.mask.voxels.astype(np.float32), mass.mask.offset, certainty=1.0)


def unassessed(opacities: tuple[Opacity, ...], policy: OpacityPolicy) -> tuple[Caution, ...]:
    """What a reader should know of the dense regions that are not assessed as nodules: where, and how large."""
    return tuple(
        Caution(
            "opacity-not-assessed",
            f"Opacity of {o.volume_ml:.0f} ml in the {_third(o.height)} third of the {o.side.value} lung, not assessed "
            "as nodule: consolidation, collapse, effusion or a mass.",
        )
        for o in opacities
        if not o.is_mass and o.volume_ml >= policy.said_from_ml
    )


def _third(height: float) -> str:
    return ("lower", "middle", "upper")[min(2, int(3 * max(0.0, height)))]


def _holds(mass: Opacity, point: PointLps) -> bool:
    """Whether a point lies in the mass or within 5 mm of it."""
    k, j, i = (np.array(index_of(mass.mask.grid, point)) - mass.mask.offset).tolist()
    reach = [5.0 / mm for mm in mass.mask.grid.spacing_kji_mm]
    ends = [(int(np.floor(v - r)), int(np.ceil(v + r)) + 1) for v, r in zip((k, j, i), reach, strict=True)]
    box = tuple(slice(max(0, low), max(0, high)) for low, high in ends)
    return bool(mass.mask.voxels[box].any())
