"""A made-up patient seen twice: two phantom series, the known map between them, and the findings of a comparison."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from cad.domain import (
    ComparedExam,
    FloatArray,
    FollowUp,
    LungMask,
    PriorScan,
    PriorSource,
    RegistrationQuality,
    Volume,
)
from cad.geometry import positions_of
from cad.policy import SeriesPolicy
from dicom_io.read.reading import load_datasets
from tests.made.series import (
    Sphere,
    Vector,
    a_series,
    a_uid,
    chest_hu,
    pixel_positions,
    set_stored_values,
    stored_values,
)

STRETCH = 1.1
SWING_MM, SWING_LENGTH_MM = 5.0, 200.0
SHIFT: Vector = (6.0, -4.0, 12.0)
PRIOR_DATE, CURRENT_DATE, FIRST_DATE = "2023-05-21", "2024-01-31", "2022-04-02"
INTERVAL_DAYS = 255


class KnownMap:
    """Where the phantom of today lay at the earlier visit: shifted, longer along z, and swung along x. Exact."""

    quality = RegistrationQuality("deformable", 1.0, 1.0, 1.0, 0.0, 0.0)

    def to_moving(self, positions: FloatArray) -> FloatArray:
        """Places of the current scan in the earlier one."""
        x, y, z = positions.T
        later_z = STRETCH * z + SHIFT[2]
        return np.stack([x + SHIFT[0] + self._swing(later_z), y + SHIFT[1], later_z], axis=1)

    def to_fixed(self, positions: FloatArray) -> FloatArray:
        """Places of the earlier scan in the current one."""
        x, y, z = positions.T
        return np.stack([x - SHIFT[0] - self._swing(z), y - SHIFT[1], (z - SHIFT[2]) / STRETCH], axis=1)

    def carried(self, place: Sequence[float]) -> list[float]:
        """One place of the current scan in the earlier one."""
        return [float(value) for value in self.to_moving(np.array([place], dtype=np.float64))[0]]

    @staticmethod
    def _swing(z: FloatArray) -> FloatArray:
        swing: FloatArray = SWING_MM * np.sin(2 * np.pi * z / SWING_LENGTH_MM)
        return swing


@dataclass(frozen=True, slots=True)
class MadeUpNodule:
    """A nodule of the pair: where it is now, its status, and its diameters in mm at the first, prior and current visit.

    A diameter of None means that the visit does not show it.
    """

    label: str
    status: str
    centre: Vector
    diameters_mm: tuple[float | None, float | None, float | None]

    @property
    def uid(self) -> str:
        """Its tracking UID."""
        return a_uid("tracking", self.label)

    def volume_mm3(self, visit: int) -> float | None:
        """Volume of the ball at visit 0, 1 or 2."""
        diameter = self.diameters_mm[visit]
        return None if diameter is None else np.pi / 6 * diameter**3


NODULES = (
    MadeUpNodule("1", "growing", (-62.0, 10.0, 15.0), (9.0, 10.0, 14.0)),
    MadeUpNodule("2", "stable", (55.0, -25.0, -20.0), (8.0, 8.0, 8.0)),
    MadeUpNodule("3", "new", (70.0, 20.0, 25.0), (None, None, 9.0)),
    MadeUpNodule("4", "resolved", (-55.0, -30.0, -25.0), (None, 12.0, None)),
)


@dataclass(frozen=True, slots=True, eq=False)
class MadeUpPair:
    """Both series, and the current one as it is read."""

    current: list[Dataset]
    prior: list[Dataset]
    alone: list[Dataset]
    """The current images again as a series of another study."""
    volume: Volume
    lungs: LungMask


def a_pair(columns: int = 128, rows: int = 96) -> MadeUpPair:
    """The pair; the earlier visit has thicker slices and a larger field of view."""
    current = a_series(spheres=_spheres(2), columns=columns, rows=rows, study="now", series="now")
    prior = a_series(slices=32, slice_spacing_mm=4.0, centre=SHIFT, columns=140, rows=110, study="then", series="then")
    for ds in prior:
        here = KnownMap().to_fixed(pixel_positions(ds).reshape(-1, 3)).reshape(ds.Rows, ds.Columns, 3)
        set_stored_values(ds, stored_values(ds, chest_hu(here, _spheres(1))))
    alone = a_series(spheres=_spheres(2), columns=columns, rows=rows, study="alone", series="alone")
    volume = load_datasets(current, SeriesPolicy()).volume
    return MadeUpPair(current, prior, alone, volume, phantom_lungs(volume))


def phantom_lungs(volume: Volume) -> LungMask:
    """The two lungs of the phantom in its current position."""
    places = positions_of(volume.grid, np.argwhere(np.ones(volume.grid.shape)).astype(np.float64))
    aerated = (volume.hu > -950) & (volume.hu < -500)
    left = (places[:, 0] > 0).reshape(volume.grid.shape)
    return LungMask(np.where(aerated, np.where(left, 2, 1), 0).astype(np.uint8), volume.grid)


def a_followup(pair: MadeUpPair) -> FollowUp:
    """The comparison of the pair as far as its map is concerned."""
    loaded = load_datasets(pair.prior, SeriesPolicy())
    scan = PriorScan(loaded.series, loaded.volume, datetime.date.fromisoformat(PRIOR_DATE), INTERVAL_DAYS)
    exam = ComparedExam(scan, PriorSource.ANALYSED, KnownMap(), 1.0)
    return FollowUp(datetime.date.fromisoformat(CURRENT_DATE), (exam,), ())


def findings_of_pair(pair: MadeUpPair) -> dict[str, Any]:
    """What findings.json would hold of the pair, as far as the page looks at it."""
    return {
        "series": _series(pair.current),
        "nodules": [_nodule(nodule) for nodule in NODULES if nodule.volume_mm3(2) is not None],
        "followup": {
            "prior_study_uid": str(pair.prior[0].StudyInstanceUID),
            "prior_series_uid": str(pair.prior[0].SeriesInstanceUID),
            "prior_acquired": PRIOR_DATE,
            "acquired": CURRENT_DATE,
            "interval_days": INTERVAL_DAYS,
            "registration": {"method": "deformable", "mean_tre_estimate_mm": 0.8, "seconds": 9.1},
            "nodules": [_change(nodule) for nodule in NODULES],
        },
        "not_assessed": [],
        "quality": {"warnings": []},
    }


def findings_without_prior(pair: MadeUpPair) -> dict[str, Any]:
    """The same without an earlier examination."""
    return {
        **findings_of_pair(pair),
        "series": _series(pair.alone),
        "followup": None,
        "not_assessed": [{"what": "followup", "reason": "no-prior"}],
    }


def _series(datasets: list[Dataset]) -> dict[str, str]:
    first = datasets[0]
    return {"study_uid": str(first.StudyInstanceUID), "series_uid": str(first.SeriesInstanceUID)}


def _spheres(visit: int) -> tuple[Sphere, ...]:
    """The nodules that a visit shows, where they are today."""
    seen = ((nodule.centre, nodule.diameters_mm[visit]) for nodule in NODULES)
    return tuple(Sphere(centre, diameter) for centre, diameter in seen if diameter is not None)


def _nodule(nodule: MadeUpNodule) -> dict[str, Any]:
    volume, diameter = nodule.volume_mm3(2), nodule.diameters_mm[2]
    return {
        "tracking_uid": nodule.uid,
        "label": nodule.label,
        "centre_lps_mm": list(nodule.centre),
        "volume_mm3": volume,
        "volume_interval_mm3": _interval(volume),
        "diameters_mm": {"long": diameter, "short": diameter, "mean": diameter},
        "composition": "solid",
        "lobe": "RLL" if nodule.centre[0] < 0 else "LUL",
    }


def _change(nodule: MadeUpNodule) -> dict[str, Any]:
    then, now = nodule.volume_mm3(1), nodule.volume_mm3(2)
    both = then is not None and now is not None
    percent = 100 * (now / then - 1) if then is not None and now is not None else None
    doubling = INTERVAL_DAYS * np.log(2) / np.log(now / then) if nodule.status == "growing" and then and now else None
    d1, d2 = nodule.diameters_mm[1:]
    return {
        "tracking_uid": nodule.uid,
        "label": nodule.label,
        "status": nodule.status,
        "prior_volume_mm3": then,
        "prior_centre_lps_mm": None if then is None else KnownMap().carried(nodule.centre),
        "volume_change_percent": percent,
        "volume_change_interval_percent": None if percent is None else [percent - 15, percent + 18],
        "doubling_time_days": doubling,
        "doubling_time_interval_days": None if doubling is None else [doubling * 0.85, doubling * 1.2],
        "mean_diameter_change_mm": d2 - d1 if both and d1 and d2 else None,
        "history": [
            {
                "acquired": date,
                "volume_mm3": nodule.volume_mm3(visit),
                "volume_interval_mm3": _interval(nodule.volume_mm3(visit)),
                "mean_diameter_mm": nodule.diameters_mm[visit],
            }
            for visit, date in enumerate((FIRST_DATE, PRIOR_DATE, CURRENT_DATE))
            if nodule.diameters_mm[visit] is not None
        ],
    }


def _interval(volume: float | None) -> list[float] | None:
    return None if volume is None else [0.87 * volume, 1.15 * volume]
