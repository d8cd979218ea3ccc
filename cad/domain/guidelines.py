"""What guidelines are given of a nodule, and what they say."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass

from cad.domain.nodules import AxisLengths, Composition
from cad.domain.observations import LungRadsCategory
from cad.domain.phrases import Phrase
from cad.domain.risk import NoduleRisks


class GrowthVerdict(enum.StrEnum):
    """A change of volume against the error of measurement."""

    INCREASE = "increase"
    STABLE = "stable"
    DECREASE = "decrease"


@dataclass(frozen=True, slots=True)
class VolumeGrowth:
    """Change of volume between two examinations.

    `doubling_time_days` is negative for a smaller volume and infinite for the same. `from_diameters`: the volumes were
    not measured but taken from the cube of the diameters.
    """

    interval_days: float
    change_percent: float
    doubling_time_days: float
    verdict: GrowthVerdict
    from_diameters: bool = False

    def __post_init__(self) -> None:
        if not self.interval_days > 0:
            raise ValueError(f"the interval must be positive, not {self.interval_days} days")


@dataclass(frozen=True, slots=True)
class NoduleSize:
    """A nodule's composition and size at one examination.

    `solid_axes` and `solid_volume_mm3` are of the solid component of a part-solid nodule. None means not measured.
    """

    composition: Composition
    axes: AxisLengths
    volume_mm3: float | None = None
    solid_axes: AxisLengths | None = None
    solid_volume_mm3: float | None = None


@dataclass(frozen=True, slots=True)
class EarlierSize:
    """A nodule at an examination `interval_days` before the current one, by acquisition dates.

    `growth` is from then to now. `lung_rads` is the category that it was given then, None when that is not known.
    """

    interval_days: float
    size: NoduleSize
    growth: VolumeGrowth | None = None
    lung_rads: LungRadsCategory | None = None

    def __post_init__(self) -> None:
        if not self.interval_days > 0:
            raise ValueError(f"the interval must be positive, not {self.interval_days} days")


class Sighting(enum.StrEnum):
    """How a nodule relates to earlier examinations."""

    BASELINE = "baseline"
    """There is no earlier examination to compare with."""
    NEW = "new"
    """An earlier examination does not show it."""
    FOLLOWED = "followed"
    """An earlier examination shows it."""


@dataclass(frozen=True, slots=True)
class GuidelineNodule:
    """One nodule as the guidelines see it; None means not known.

    `earlier` holds the examinations that show it, oldest first. `suspicious` names features beside spiculation.
    `brock`, `herder` and `mayo` are ranges of probability; `model_probability` is that of C-Lung-RADS's own model. The
    `measured_…` say that a sign is a measurement of lungcad and not a reader's word.
    """

    label: str
    size: NoduleSize
    sighting: Sighting = Sighting.BASELINE
    earlier: tuple[EarlierSize, ...] = ()
    benign_pattern: bool | None = None
    juxtapleural_smooth: bool | None = None
    cavitary: bool | None = None
    measured_benign_pattern: bool = False
    measured_juxtapleural: bool = False
    proven_benign: bool | None = None
    spiculated: bool | None = None
    suspicious: tuple[str, ...] = ()
    brock: tuple[float, float] | None = None
    herder: tuple[float, float] | None = None
    mayo: tuple[float, float] | None = None
    model_probability: float | None = None

    def __post_init__(self) -> None:
        if bool(self.earlier) != (self.sighting is Sighting.FOLLOWED):
            raise ValueError("a followed nodule has earlier sizes, and no other has")
        intervals = [earlier.interval_days for earlier in self.earlier]
        if intervals != sorted(set(intervals), reverse=True):
            raise ValueError("earlier sizes must be oldest first")


@dataclass(frozen=True, slots=True)
class NodulePast:
    """What earlier examinations say of one current nodule; `earlier` holds those that show it, oldest first."""

    sighting: Sighting = Sighting.BASELINE
    earlier: tuple[EarlierSize, ...] = ()


class Guideline(enum.StrEnum):
    """The guidelines, by their names in findings.json."""

    LUNG_RADS = "lung_rads"
    FLEISCHNER = "fleischner"
    BTS = "bts"
    C_LUNG_RADS = "c_lung_rads"
    NELSON = "nelson"
    EU_POSITION = "eu_position"
    CHINESE_CONSENSUS = "chinese_consensus"


@dataclass(frozen=True, slots=True)
class Management:
    """What follows from a row of a guideline's table.

    `row` is its code. Where it differs by risk, `high_risk` says which of both is meant; None is not known. `verified`
    says whether it was read in the guideline itself. `months` is when the next CT is due, from and to, counted from the
    current examination or, with `from_first`, from the first that shows the nodule.
    """

    row: str
    high_risk: bool | None = None
    verified: bool = True
    months: tuple[int, int] | None = None
    from_first: bool = False


@dataclass(frozen=True, slots=True)
class DueDates:
    """When the next CT is due: from `early` to `late`, the same day where the guideline names one time."""

    early: datetime.date
    late: datetime.date


@dataclass(frozen=True, slots=True)
class NoduleVerdict:
    """What one guideline says of one nodule: its possible categories, least suspicious first, and why.

    Empty categories mean that the guideline does not cover the nodule, and `assuming` says so.
    """

    label: str
    possible: tuple[str, ...]
    management: tuple[Management, ...]
    because: Phrase | None
    assuming: tuple[Phrase, ...] = ()
    due: DueDates | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What one guideline says of an examination, in codes.

    `category` is None when unknown inputs leave several possible, which `possible` lists, least suspicious first; it
    is empty when the guideline does not cover what was found. `management` is that of each possible category.
    `because` is the rule that fired, with its numbers; `assuming` says what was taken for granted. `other_finding`: a
    significant other finding was stated, the modifier S of Lung-RADS. `nodules` says the same of each nodule by itself;
    `dominant` is the label of the one that decides, None when no nodule does. `due` is when the next CT is, None when
    none is or the day of the examination is not known.
    """

    guideline: Guideline
    edition: str
    category: str | None
    possible: tuple[str, ...]
    management: tuple[Management, ...]
    because: Phrase
    assuming: tuple[Phrase, ...] = ()
    edition_verified: bool = True
    other_finding: bool = False
    nodules: tuple[NoduleVerdict, ...] = ()
    dominant: str | None = None
    due: DueDates | None = None


@dataclass(frozen=True, slots=True)
class ApplicableGuideline:
    """Which guideline applies, and why; None when the context does not say."""

    guideline: Guideline | None
    because: Phrase


@dataclass(frozen=True, slots=True)
class Assessment:
    """Malignancy risk of each nodule, in their order, and what every guideline says of the examination."""

    risks: tuple[NoduleRisks, ...]
    recommendations: tuple[tuple[Guideline, Recommendation], ...]
    applicable: ApplicableGuideline

    def recommendation(self, guideline: Guideline) -> Recommendation:
        """What one guideline says."""
        return dict(self.recommendations)[guideline]
