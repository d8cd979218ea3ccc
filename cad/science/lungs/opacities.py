"""What of the lungs holds no air over more than a stated size: masses, and opacities that are no nodules.

A detector of nodules does not look for what is larger than a nodule, and thresholds leave it out of the lungs. Here the
lungs are taken with all that lies in them, and what is dense in them and thicker than any vessel is told apart by its
shape: what is compact is a mass, and measured like a nodule; consolidation, collapse and effusion are named with their
place and volume.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    Side,
    Volume,
)
from cad.geometry import index_of, position_of, sphere_diameter_mm
from cad.policy import OpacityPolicy
from cad.science.lungs.morphology import block_sums, distance_mm

Factors = tuple[int, int, int]

MASS_ORIGIN = "shape of a dense region"
"""What a mass was found by, in the place of a detector's name."""


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


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    """Means over blocks: `hu` float32 and `lung` bool, [k, j, i]."""

    hu: Float32Array
    lung: BoolArray
    spacing_mm: tuple[float, float, float]
    factors: Factors


def opacities_of(volume: Volume, lungs: LungMask, policy: OpacityPolicy) -> tuple[Opacity, ...]:
    """The dense regions of the lungs that are thicker than `policy.min_thickness_mm`, the largest first."""
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
    return tuple(sorted(found, key=lambda o: -o.volume_ml))


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
    part = piece[0]
    mask = _at_source(volume, lungs, piece, coarse.factors, policy.dense_hu)
    ml = mask.voxel_count * volume.grid.voxel_volume_mm3 / 1000
    extent = _extent_mm(part, coarse.spacing_mm)
    compactness = min(1.0, ml * 1000 / (np.pi / 6 * extent**3))
    middle = [float(c) + o for c, o in zip(ndimage.center_of_mass(mask.voxels), mask.offset, strict=True)]
    heights = np.flatnonzero((lungs.labels > 0).any(axis=(1, 2)))
    labels = lungs.labels[mask.slices][mask.voxels]
    side = Side.RIGHT if np.count_nonzero(labels == 1) >= np.count_nonzero(labels == 2) else Side.LEFT
    return Opacity(
        mask,
        position_of(volume.grid, (middle[0], middle[1], middle[2])),
        side=side,
        volume_ml=ml,
        extent_mm=extent,
        compactness=compactness,
        is_mass=compactness >= policy.mass_compactness and extent <= policy.largest_mass_mm,
        height=float((middle[0] - heights[0]) / max(1, heights[-1] - heights[0])),
    )


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
        score = max([policy.mass_score, *(c.score for c in inside)])
        found = [c for c in found if all(c is not other for other in inside)]
        found.append(Candidate(mass.centre, diameter, score, MASS_ORIGIN))
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
