"""How well masses are found that were put into real scans: marks inside, long axes, and marks elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from cad.domain import BoolArray, LungMask, PointLps, Volume
from cad.geometry import distance_mm, index_of
from models.training.figures.chests import PLACES, VariedChest, mass

DIAMETERS_MM = (35.0, 50.0, 70.0, 95.0)
LEAST_MM = 30.0
"""What of a mass lies in the lung is a mass from here on."""

CLOSE = 0.10
"""A long axis within this share of the truth is right."""

OWN_MM = 15.0
"""A large mark this near to one on the unchanged scan is the scan's own."""


@dataclass(frozen=True, slots=True)
class LargeMark:
    """A mark of the size of a mass: centre and long axis in the axial plane."""

    centre: PointLps
    long_axis_mm: float


@dataclass(frozen=True, slots=True)
class Told:
    """What the reader tells of a scan: its large marks, and whether it says that an opacity is not assessed."""

    marks: tuple[LargeMark, ...]
    said: bool


@dataclass(frozen=True, slots=True)
class MassReading:
    """One scan with one mass put in: where, its long axis in the lung, that of the mark inside (None when there is
    none), how many large marks elsewhere are new, and whether an opacity is said."""

    scan: str
    place: str
    true_mm: float
    found_mm: float | None
    further: int
    said: bool


Tell = Callable[[Volume], Told]


def mass_readings(name: str, scan: tuple[Volume, LungMask], tell: Tell, seed: int) -> Iterator[MassReading]:
    """One scan with a mass at each place and of each diameter; those of which little lies in a lung are left out."""
    whole = VariedChest(scan[0], scan[1].labels)
    own = tell(scan[0]).marks
    for place in PLACES:
        for diameter in DIAMETERS_MM:
            changed = mass(place, diameter)(whole, np.random.default_rng([seed, int(diameter), *place.encode()]))
            put_in = changed.put_in
            if put_in is None or (true := longest_axial_mm(put_in, changed.volume)) < LEAST_MM:
                continue
            told = tell(changed.volume)
            inside = [m for m in told.marks if _is_in(put_in, changed.volume, m.centre)]
            others = [m for m in told.marks if m not in inside]
            new = [m for m in others if all(distance_mm(m.centre, o.centre) > OWN_MM for o in own)]
            found = max((m.long_axis_mm for m in inside), default=None)
            yield MassReading(name, place, true, found_mm=found, further=len(new), said=told.said)


def longest_axial_mm(mask: BoolArray, volume: Volume) -> float:
    """The largest distance in an axial plane between voxels of a mask [k, j, i], a voxel's width added."""
    spacing = np.array(volume.grid.spacing_kji_mm[1:])
    best = 0.0
    for plane in mask[mask.any(axis=(1, 2))]:
        points = np.argwhere(plane & ~ndimage.binary_erosion(plane)) * spacing
        try:
            corners = points[ConvexHull(points).vertices]
        except (QhullError, ValueError):  # fewer than three points, or all on a line
            continue
        best = max(best, float(np.linalg.norm(corners[:, None] - corners[None], axis=-1).max()))
    return best + float(spacing.mean()) if best else 0.0


def _is_in(mask: BoolArray, volume: Volume, point: PointLps) -> bool:
    index = [round(v) for v in index_of(volume.grid, point)]
    return all(0 <= v < n for v, n in zip(index, mask.shape, strict=True)) and bool(mask[tuple(index)])


@dataclass(frozen=True, slots=True)
class MassSummary:
    """Of so many masses: how many found, with the long axis within 10 %, and neither found nor said; the median ratio
    of long axes; new large marks elsewhere a scan."""

    place: str
    masses: int
    found: int
    close: int
    silent: int
    ratio: float
    further: float


def mass_summaries(readings: Sequence[MassReading]) -> list[MassSummary]:
    """One row for each place, and one for all."""
    rows = [
        _summary(place, [r for r in readings if r.place == place]) for place in dict.fromkeys(r.place for r in readings)
    ]
    return [*rows, _summary("all", list(readings))]


def _summary(place: str, readings: list[MassReading]) -> MassSummary:
    ratios = [r.found_mm / r.true_mm for r in readings if r.found_mm is not None]
    return MassSummary(
        place,
        masses=len(readings),
        found=len(ratios),
        close=sum(abs(ratio - 1) <= CLOSE for ratio in ratios),
        silent=sum(r.found_mm is None and not r.said for r in readings),
        ratio=float(np.median(ratios)) if ratios else float("nan"),
        further=float(np.mean([r.further for r in readings])) if readings else float("nan"),
    )
