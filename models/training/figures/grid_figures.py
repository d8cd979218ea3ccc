"""What differs between the findings of a scan and those of its copies, nodule by nodule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import CalciumScore, Findings, Grid, Nodule, NotAssessed
from cad.geometry import distance_mm

LEAST_SCORE = 0.5
"""Marks of the scan itself that are followed: surer than this, so that a copy has to show them as well."""


@dataclass(frozen=True, slots=True)
class GridReading:
    """One nodule of a scan and of one of its copies, or its calcium; sizes of the copy are None where it was not found.

    `drawn_ratio` is the volume of the voxels drawn over the volume reported.
    """

    scan: str
    copy: str
    nodule: str
    volume_mm3: float
    copy_mm3: float | None
    interval_mm3: tuple[float, float] | None = None
    copy_interval_mm3: tuple[float, float] | None = None
    mean_mm: float = 0.0
    copy_mean_mm: float | None = None
    kind: str = ""
    copy_kind: str | None = None
    lobe: str | None = None
    copy_lobe: str | None = None
    mean_hu: float = 0.0
    copy_mean_hu: float | None = None
    suspicion: float | None = None
    copy_suspicion: float | None = None
    drawn_ratio: float | None = None
    seconds: float = 0.0

    @property
    def ratio(self) -> float:
        """Volume of the copy over that of the scan."""
        return math.nan if self.copy_mm3 is None else self.copy_mm3 / self.volume_mm3

    @property
    def is_held(self) -> bool:
        """Whether the interval of the copy holds the volume of the scan."""
        interval = self.copy_interval_mm3
        return interval is not None and interval[0] <= self.volume_mm3 <= interval[1]


def readings_of(
    names: tuple[str, str], findings: tuple[Findings, Findings], grid: Grid, seconds: float
) -> Iterator[GridReading]:
    """Each nodule of the first findings that is sure enough beside the second's at its place, then the calcium."""
    own, copied = findings
    for nodule in _nodules(own):
        if nodule.score < LEAST_SCORE:
            continue
        reach = max(3.0, nodule.diameters.mean_mm / 2)
        near = [other for other in _nodules(copied) if distance_mm(other.centre, nodule.centre) <= reach]
        if near:
            other = min(near, key=lambda n: distance_mm(n.centre, nodule.centre))
            yield _pair(names, nodule, other, grid, seconds)
        else:
            yield GridReading(
                *names,
                nodule.label,
                nodule.volume_mm3,
                None,
                mean_mm=nodule.diameters.mean_mm,
                kind=nodule.composition.value,
                seconds=seconds,
            )
    if isinstance(own.calcium, CalciumScore):
        other_score = copied.calcium.agatston if isinstance(copied.calcium, CalciumScore) else None
        own_tier = own.calcium.tier.value
        tier = copied.calcium.tier.value if isinstance(copied.calcium, CalciumScore) else None
        yield GridReading(
            *names, "calcium", own.calcium.agatston, other_score, kind=own_tier, copy_kind=tier, seconds=seconds
        )


def _nodules(findings: Findings) -> tuple[Nodule, ...]:
    return () if isinstance(findings.nodules, NotAssessed) else findings.nodules


def _pair(names: tuple[str, str], nodule: Nodule, other: Nodule, grid: Grid, seconds: float) -> GridReading:
    return GridReading(
        *names,
        nodule.label,
        nodule.volume_mm3,
        other.volume_mm3,
        interval_mm3=None if nodule.measures is None else nodule.measures.volume_interval_mm3,
        copy_interval_mm3=None if other.measures is None else other.measures.volume_interval_mm3,
        mean_mm=nodule.diameters.mean_mm,
        copy_mean_mm=other.diameters.mean_mm,
        kind=nodule.composition.value,
        copy_kind=other.composition.value,
        lobe=_lobe(nodule),
        copy_lobe=_lobe(other),
        mean_hu=nodule.mean_hu,
        copy_mean_hu=other.mean_hu,
        suspicion=None if nodule.ratings is None else nodule.ratings.suspicion,
        copy_suspicion=None if other.ratings is None else other.ratings.suspicion,
        drawn_ratio=other.mask.voxel_count * grid.voxel_volume_mm3 / other.volume_mm3,
        seconds=seconds,
    )


def _lobe(nodule: Nodule) -> str | None:
    return None if nodule.location is None or nodule.location.lobe is None else nodule.location.lobe.value


@dataclass(frozen=True, slots=True)
class GridSummary:
    """All nodules on one kind of copy: how many of them were found, and shares of those."""

    copy: str
    nodules: int
    found: int
    median_ratio: float
    within_tenth: float
    held: float
    diameter_within_mm: float
    same_kind: float
    same_lobe: float

    def cells(self) -> tuple[str, ...]:
        """A row of text."""
        shares = (self.within_tenth, self.held, self.diameter_within_mm, self.same_kind, self.same_lobe)
        return (
            self.copy,
            str(self.nodules),
            str(self.found),
            f"{self.median_ratio:.3f}",
            *(f"{s:.0%}" for s in shares),
        )


def grid_summaries(readings: Sequence[GridReading]) -> list[GridSummary]:
    """A summary for each copy, in the order of the readings."""
    names = dict.fromkeys(r.copy for r in readings)
    return [_summary(name, [r for r in readings if r.copy == name and r.nodule != "calcium"]) for name in names]


def _summary(name: str, readings: Sequence[GridReading]) -> GridSummary:
    found = [r for r in readings if r.copy_mm3 is not None]

    def share(hit: Sequence[bool]) -> float:
        return float(np.mean(hit)) if hit else math.nan

    return GridSummary(
        name,
        len(readings),
        len(found),
        median_ratio=float(np.median([r.ratio for r in found])) if found else math.nan,
        within_tenth=share([abs(r.ratio - 1) <= 0.1 for r in found]),
        held=share([r.is_held for r in found]),
        diameter_within_mm=share([abs((r.copy_mean_mm or 0.0) - r.mean_mm) <= 1 for r in found]),
        same_kind=share([r.kind == r.copy_kind for r in found]),
        same_lobe=share([r.lobe == r.copy_lobe for r in found]),
    )
