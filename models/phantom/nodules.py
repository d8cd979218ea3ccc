"""Synthetic nodules: lobulated ellipsoids of three compositions, their places in the lungs and their true size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cad.domain import Composition, Float32Array, FloatArray
from models.phantom.anatomy import Build, Positions, coverage, lungs
from models.phantom.vessels import Tree

KINDS = (Composition.SOLID, Composition.PART_SOLID, Composition.GROUND_GLASS)
LOCATIONS = ("intraparenchymal", "juxtapleural", "juxtavascular")

SMALLEST_MM = {Composition.SOLID: 5.0, Composition.PART_SOLID: 10.0, Composition.GROUND_GLASS: 8.0}
HU_RANGES = {
    Composition.SOLID: (20.0, 60.0),
    Composition.PART_SOLID: (-620.0, -520.0),
    Composition.GROUND_GLASS: (-640.0, -520.0),
}
LARGEST_MM = 20.0
LARGEST_JUXTAPLEURAL_MM = 14.0
APART_MM = 25.0
"""Least distance of two nodules, so that none touches another."""

TRUTH_STEP_MM = 0.4
"""Sampling step of the true volume; its error on a 5 mm sphere is below 1 %."""


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticNodule:
    """A nodule before it is imaged.

    `turn` [3, 3] holds the ellipsoid's axes as rows, `stretch` [3] its relative semi-axes (product 1), `bumps`
    [m, 3] unit directions of lobulations with `heights` [m] relative to the radius. `core` is the relative radius of
    the solid part of a part-solid nodule.
    """

    name: str
    centre: FloatArray
    diameter_mm: float
    kind: Composition
    location: str
    turn: FloatArray
    stretch: FloatArray
    bumps: FloatArray
    heights: FloatArray
    hu: float
    core: float = 0.5

    def field(self, points: FloatArray) -> FloatArray:
        """Rough signed distance in mm of `points` [..., 3] to the surface, negative inside."""
        own = ((points - self.centre) @ self.turn.T) / self.stretch
        away = np.linalg.norm(own, axis=-1)
        toward = own / np.maximum(away, 1e-6)[..., None]
        lobes = np.exp(7 * (toward @ self.bumps.T - 1)) @ self.heights
        surface: FloatArray = away - self.diameter_mm / 2 * (1 + lobes)
        return surface

    @property
    def reach_mm(self) -> float:
        """Half the edge of a box around the centre that holds the whole nodule."""
        return float(self.diameter_mm / 2 * (1 + self.heights.sum()) * self.stretch.max() + 2)

    def grown(self, volume_factor: float) -> SyntheticNodule:
        """The same shape with its volume multiplied."""
        return replace(self, diameter_mm=self.diameter_mm * volume_factor ** (1 / 3))

    def moved_to(self, centre: FloatArray) -> SyntheticNodule:
        """The same nodule elsewhere: its centre at [3] LPS mm."""
        return replace(self, centre=centre)


@dataclass(frozen=True, slots=True)
class TrueSize:
    """What a perfect reader would measure: the part of a nodule that lies inside the lungs."""

    centre_lps_mm: tuple[float, float, float]
    volume_mm3: float
    diameter_mm: float


def lung_field_at(points: FloatArray, build: Build) -> Float32Array:
    """Field of the lungs at `points` [..., 3]."""
    p = points.astype(np.float32)
    return lungs(Positions(p[..., 0], p[..., 1], p[..., 2]).scaled(build.scale), build)


def true_size(nodule: SyntheticNodule, in_lungs: Float32Array, points: FloatArray) -> TrueSize:
    """Volume, centroid and volume-equivalent diameter of the nodule, from its field and the lungs' at `points`.

    Points are [a, b, c, 3] in LPS mm, `TRUTH_STEP_MM` apart; the lungs' field is [a, b, c].
    """
    inside = (nodule.field(points) < 0) & (in_lungs < 0)
    volume = float(np.count_nonzero(inside)) * TRUTH_STEP_MM**3
    centre = points[inside].mean(axis=0)
    x, y, z = (round(float(v), 2) for v in centre)
    return TrueSize((x, y, z), round(volume, 1), round((6 * volume / math.pi) ** (1 / 3), 2))


def sample_points(nodule: SyntheticNodule) -> FloatArray:
    """A cube of points [a, b, c, 3] around the nodule, `TRUTH_STEP_MM` apart."""
    half = np.arange(-nodule.reach_mm, nodule.reach_mm + TRUTH_STEP_MM, TRUTH_STEP_MM)
    offsets = np.stack(np.meshgrid(half, half, half, indexing="ij"), axis=-1)
    points: FloatArray = offsets + nodule.centre
    return points


@dataclass(frozen=True, slots=True)
class Plan:
    """What nodule to make."""

    name: str
    diameter_mm: float
    kind: Composition
    location: str


def place_nodules(
    count: int, build: Build, trees: Sequence[Tree], rng: np.random.Generator
) -> tuple[SyntheticNodule, ...]:
    """`count` nodules that go through the compositions and locations in turn, all well inside the lungs' height."""
    placed: list[SyntheticNodule] = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        location = LOCATIONS[(number + number // len(LOCATIONS)) % len(LOCATIONS)]
        largest = LARGEST_MM if location != "juxtapleural" else LARGEST_JUXTAPLEURAL_MM
        diameter = float(np.exp(rng.uniform(math.log(SMALLEST_MM[kind]), math.log(largest))))
        plan = Plan(f"N{number + 1}", diameter, kind, location)
        others = [nodule.centre for nodule in placed]
        placed.append(_shaped(plan, _free_place(plan, _Lungs(build, trees), others, rng), rng))
    return tuple(placed)


def _shaped(plan: Plan, centre: FloatArray, rng: np.random.Generator) -> SyntheticNodule:
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    stretch = np.exp(rng.uniform(-0.13, 0.13, 3))
    bumps = rng.normal(size=(6, 3))
    low, high = HU_RANGES[plan.kind]
    return SyntheticNodule(
        name=plan.name,
        centre=centre,
        diameter_mm=plan.diameter_mm,
        kind=plan.kind,
        location=plan.location,
        turn=turn,
        stretch=stretch / np.prod(stretch) ** (1 / 3),
        bumps=bumps / np.linalg.norm(bumps, axis=1, keepdims=True),
        heights=rng.uniform(0.02, 0.2, 6) * (0.5 if plan.kind is Composition.GROUND_GLASS else 1.0),
        hu=float(rng.uniform(low, high)),
        core=float(rng.uniform(0.45, 0.62)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Lungs:
    build: Build
    trees: Sequence[Tree]


def _free_place(plan: Plan, lungs: _Lungs, others: Sequence[FloatArray], rng: np.random.Generator) -> FloatArray:
    radius = plan.diameter_mm / 2
    for _ in range(200):
        if plan.location == "juxtavascular":
            places = _beside_vessels(radius, lungs.trees, rng)
        else:
            places = _anywhere(lungs.build, rng)
        depth = -lung_field_at(places, lungs.build)
        if plan.location == "juxtapleural":
            fits = (np.abs(depth - 0.7 * radius) < 0.5) & _at_chest_wall(places)
        else:
            fits = depth > radius + 6
        for other in others:
            fits &= np.linalg.norm(places - other, axis=1) > APART_MM
        if fits.any():
            place: FloatArray = places[fits][0]
            return place
    raise ValueError("the lungs have no free place for another nodule; ask for fewer")


def _anywhere(build: Build, rng: np.random.Generator) -> FloatArray:
    low, high = np.array([-130, -85, 60]), np.array([130, 85, 262])
    places: FloatArray = rng.uniform(low, high, (4000, 3)) * np.array(build.scale)
    return places


def _at_chest_wall(places: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether places lie at the costal pleura rather than at heart or diaphragm."""
    result = (np.abs(places[:, 0]) > 75) & (places[:, 2] > 110)
    return np.asarray(result)


def _beside_vessels(radius_mm: float, trees: Sequence[Tree], rng: np.random.Generator) -> FloatArray:
    """Places whose nodule of `radius_mm` just touches a vessel of 1 to 2.5 mm radius."""
    starts = np.concatenate([tree.starts for tree in trees])
    ends = np.concatenate([tree.ends for tree in trees])
    radii = np.concatenate([tree.radii_mm for tree in trees])
    visible = np.flatnonzero((radii > 1.0) & (radii < 2.5))
    chosen = rng.choice(visible, 400)
    across = np.cross(ends[chosen] - starts[chosen], rng.normal(size=(400, 3)))
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    middle = (starts[chosen] + ends[chosen]) / 2
    places: FloatArray = middle + across * (radius_mm + 0.6 * radii[chosen])[:, None]
    return places


def solid_part(nodule: SyntheticNodule, points: FloatArray) -> Float32Array:
    """Coverage [...] of the solid part at `points` [..., 3]: all of a solid nodule, the core of a part-solid."""
    if nodule.kind is Composition.SOLID:
        field = nodule.field(points)
    elif nodule.kind is Composition.PART_SOLID:
        shift = nodule.turn[0] * nodule.diameter_mm * 0.08
        field = replace(nodule, centre=nodule.centre + shift, diameter_mm=nodule.diameter_mm * nodule.core).field(
            points
        )
    else:
        return np.zeros(points.shape[:-1], dtype=np.float32)
    return coverage(field.astype(np.float32))
