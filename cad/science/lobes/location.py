"""The borders of the lobes and lungs of a scan, found once, and where a nodule lies between them.

Fissures are thin, often incomplete and blurred to a band; so a lobe is a probability: that of the nodule's voxels to
lie above or below each fissure, given how well the fissure is known there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree
from scipy.special import ndtr

from cad.domain import BoolArray, FloatArray, Lobe, LungMask, NoduleLocation, NoduleMask, Side, Volume
from cad.policy import FissurePrior, LobePolicy
from cad.science.lobes.plates import (
    Box,
    Plates,
    ReducedLung,
    box_of,
    label_of,
    piece_sizes_mm3,
    plates_of,
    reduced_lung,
    vessels_mm,
)
from cad.science.lobes.surfaces import Evidence, Frame, Surface, error_mm, fit_surface, frame_of, local_shift_mm

COARSE_MM = 3.0
"""Grid on which the surroundings of the main bronchi are marked."""

MAX_VOXELS = 2000
"""So many voxels of a nodule tell its lobe."""

NOWHERE = NoduleLocation(lobe=None, lobe_confidence=0.0, pleura_mm=None, fissure_mm=None)


@dataclass(frozen=True, slots=True, eq=False)
class LungBorders:
    """The outline of one lung without its hilum, and its fissures; None where the lung is cut by the image."""

    side: Side
    outline: KDTree | None
    oblique: Surface | None
    horizontal: Surface | None

    @property
    def fissures(self) -> tuple[Surface, ...]:
        """The fissures that this lung has and that were found."""
        return tuple(s for s in (self.oblique, self.horizontal) if s is not None and s.is_found)


@dataclass(frozen=True, slots=True, eq=False)
class Borders:
    """The borders of both lungs of a volume, positions in mm along its array axes."""

    lungs: tuple[LungBorders, ...]

    def of(self, side: Side) -> LungBorders | None:
        """The borders of one lung; None when it is not in view."""
        return next((lung for lung in self.lungs if lung.side is side), None)


def find_borders(volume: Volume, lungs: LungMask, policy: LobePolicy) -> Borders:
    """Outline and fissures of the lungs of a volume in canonical orientation.

    A fissure that is hardly seen is placed by its prior and marked so. Never fails: what cannot be found is None.
    """
    boxes = {side: box for side in Side if (box := box_of(lungs, side)) is not None}
    hilum = _Hilum.of(volume, lungs, boxes, policy)
    found = []
    for side, box in boxes.items():
        inside = lungs.labels[box] == label_of(side)
        outline = _outline(inside, box, volume, hilum)
        is_cut = _is_cut(inside, box, volume.grid.shape, policy)
        oblique, horizontal = (None, None) if is_cut else _fissures(volume, inside, box, side, policy)
        found.append(LungBorders(side, outline, oblique, horizontal))
    return Borders(tuple(found))


def locate(mask: NoduleMask, side: Side, borders: Borders, policy: LobePolicy) -> NoduleLocation:
    """Lobe of a nodule in the lung of `side`, and how far its surface is from pleura and fissure.

    The pleura is the outline of the lung mask except near the main bronchi, so costal, diaphragmatic and mediastinal
    pleura; distances are between centres of voxels, 0 where the nodule has a voxel of the outline or lies on both
    sides of a fissure. A fissure counts where it is well known.
    """
    lung = borders.of(side)
    if lung is None:
        return NOWHERE
    spacing = np.array(mask.grid.spacing_kji_mm)
    positions = (np.argwhere(mask.voxels) + np.array(mask.offset)) * spacing
    rim = mask.voxels & ~ndimage.binary_erosion(mask.voxels)
    rim_mm = (np.argwhere(rim) + np.array(mask.offset)) * spacing
    lobe, confidence = _lobe(positions[:: max(1, len(positions) // MAX_VOXELS)], lung, policy)
    pleura = None if lung.outline is None else float(lung.outline.query(rim_mm)[0].min())
    return NoduleLocation(lobe, confidence, pleura, _fissure_mm(positions, lung, policy))


@dataclass(frozen=True, slots=True, eq=False)
class _Hilum:
    """Where the outline of a lung is hilum: `near` bool on every `steps`-th voxel [k, j, i] of the volume."""

    near: BoolArray
    steps: tuple[int, int, int]

    @staticmethod
    def of(volume: Volume, lungs: LungMask, boxes: dict[Side, Box], policy: LobePolicy) -> _Hilum:
        """The surroundings of air that lies between both lungs in their upper part; nothing for a single lung."""
        spacing = np.array(volume.grid.spacing_kji_mm)
        k, j, i = (max(1, int(COARSE_MM // s)) for s in spacing)
        air = (volume.hu[::k, ::j, ::i] < policy.bronchial_air_hu) & (lungs.labels[::k, ::j, ::i] == 0)
        between = np.zeros(air.shape, dtype=np.bool_)
        if len(boxes) == len(Side):
            both = [(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(*boxes.values(), strict=True)]
            middle = sum(part.start + part.stop for part in (boxes[Side.LEFT][2], boxes[Side.RIGHT][2])) / 4
            half = policy.hilum_half_width_mm / float(spacing[2])
            lowest = both[0][0] + policy.hilum_from_height * (both[0][1] - both[0][0])
            low_i, high_i = max(0, int((middle - half) // i)), max(0, int((middle + half) // i))
            between[int(lowest // k) : both[0][1] // k, both[1][0] // j : both[1][1] // j, low_i:high_i] = True
        air &= between
        if not air.any():
            return _Hilum(air, (k, j, i))
        away = ndimage.distance_transform_edt(~air, sampling=spacing * np.array((k, j, i)))
        return _Hilum(away <= policy.hilum_mm, (k, j, i))

    def holds(self, voxels: np.ndarray[tuple[int, int], np.dtype[np.int_]]) -> BoolArray:
        """Which of the voxels [n, 3] are hilum."""
        coarse = np.minimum(voxels // np.array(self.steps), np.array(self.near.shape) - 1)
        held: BoolArray = self.near[tuple(coarse.T)]
        return held


def _outline(inside: BoolArray, box: Box, volume: Volume, hilum: _Hilum) -> KDTree | None:
    """The outermost voxels of a lung without its hilum, to ask for distances; the image's border is no outline."""
    interior = np.pad(inside, 1, constant_values=False)
    for axis, (part, size) in enumerate(zip(box, volume.grid.shape, strict=True)):
        moved = np.moveaxis(interior, axis, 0)
        if part.start == 0:
            moved[0] = moved[1]
        if part.stop == size:
            moved[-1] = moved[-2]
    core = inside & interior[2:, 1:-1, 1:-1] & interior[:-2, 1:-1, 1:-1]
    core &= interior[1:-1, 2:, 1:-1] & interior[1:-1, :-2, 1:-1]
    core &= interior[1:-1, 1:-1, 2:] & interior[1:-1, 1:-1, :-2]
    voxels = np.argwhere(inside & ~core) + np.array([part.start for part in box])
    pleura = voxels[~hilum.holds(voxels)]
    if len(pleura) == 0:
        return None
    return KDTree(pleura * np.array(volume.grid.spacing_kji_mm), compact_nodes=False, balanced_tree=False)


def _is_cut(inside: BoolArray, box: Box, shape: tuple[int, int, int], policy: LobePolicy) -> bool:
    """Whether a large section of the lung lies on the image's border above, below, in front or behind."""
    for axis in (0, 1):
        sections = inside.sum(axis=tuple(a for a in range(3) if a != axis))
        ends = [(box[axis].start == 0, sections[0]), (box[axis].stop == shape[axis], sections[-1])]
        if any(at_border and section > policy.max_cut * sections.max() for at_border, section in ends):
            return True
    return False


def _fissures(
    volume: Volume, inside: BoolArray, box: Box, side: Side, policy: LobePolicy
) -> tuple[Surface | None, Surface | None]:
    """The oblique fissure of a lung and, of the right one, the horizontal fissure in front of it."""
    lung = reduced_lung(volume, inside, box, policy)
    if not lung.inside.any():
        return None, None
    plates, vessels = plates_of(lung, policy), vessels_mm(lung, policy)
    prior = policy.left_oblique if side is Side.LEFT else policy.right_oblique
    frame = frame_of(lung, prior)
    everywhere = np.ones(len(plates.indices), dtype=np.bool_)
    oblique = fit_surface(
        lung, frame, _evidence(lung, frame, (plates, everywhere), vessels, (prior, policy)), prior, policy
    )
    if side is Side.LEFT:
        return oblique, None
    prior, frame = policy.horizontal, frame_of(lung, policy.horizontal)
    in_front = oblique.above_mm(plates.positions_mm) > policy.least_below_oblique_mm
    vessels = vessels[oblique.above_mm(vessels) > policy.least_below_oblique_mm]
    evidence = _evidence(lung, frame, (plates, in_front), vessels, (prior, policy))
    return oblique, fit_surface(lung, frame, evidence, prior, policy)


def _evidence(
    lung: ReducedLung,
    frame: Frame,
    plates: tuple[Plates, BoolArray],
    vessels: FloatArray,
    rules: tuple[FissurePrior, LobePolicy],
) -> Evidence:
    """Those of the chosen plates that lie about like the plane and hang together, and the vessels near it."""
    (found, chosen), (prior, policy) = plates, rules
    aligned = np.abs(found.normals @ frame.normal) >= prior.min_alignment
    sizes = piece_sizes_mm3(lung, found, aligned & chosen)
    smallest, full = policy.piece_mm3
    weights = np.sqrt(np.clip((sizes - smallest) / (full - smallest), 0, 1))
    places, dense = frame.coordinates(found.positions_mm), frame.coordinates(vessels)
    used = (weights > 0) & (np.abs(places[2]) < policy.reach_mm)
    return Evidence(places[:, used], weights[used], dense[:, np.abs(dense[2]) < policy.reach_mm], lung.block_mm3)


def _lobe(positions_mm: FloatArray, lung: LungBorders, policy: LobePolicy) -> tuple[Lobe | None, float]:
    """The most probable lobe of a nodule's voxels [n, 3] and its probability; None and 0 when that is too low."""
    if lung.oblique is None:
        return None, 0.0
    above = _probability_above(positions_mm, lung.oblique, policy)
    if lung.side is Side.LEFT or lung.horizontal is None:
        chances = {Lobe.LUL: above.mean(), Lobe.LLL: 1 - above.mean()}
    else:
        upper = above * _probability_above(positions_mm, lung.horizontal, policy)
        chances = {Lobe.RUL: upper.mean(), Lobe.RML: (above - upper).mean(), Lobe.RLL: 1 - above.mean()}
    lobe = max(chances, key=lambda name: chances[name])
    confidence = float(chances[lobe])
    return (lobe, confidence) if confidence >= policy.min_confidence else (None, 0.0)


def _probability_above(positions_mm: FloatArray, surface: Surface, policy: LobePolicy) -> FloatArray:
    middle = positions_mm.mean(axis=0)
    shift = local_shift_mm(surface, middle, policy)
    above: FloatArray = ndtr((surface.above_mm(positions_mm) - shift) / error_mm(surface, middle, policy))
    return above


def _fissure_mm(positions_mm: FloatArray, lung: LungBorders, policy: LobePolicy) -> float | None:
    """Distance of a nodule's voxels from the nearest fissure that is well known there; None without such a fissure."""
    distances = []
    for surface in lung.fissures:
        places = positions_mm
        if surface is lung.horizontal and lung.oblique is not None:  # it ends at the oblique fissure
            places = positions_mm[lung.oblique.above_mm(positions_mm) > 0]
        middle = positions_mm.mean(axis=0)
        if len(places) and error_mm(surface, middle, policy) <= policy.fissure_known_mm:
            above = surface.above_mm(places) - local_shift_mm(surface, middle, policy)
            crossed = above.min() < 0 < above.max()
            distances.append(0.0 if crossed else float(np.abs(above).min()))
    return min(distances, default=None)
