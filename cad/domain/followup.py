"""The comparison with earlier examinations: the earlier scans, and what became of each nodule."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass

from cad.domain.anatomy import Lobe, Side
from cad.domain.guidelines import NoduleSize
from cad.domain.nodules import Composition
from cad.domain.observations import LungRadsCategory
from cad.domain.registration import LungTransform
from cad.domain.series import CtSeries
from cad.domain.volume import PointLps, Volume


class ChangeStatus(enum.StrEnum):
    """What became of a nodule since the prior examination (values as in findings.json)."""

    NEW = "new"
    GROWING = "growing"
    STABLE = "stable"
    SHRINKING = "shrinking"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Imaging:
    """How a scan was made, as far as volumes depend on it.

    `across_mm` and `in_plane_mm` are what it resolves across the slices and in them, `sharp` whether its kernel is, and
    `lung_ml` the volume of the lungs in view.
    """

    across_mm: float
    in_plane_mm: float
    sharp: bool
    lung_ml: float


@dataclass(frozen=True, slots=True)
class SizeAt:
    """A nodule's size at one time point, `days` after any fixed day, as far as change is computed from it.

    `volume_interval_mm3` holds 95 % of measurements of the volume on scans of any protocol; None when it is not known.
    `imaging` is that of the scan; None stands for one like any other.
    """

    days: float
    volume_mm3: float
    mean_diameter_mm: float
    mass_mg: float
    volume_interval_mm3: tuple[float, float] | None = None
    composition: Composition = Composition.SOLID
    imaging: Imaging | None = None


@dataclass(frozen=True, slots=True)
class SizeChange:
    """How a nodule that both examinations show has changed. Percentages are of the earlier size.

    The intervals (95 %) follow from those of both volumes and are None when one is not known. Doubling times are in
    days and given only for growth; the upper end of their interval is infinite when no growth is within the error.
    `by_protocol`: the volume changed by more than the limit, and the difference of the protocols alone can explain it.
    """

    status: ChangeStatus
    interval_days: float
    volume_percent: float
    volume_percent_interval: tuple[float, float] | None
    mass_percent: float | None
    mean_diameter_mm: float
    doubling_time_days: float | None
    doubling_time_interval_days: tuple[float, float] | None
    by_protocol: bool = False


@dataclass(frozen=True, slots=True)
class VolumeTrend:
    """Exponential growth fitted to three or more time points; `doubling_time_days` is negative for shrinking.

    `doubling_time_days` is infinite when the fit is level. `spread` is the residual of the logarithm of the volume.
    """

    time_points: int
    doubling_time_days: float
    spread: float


@dataclass(frozen=True, slots=True)
class Sighted:
    """A nodule as matching sees it, at a position in the current scan (a prior's nodule: registered there)."""

    position: PointLps
    mean_diameter_mm: float
    volume_mm3: float
    composition: Composition
    lobe: Lobe | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A prior and a current nodule, by their numbers, that are the same; `distance_mm` is between their places."""

    prior: int
    current: int
    distance_mm: float


@dataclass(frozen=True, slots=True)
class Matching:
    """Which nodule is which. Each number is in one match at most, or in `new` or `resolved`.

    `splits` names (prior, current) where a new nodule lies where a matched prior nodule was, `merges` (prior, current)
    where a prior nodule that is gone lay where a matched current nodule is.
    """

    matches: tuple[Match, ...]
    new: tuple[int, ...]
    resolved: tuple[int, ...]
    splits: tuple[tuple[int, int], ...] = ()
    merges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ReportReference:
    """A DICOM object that holds results of an earlier examination: its SOP class and instance, series and study."""

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    study_uid: str
    modality: str


@dataclass(frozen=True, slots=True)
class PriorNodule:
    """A nodule of an earlier examination, measured then or now; `centre` is a position in the earlier scan.

    `tracking_uid` is its own when lungcad's earlier report named it, so that it lasts over all examinations.
    `volume_interval_mm3` holds 95 % of repeated measurements. None means that it is not known.
    """

    tracking_uid: str
    label: str
    centre: PointLps
    size: NoduleSize
    volume_mm3: float
    mass_mg: float | None
    side: Side | None
    lobe: Lobe | None = None
    volume_interval_mm3: tuple[float, float] | None = None


class PriorSource(enum.StrEnum):
    """Where the nodules of an earlier examination come from."""

    REPORT = "report"
    """Read back from lungcad's own report and segmentation of then."""
    ANALYSED = "analysed"
    """The earlier images were analysed now."""


@dataclass(frozen=True, slots=True, eq=False)
class PriorScan:
    """An earlier examination of the same patient, `interval_days` before the current one by acquisition dates.

    `nodules` None means that the images are to be analysed. `lung_rads` is the category given then.
    """

    series: CtSeries
    volume: Volume
    acquired: datetime.date
    interval_days: float
    nodules: tuple[PriorNodule, ...] | None = None
    lung_rads: LungRadsCategory | None = None
    reports: tuple[ReportReference, ...] = ()

    def __post_init__(self) -> None:
        if not self.interval_days > 0:
            raise ValueError(f"the interval must be positive, not {self.interval_days} days")


@dataclass(frozen=True, slots=True, eq=False)
class ComparedExam:
    """An earlier examination as it was compared: what it is, where its nodules come from and how it was registered.

    `transform` maps the current scan (fixed) to the earlier one (moving); `seconds` are those of the registration, None
    when nobody held a clock.
    """

    scan: PriorScan
    source: PriorSource
    transform: LungTransform
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SizeThen:
    """A nodule at one examination, for a trend: the acquisition date, its size and where it was in that scan."""

    acquired: datetime.date
    size: SizeAt
    centre: PointLps


@dataclass(frozen=True, slots=True)
class NoduleChange:
    """What became of one nodule since the latest earlier examination.

    `current` is its number among the current nodules, None when it is resolved; `prior` is the nodule of the latest
    earlier examination, None when it is new. `change` is given when both show it. `place_in_prior` is where it is, or
    would be, in the earlier scan, and `place_in_current` in the current one; None outside the other's field of view.
    `history` holds every examination that shows it, oldest first, the current one included; `trend` follows from three
    or more. `searched_again`: one of the two was found only when it was searched for at the place of the other.
    `parts` names by tracking UID the nodules that it split into or was merged from.
    """

    tracking_uid: str
    status: ChangeStatus
    current: int | None
    prior: PriorNodule | None
    change: SizeChange | None
    place_in_current: PointLps | None
    place_in_prior: PointLps | None
    history: tuple[SizeThen, ...] = ()
    trend: VolumeTrend | None = None
    searched_again: bool = False
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """The comparison with earlier examinations, oldest first; the latest is the one that changes refer to.

    `acquired` is the current examination's date. Changes come in the order of the current nodules, resolved ones last.
    """

    acquired: datetime.date
    exams: tuple[ComparedExam, ...]
    changes: tuple[NoduleChange, ...]

    def __post_init__(self) -> None:
        if not self.exams:
            raise ValueError("a comparison has at least one earlier examination")

    @property
    def latest(self) -> ComparedExam:
        """The earlier examination that changes refer to."""
        return self.exams[-1]
