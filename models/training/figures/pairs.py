"""Two examinations of one patient with known truth: nodules of real shape put into a real scan and a breathed copy.

The scan itself is the current examination. The earlier one is the same chest breathed otherwise, on another grid and
with noise of its own (`models.training.material.breath`). Each nodule keeps its shape and pose and has another
size, is new or is gone. Nodules are put in on the scans' own grids, at full resolution.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cad.domain import Composition, Float32Array, FloatArray, Grid, PointLps, Volume
from cad.geometry import indices_of, positions_of, sphere_diameter_mm
from cad.qa.followup import Course
from models.training.material.blend import (
    SCALES,
    Optics,
    RenderedNodule,
    blend,
    core_hu,
    draw_shape,
    is_visible,
    overlap,
    random_rotation,
)
from models.training.material.breath import Breath, breath_of, breathe, coarser_grid
from models.training.material.scans import TrainingScan, optics_of
from models.training.material.shapes import NoduleShape

FINE_MM = 0.6
"""Nodules are computed at about this spacing before they are averaged into voxels."""

GAP_MM = 6.0
EDGE_MM = 12.0
"""Least distances of a nodule's surface to another's, and of its centre beyond its radius to the edge of both scans."""

PLACES = 6_000
TRIES = 600
AT_PLEURA = 0.3
INVERSE_STEPS = 40
KINDS = (Composition.SOLID, Composition.SOLID, Composition.SOLID, Composition.PART_SOLID, Composition.GROUND_GLASS)
STABLE, CLEAR = 0.05, 0.25
"""A change of volume is stable below the first and clear beyond the second; a third of the nodules is stable."""

LEAST_RATIO, MOST_RATIO = 0.70, 4.0
SIZES_MM = (4.0, 20.0)
LARGER_PIXELS = 1.08
"""The earlier scan's pixels are larger by this factor: another field of view."""


@dataclass(frozen=True, slots=True)
class PairPlan:
    """How many nodules of each fate a pair holds, how deep the breath between its scans is, and the seed."""

    followed: int = 8
    new: int = 2
    gone: int = 2
    depth_mm: float = 12.0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class BlendedPair:
    """The current and the earlier volume, the breath between them (earlier to current) and the nodules' truth."""

    current: Volume
    prior: Volume
    breath: Breath
    courses: tuple[Course, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A nodule before it is put anywhere: shape and pose, its attenuation, and the volume at scale 1 in mm³."""

    shape: NoduleShape
    rotation: Float32Array
    kind: Composition
    hu: float
    core_hu: float
    core_share: float

    @property
    def unit_mm3(self) -> float:
        return float(self.shape.solid.sum())

    def scale(self, volume_mm3: float) -> float:
        return float((volume_mm3 / self.unit_mm3) ** (1 / 3))


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """A scan that nodules are put into: its attenuation, grid and optics."""

    hu: Float32Array
    grid: Grid
    optics: Optics


def blend_pair(scan: TrainingScan, shapes: Sequence[NoduleShape], plan: PairPlan) -> BlendedPair:
    """The pair of a scan. Raises ValueError when its lungs have no room for the nodules."""
    rng = np.random.default_rng([plan.seed, 1])
    breath = breath_of(scan.lungs, plan.depth_mm, plan.seed)
    dk, dj, di = scan.volume.grid.spacing_kji_mm
    grid = coarser_grid(scan.volume.grid, (dk, dj * LARGER_PIXELS, di * LARGER_PIXELS), (3.0, -4.0, 0.4 * dk))
    optics = optics_of(scan.volume.hu, scan.lungs.labels, scan.slice_thickness_mm)
    earlier = breathe(scan.volume, breath, grid, optics.noise_hu / np.sqrt(2), plan.seed)
    stage = _Stage(
        Visit(scan.volume.hu.astype(np.float32), scan.volume.grid, optics),
        Visit(earlier.hu.astype(np.float32), grid, optics),
        breath,
        _places(scan, rng),
        [(n.centre.as_array(), n.diameter_mm / 2) for n in (*scan.nodules, *scan.unlabelled)],
    )
    courses = tuple(_course(fate, stage, shapes, rng) for fate in _fates(plan))
    return BlendedPair(_volume(stage.now, scan.volume), _volume(stage.then, earlier), breath, courses)


class _Fate(enum.Enum):
    FOLLOWED = enum.auto()
    NEW = enum.auto()
    GONE = enum.auto()


def _fates(plan: PairPlan) -> list[_Fate]:
    return [_Fate.FOLLOWED] * plan.followed + [_Fate.NEW] * plan.new + [_Fate.GONE] * plan.gone


def _volume(visit: Visit, like: Volume) -> Volume:
    hu = visit.hu.round().clip(-1024, 3071).astype(np.int16)
    return Volume(hu, visit.grid, like.frame_of_reference_uid)


def to_breathed(breath: Breath, positions: FloatArray) -> FloatArray:
    """Where the tissue at `positions` [n, 3] of the real scan lies in the breathed one: the inverse of the breath."""
    found = np.array(positions, dtype=np.float64)
    for _ in range(INVERSE_STEPS):
        found -= breath.to_real(found) - positions
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Positions [n, 3] in the lungs of the current scan, and their depth under the lungs' border in mm [n]."""

    positions: FloatArray
    depth_mm: FloatArray


def _places(scan: TrainingScan, rng: np.random.Generator) -> _Places:
    """Random places of the lungs; depths are taken on a coarser grid of about 2 mm."""
    spacing = scan.lungs.grid.spacing_kji_mm
    step = [max(1, round(2.0 / s)) for s in spacing]
    inside = scan.lungs.labels[:: step[0], :: step[1], :: step[2]] > 0
    depth = ndimage.distance_transform_edt(inside, sampling=[n * s for n, s in zip(step, spacing, strict=True)])
    voxels = np.argwhere(inside)
    drawn = voxels[rng.permutation(len(voxels))[:PLACES]]
    at = tuple(drawn.T)
    return _Places(positions_of(scan.lungs.grid, (drawn * step).astype(np.float64)), depth[at])


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """Both scans, the breath between them, where there is room, and what is taken: centres now, and radii in mm."""

    now: Visit
    then: Visit
    breath: Breath
    places: _Places
    taken: list[tuple[FloatArray, float]]


def _course(fate: _Fate, stage: _Stage, shapes: Sequence[NoduleShape], rng: np.random.Generator) -> Course:
    """One nodule put into the scans that show it, at the first place where it can be seen in all of them."""
    for _ in range(TRIES):
        sketch, now_mm3, then_mm3 = _drawn(shapes, rng)
        radius = sphere_diameter_mm(max(now_mm3, then_mm3)) / 2
        here = _room(stage, radius, rng)
        if here is None:
            continue
        there = to_breathed(stage.breath, here[None])[0]
        if not _is_within(stage.then.grid, there, radius):
            continue
        now = None if fate is _Fate.GONE else _Showing(stage.now, here, now_mm3)
        then = None if fate is _Fate.NEW else _Showing(stage.then, there, then_mm3)
        if _shown(sketch, [showing for showing in (now, then) if showing is not None], rng):
            stage.taken.append((here, radius))
            return _course_of(sketch.kind, now, then)
    raise ValueError("the lungs have no room for another nodule")


def _course_of(kind: Composition, now: _Showing | None, then: _Showing | None) -> Course:
    return Course(
        kind,
        None if now is None else PointLps(*(float(v) for v in now.place)),
        None if then is None else PointLps(*(float(v) for v in then.place)),
        None if now is None else now.volume_mm3,
        None if then is None else then.volume_mm3,
    )


def _room(stage: _Stage, radius: float, rng: np.random.Generator) -> FloatArray | None:
    """A random place of the current scan with room for the nodule, three in ten of them at the pleura; else None."""
    number = int(rng.integers(len(stage.places.positions)))
    here: FloatArray = stage.places.positions[number]
    if stage.places.depth_mm[number] <= radius + 1 and rng.random() > AT_PLEURA:
        return None
    is_free = all(float(np.linalg.norm(here - centre)) > radius + r + GAP_MM for centre, r in stage.taken)
    return here if is_free and _is_within(stage.now.grid, here, radius) else None


def _drawn(shapes: Sequence[NoduleShape], rng: np.random.Generator) -> tuple[Sketch, float, float]:
    """A nodule with its volume now and then, both of 4 to 20 mm."""
    while True:
        now_mm = float(np.exp(rng.uniform(*np.log(SIZES_MM))))
        volume = np.pi / 6 * now_mm**3
        before = volume / _ratio(rng)
        if not SIZES_MM[0] <= sphere_diameter_mm(before) <= SIZES_MM[1]:
            continue
        shape = draw_shape(shapes, now_mm, rng)
        kind = KINDS[int(rng.integers(len(KINDS)))]
        sketch = Sketch(
            shape,
            random_rotation(rng),
            kind=kind,
            hu=core_hu(kind, rng),
            core_hu=rng.uniform(-20, 60),
            core_share=rng.uniform(0.4, 0.7),
        )
        scales = sketch.scale(volume), sketch.scale(before)
        if SCALES[0] <= min(scales) and max(scales) <= SCALES[1]:
            return sketch, float(volume), float(before)


def _ratio(rng: np.random.Generator) -> float:
    """A third stable within 5 %, the others clear: a quarter of them smaller by 25 to 30 %, the rest grown."""
    if rng.random() < 1 / 3:
        return float(1 + rng.uniform(-STABLE, STABLE))
    if rng.random() < 0.25:
        return float(rng.uniform(LEAST_RATIO, 1 - CLEAR))
    return float(np.exp(rng.uniform(np.log(1 + CLEAR), np.log(MOST_RATIO))))


def _is_within(grid: Grid, position: FloatArray, radius: float) -> bool:
    index = indices_of(grid, position[None])[0]
    margin = (radius + EDGE_MM) / np.array(grid.spacing_kji_mm)
    return bool((index > margin).all() and (index < np.array(grid.shape) - 1 - margin).all())


@dataclass(frozen=True, slots=True, eq=False)
class _Showing:
    """A scan that shows the nodule, where, and how large."""

    visit: Visit
    place: FloatArray
    volume_mm3: float


def _shown(sketch: Sketch, showings: Sequence[_Showing], rng: np.random.Generator) -> bool:
    """Puts the nodule into every scan; leaves all as they were when it cannot be seen in one."""
    undo: list[tuple[Float32Array, Float32Array]] = []
    for showing in showings:
        hu, optics = showing.visit.hu, showing.visit.optics
        nodule, corner = render_on(sketch, showing.visit, showing.place, sketch.scale(showing.volume_mm3))
        there, here = overlap(hu.shape, corner, nodule.opacity.shape)
        before = hu[there].copy()
        undo.append((hu[there], before))
        blend(hu, nodule, corner, optics, rng)
        if not is_visible(before, hu[there], nodule.opacity[here]):
            for touched, old in undo:
                touched[...] = old
            return False
    return True


def render_on(
    sketch: Sketch, visit: Visit, place: FloatArray, scale: float
) -> tuple[RenderedNodule, tuple[int, int, int]]:
    """The nodule on the visit's own grid, its centre at `place` [3] (LPS mm), and the voxel where its box starts."""
    spacing = np.array(visit.grid.spacing_kji_mm)
    reach = 0.6 * scale * float(np.linalg.norm(sketch.shape.solid.shape)) + 4.0
    centre = indices_of(visit.grid, place[None])[0]
    low = np.floor(centre - reach / spacing).astype(int)
    size = np.ceil(2 * reach / spacing).astype(int) + 1
    factor = np.maximum(1, np.ceil(spacing / FINE_MM)).astype(int) // 2 * 2 + 1
    axes = [
        ((np.arange(n * f) - (f - 1) / 2) / f + start - c) * s
        for n, f, start, c, s in zip(size, factor, low, centre, spacing, strict=True)
    ]
    fine = spacing / factor
    sigma = np.array([visit.optics.axial_sigma_mm, *[visit.optics.in_plane_sigma_mm] * 2]) / fine
    middle = tuple(slice(f // 2, None, f) for f in factor)
    opacity = _blurred(_sampled(sketch, axes, scale), sigma)[middle]
    target = np.full(opacity.shape, sketch.hu, dtype=np.float32)
    if sketch.kind is Composition.PART_SOLID:
        core = _blurred(_sampled(sketch, axes, scale * sketch.core_share), sigma)[middle]
        target += np.clip(core, 0, 1) * (sketch.core_hu - target)
    diameter = sphere_diameter_mm(sketch.unit_mm3 * scale**3)
    nodule = RenderedNodule(np.clip(opacity, 0, 1), target, sketch.kind, diameter)
    return nodule, (int(low[0]), int(low[1]), int(low[2]))


def _sampled(sketch: Sketch, axes: Sequence[FloatArray], scale: float) -> Float32Array:
    """The shape's opacity at places (k, j, i) in mm about its centre of mass."""
    shape = sketch.shape.solid
    mass = ndimage.center_of_mass(shape)
    k, j, i = np.meshgrid(*axes, indexing="ij")
    at = np.tensordot(sketch.rotation / scale, np.stack([k, j, i]), axes=1) + np.array(mass)[:, None, None, None]
    sampled = ndimage.map_coordinates(shape, at, order=1, mode="constant")
    return np.asarray(sampled, dtype=np.float32)


def _blurred(opacity: Float32Array, sigma: FloatArray) -> Float32Array:
    return np.asarray(ndimage.gaussian_filter(opacity, sigma, truncate=3.0), dtype=np.float32)
