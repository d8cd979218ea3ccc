"""Comparisons for the sentences: nodules that examinations of one and two years before show, or do not."""

from __future__ import annotations

import dataclasses
from datetime import date

import numpy as np

from cad.domain import (
    AxisLengths,
    Caution,
    ChangeStatus,
    ComparedExam,
    Composition,
    CtSeries,
    FloatArray,
    FollowUp,
    Lobe,
    Nodule,
    NoduleChange,
    NoduleSize,
    PointLps,
    PriorNodule,
    PriorScan,
    PriorSource,
    RegistrationQuality,
    Side,
    SizeAt,
    SizeChange,
    SizeThen,
    Volume,
    VolumeTrend,
)
from tests.made.nodules import GRID, a_nodule

OLDEST, THEN, NOW = date(2022, 1, 31), date(2023, 1, 31), date(2024, 1, 31)
PLACE = PointLps(1.0, 2.0, 3.0)
GROWTH = SizeChange(ChangeStatus.GROWING, 365.0, 100.4, (70.2, 139.6), 95.1, 1.93, 364.6, (289.7, 480.2))
STABLE = SizeChange(ChangeStatus.STABLE, 365.0, 4.8, (-14.6, 28.9), None, 0.04, None, None)
SHRINKAGE = SizeChange(ChangeStatus.SHRINKING, 365.0, -40.2, (-52.0, -25.4), -38.0, -1.2, None, None)
TREND = VolumeTrend(3, 365.2, 0.05)
VOLUME = Volume(np.zeros(GRID.shape, dtype=np.int16), GRID, "2.25.9")


@dataclasses.dataclass(frozen=True, slots=True)
class Same:
    """A transform that moves nothing."""

    quality: RegistrationQuality

    def to_moving(self, positions: FloatArray) -> FloatArray:
        """The same positions."""
        return positions

    def to_fixed(self, positions: FloatArray) -> FloatArray:
        """The same positions."""
        return positions


def nodules(count: int) -> tuple[Nodule, ...]:
    """Nodules of 890 mm³ with labels and tracking UIDs of their own."""
    one = a_nodule()
    return tuple(dataclasses.replace(one, label=f"Nodule {n}", tracking_uid=f"2.25.{n}") for n in range(1, count + 1))


def then(label: str, uid: str) -> PriorNodule:
    """A solid nodule of 210 mm³ in the right upper lobe."""
    size = NoduleSize(Composition.SOLID, AxisLengths(8.0, 7.0), 210.0)
    return PriorNodule(uid, label, PLACE, size, 210.0, 200.0, Side.RIGHT, Lobe.RUL, (180.0, 240.0))


def history() -> tuple[SizeThen, ...]:
    """Twice the volume each year."""
    sizes = ((OLDEST, -730.0, 105.0), (THEN, -365.0, 210.0), (NOW, 0.0, 420.0))
    return tuple(SizeThen(day, SizeAt(days, volume, 7.0, 1.0), PLACE) for day, days, volume in sizes)


def followed(number: int, change: SizeChange = GROWTH) -> NoduleChange:
    """The n-th current nodule (from 0), which all examinations show."""
    uid = f"2.25.{number + 1}"
    prior = then(f"Nodule {number + 1}", uid)
    return NoduleChange(uid, change.status, number, prior, change, PLACE, PLACE, history())


def new(number: int) -> NoduleChange:
    """The n-th current nodule, which no earlier examination shows."""
    return NoduleChange(f"2.25.{number + 1}", ChangeStatus.NEW, number, None, None, PLACE, PLACE)


def gone() -> NoduleChange:
    """A nodule of the latest earlier examination alone, its "Nodule 2"."""
    prior = then("Nodule 2", "2.25.902")
    return NoduleChange("2.25.902", ChangeStatus.RESOLVED, None, prior, None, PLACE, PLACE)


def a_followup(*changes: NoduleChange, method: str = "deformable") -> FollowUp:
    """A comparison with two earlier examinations, the latest one registered by `method`."""
    cautions = (Caution("registration-affine", "The deformation folds."),) if method == "affine" else ()
    good = RegistrationQuality("deformable", 0.9, 0.95, 1.0, 0.0, 0.7)
    rough = dataclasses.replace(good, method=method, cautions=cautions)
    series = CtSeries("2.25.10", "2.25.11", ("2.25.12",) * 4, 4, (1.0, 1.0, 1.0), 1.0, None, None, None, "the only one")
    return FollowUp(
        NOW,
        (
            ComparedExam(PriorScan(series, VOLUME, OLDEST, 730.0), PriorSource.ANALYSED, Same(good)),
            ComparedExam(PriorScan(series, VOLUME, THEN, 365.0), PriorSource.REPORT, Same(rough)),
        ),
        changes,
    )
