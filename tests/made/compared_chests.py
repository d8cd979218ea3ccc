"""Chests with spheres for nodules, seen twice or more: the map between the scans is known, and nothing is trained."""

from __future__ import annotations

import contextlib
import datetime
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from cad.domain import (
    Candidate,
    Caution,
    ChangeStatus,
    CtSeries,
    Findings,
    FloatArray,
    FollowUp,
    Grid,
    Int16Array,
    LungMask,
    ModelIdentity,
    Networks,
    Nodule,
    NoduleChange,
    PointLps,
    PriorNodule,
    PriorScan,
    RegistrationQuality,
    Volume,
)
from cad.exam.analyze import Request, analyze
from cad.geometry import grid_from, index_of, positions_of
from cad.policy import Policy
from tests.made.series import Sphere, Vector, chest_hu

POLICY = Policy()
TODAY = datetime.date(2025, 7, 1)
SHIFT: Vector = (3.0, -4.0, 6.0)
"""The patient lies elsewhere in every earlier scan: its places are those of the current one moved by this."""

VESSELS = tuple(Sphere((x, -10.0, float(z)), 8.0) for x in (-40.0, 42.0) for z in range(-48, 49, 6))
SURE, FAINT = 0.9, 0.1
MARKER = ModelIdentity("marker", "1", "ab" * 32)
GOOD = RegistrationQuality("deformable", 0.9, 0.95, 1.0, 0.0, 0.8)


@dataclass(frozen=True, slots=True, eq=False)
class Chest:
    """One scan: spheres, and the scores of the marks that the detector gives at each; None for no mark at all."""

    spheres: Sequence[Sphere]
    scores: Sequence[float | None] = ()
    z_range: tuple[float, float] = (-50.0, 50.0)
    moved: Vector = (0.0, 0.0, 0.0)

    def marks(self) -> list[tuple[Sphere, float]]:
        scores = self.scores or [SURE - 0.01 * number for number in range(len(self.spheres))]
        pairs = zip(self.spheres, scores, strict=True)
        return [(sphere, score) for sphere, score in pairs if score is not None]


def volume_of(chest: Chest, name: str) -> Volume:
    """The chest's image, 1.5 mm by 1.5 mm by 2 mm; it and its spheres are moved by `moved`."""
    hu = _empty_chest(chest.z_range).copy()
    grid = _grid(chest.z_range, chest.moved)
    for sphere in chest.spheres:
        _paint(hu, sphere, _grid(chest.z_range, (0.0, 0.0, 0.0)))
    return Volume(hu, grid, name)


def _grid(z_range: tuple[float, float], moved: Vector) -> Grid:
    low, high = z_range
    x, y, z = moved
    return grid_from((int((high - low) / 2), 128, 170), (2.0, 1.5, 1.5), PointLps(-127.0 + x, -95.0 + y, low + z))


@functools.cache
def _empty_chest(z_range: tuple[float, float]) -> Int16Array:
    """The chest with vessels and without nodules."""
    grid = _grid(z_range, (0.0, 0.0, 0.0))
    places = positions_of(grid, np.indices(grid.shape).reshape(3, -1).T.astype(np.float64))
    hu: Int16Array = chest_hu(places).reshape(grid.shape)
    for vessel in VESSELS:
        _paint(hu, vessel, grid)
    return hu


def _paint(hu: Int16Array, sphere: Sphere, grid: Grid) -> None:
    """Gives the voxels whose centre lies in the sphere its attenuation."""
    reach = np.ceil(sphere.diameter_mm / 2 / np.array(grid.spacing_kji_mm)) + 1
    centre = np.array(index_of(grid, PointLps(*sphere.centre)))
    low, high = np.maximum(centre - reach, 0).astype(int), np.maximum(centre + reach + 1, 0).astype(int)
    box = hu[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    places = positions_of(grid, (np.indices(box.shape).reshape(3, -1).T + low).astype(np.float64))
    inside = np.linalg.norm(places - np.array(sphere.centre), axis=1) <= sphere.diameter_mm / 2
    box[inside.reshape(box.shape)] = sphere.hu


@dataclass(frozen=True)
class MarkingDetector:
    """Marks the spheres of the chest of each name; remembers what it was asked for."""

    chests: dict[str, Chest]
    asked: list[tuple[str, float]] = field(default_factory=list)
    identity: ModelIdentity = MARKER
    default_min_score: float = 0.5

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:  # noqa: ARG002
        name = volume.frame_of_reference_uid
        self.asked.append((name, min_score))
        chest = self.chests[name]
        marks = [
            Candidate(_moved(sphere.centre, chest.moved), sphere.diameter_mm, score, "marker")
            for sphere, score in chest.marks()
        ]
        return tuple(sorted((mark for mark in marks if mark.score >= min_score), key=lambda mark: -mark.score))


def _moved(centre: Vector, by: Vector) -> PointLps:
    return PointLps(*(a + b for a, b in zip(centre, by, strict=True)))


@dataclass(frozen=True)
class KnownMap:
    """A translation with a quality that is given."""

    shift: FloatArray
    quality: RegistrationQuality

    def to_moving(self, positions: FloatArray) -> FloatArray:
        return positions + self.shift

    def to_fixed(self, positions: FloatArray) -> FloatArray:
        return positions - self.shift


@dataclass(frozen=True)
class KnowingRegistrar:
    """Knows where every earlier scan lies, but for an error."""

    quality: RegistrationQuality = GOOD
    error: Vector = (0.0, 0.0, 0.0)

    def __call__(self, fixed: Volume, fixed_lungs: LungMask, moving: Volume, moving_lungs: LungMask) -> KnownMap:  # noqa: ARG002
        return KnownMap(np.array(SHIFT) + self.error, self.quality)


def series_of(name: str) -> CtSeries:
    return CtSeries(f"2.25.1{name}", f"2.25.2{name}", ("2.25.3",), 50, (1.5, 1.5, 2.0), 2.0, None, None, None, "")


def prior_of(
    chest: Chest, days: int, name: str = "", nodules: tuple[PriorNodule, ...] | None = None
) -> tuple[str, Chest, PriorScan]:
    """An earlier scan `days` before, moved by `SHIFT`."""
    name = name or f"{days}"
    there = replace(chest, moved=SHIFT)
    day = TODAY - datetime.timedelta(days=days)
    return name, there, PriorScan(series_of(name), volume_of(there, name), day, float(days), nodules)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The findings of a current chest with earlier ones, and what the detector was asked for."""

    findings: Findings
    asked: list[tuple[str, float]]

    @property
    def nodules(self) -> tuple[Nodule, ...]:
        assert isinstance(self.findings.nodules, tuple)
        return self.findings.nodules

    @property
    def followup(self) -> FollowUp:
        assert isinstance(self.findings.followup, FollowUp)
        return self.findings.followup

    @property
    def codes(self) -> set[str]:
        """Of the cautions, but for the one that every phantom gives: its lungs leave the images."""
        return {caution.code for caution in self.findings.warnings} - {"lungs-cut"}

    def statuses(self) -> list[ChangeStatus]:
        return [change.status for change in self.followup.changes]

    def change_at(self, sphere: Sphere) -> NoduleChange:
        """The change of the nodule that lies, or would lie, at a sphere of the current chest."""

        def distance(change: NoduleChange) -> float:
            assert change.place_in_current is not None
            return float(np.linalg.norm(change.place_in_current.as_array() - sphere.centre))

        nearest = min(self.followup.changes, key=distance)
        assert distance(nearest) < sphere.diameter_mm
        return nearest

    def text_of(self, code: str) -> str:
        return next(caution.text for caution in self.findings.warnings if caution.code == code)


def compared(
    current: Chest,
    *priors: tuple[str, Chest, PriorScan],
    registrar: KnowingRegistrar | None = KnowingRegistrar(),
) -> Compared:
    """The whole pipeline on a current chest and earlier ones."""
    detector = MarkingDetector({"now": current, **{name: chest for name, chest, _ in priors}})
    request = Request("2.25.2now", priors=tuple(scan for _, _, scan in priors), acquired=TODAY)
    networks = Networks(detector, registrar=registrar)
    findings = analyze(volume_of(current, "now"), networks, POLICY, request, no_stage)
    return Compared(findings, detector.asked)


@contextmanager
def no_stage(name: str) -> Iterator[None]:
    with contextlib.nullcontext():
        yield


def affine(text: str = "The deformation was not used.") -> RegistrationQuality:
    return replace(GOOD, method="affine", cautions=(Caution("registration-affine", text),))
