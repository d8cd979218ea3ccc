"""The nouns of lungcad: frozen records with their invariants, and the protocols of the networks.

Conventions for arrays and positions are stated once, in `cad.geometry`.
"""

from __future__ import annotations

import datetime
import enum
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

Int16Array = npt.NDArray[np.int16]
BoolArray = npt.NDArray[np.bool_]
UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]


class Composition(enum.StrEnum):
    """Attenuation type of a nodule (Fleischner glossary 2024; values as in findings.json)."""

    SOLID = "solid"
    PART_SOLID = "part-solid"
    GROUND_GLASS = "ground-glass"
    CALCIFIED = "calcified"
    FAT = "fat"


class CalcificationPattern(enum.StrEnum):
    """Where the calcium of a nodule lies; the first four are benign (Lung-RADS v2022, category 1; Fleischner 2017)."""

    DIFFUSE = "diffuse"
    CENTRAL = "central"
    LAMINATED = "laminated"
    POPCORN = "popcorn"
    ECCENTRIC = "eccentric"
    PUNCTATE = "punctate"


class Side(enum.StrEnum):
    """Laterality of a lung."""

    LEFT = "left"
    RIGHT = "right"


class Lobe(enum.StrEnum):
    """Lobe of a lung; a reader may name the lingula, which is part of the left upper lobe."""

    RUL = "RUL"
    RML = "RML"
    RLL = "RLL"
    LUL = "LUL"
    LINGULA = "lingula"
    LLL = "LLL"


class Delineation(enum.StrEnum):
    """How the extent of a nodule was found, best first."""

    NETWORK = "network"
    """By the segmentation network, its border placed between voxels by the attenuation."""
    SEGMENTED = "segmented"
    """Border at half attenuation, vessels and wall cut off."""
    CLIPPED = "clipped"
    """Most of the border could not be told from its surroundings and was cut there."""
    BALL = "ball"
    """No border was found; the extent is the candidate's ball."""


class NotAssessedReason(enum.StrEnum):
    """Why a result is absent; written beside every absent result."""

    NOT_REQUESTED = "not-requested"
    NOT_IN_THIS_VERSION = "not-in-this-version"
    NO_PRIOR = "no-prior"
    AGE_UNKNOWN = "age-unknown"
    SEX_UNKNOWN = "sex-unknown"
    PET_UNKNOWN = "pet-unknown"
    BENIGN_PATTERN = "benign-pattern"
    NOT_AVAILABLE = "not-available"
    """The stage or network that gives it did not run."""
    NOT_DETERMINED = "not-determined"
    """It was looked for, and the images do not tell."""
    NOT_APPLICABLE = "not-applicable"
    """It has no meaning for this nodule."""
    CONTRAST = "contrast"
    """The blood is enhanced by contrast agent."""
    NOISE = "noise"
    METAL = "metal"
    HEART_NOT_COVERED = "heart-not-covered"
    NO_SUITABLE_PRIOR = "no-suitable-prior"
    """Earlier examinations are there, and none can be compared."""


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A result that is unknown, with the reason. Used in unions, never replaced by a default."""

    reason: NotAssessedReason


@dataclass(frozen=True, slots=True)
class PointLps:
    """A position in the DICOM patient coordinate system: x to the left, y to posterior, z to the head, in mm."""

    x: float
    y: float
    z: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.x, self.y, self.z)):
            raise ValueError(f"position is not finite: ({self.x}, {self.y}, {self.z})")

    def as_array(self) -> FloatArray:
        """The position as an array [3] of x, y, z."""
        return np.array([self.x, self.y, self.z], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A voxel grid in the patient: `shape` (k, j, i) and the 4×4 `affine` from (k, j, i, 1) to (x, y, z, 1) in mm.

    The affine maps voxel *centres*. Its three column vectors must be linearly independent and have no zero length.
    """

    shape: tuple[int, int, int]
    affine: FloatArray

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError("affine must be a finite 4×4 matrix")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"shape must be three positive numbers, not {self.shape}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError("affine is singular")
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)

    @property
    def spacing_kji_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxel centres along k, j and i, in mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def is_same_as(self, other: Grid) -> bool:
        """Whether both grids have the same shape and, within a micrometre, the same affine."""
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, rtol=0, atol=1e-3))


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A CT volume: `hu` int16 [k, j, i] in Hounsfield units on `grid`, in canonical orientation."""

    hu: Int16Array
    grid: Grid
    frame_of_reference_uid: str

    def __post_init__(self) -> None:
        if self.hu.shape != self.grid.shape:
            raise ValueError(f"array shape {self.hu.shape} differs from grid shape {self.grid.shape}")
        if self.hu.dtype != np.int16:
            raise TypeError(f"hu must be int16, not {self.hu.dtype}")
        self.hu.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A binary region: `voxels` bool [k, j, i] on `grid`."""

    voxels: BoolArray
    grid: Grid

    def __post_init__(self) -> None:
        if self.voxels.shape != self.grid.shape or self.voxels.dtype != np.bool_:
            raise ValueError("mask voxels must be bool and have the shape of the grid")
        self.voxels.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class LungMask:
    """Left and right lung on the volume's grid: `labels` uint8 [k, j, i], 0 outside, 1 right lung, 2 left lung.

    Juxtapleural nodules, consolidation hulls and peripheral vessels are inside; trachea, main bronchi and
    hilar vessels are outside. At least one lung is present.
    """

    labels: UInt8Array
    grid: Grid

    RIGHT: ClassVar[int] = 1
    LEFT: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.labels.shape != self.grid.shape or self.labels.dtype != np.uint8:
            raise ValueError("lung labels must be uint8 and have the shape of the grid")
        if not self.labels.any():
            raise ValueError("a lung mask is never empty; refuse the series instead")
        self.labels.flags.writeable = False

    def volume_ml(self, side: Side) -> float:
        """Volume of one lung in ml; 0 when that lung is not in view."""
        label = self.LEFT if side is Side.LEFT else self.RIGHT
        return float(np.count_nonzero(self.labels == label)) * self.grid.voxel_volume_mm3 / 1000.0


@dataclass(frozen=True, slots=True)
class CtSeries:
    """A CT series fit for analysis, as its headers describe it.

    `sop_uids` are in the order of the volume's k axis (feet to head); an enhanced multi-frame series has one.
    `spacing_mm` is (dx, dy, dz) of the volume. None means that the header does not say. `choice` is the
    sentence that says why this series was chosen among those of the study. `sop_class_uid` is that of its images.
    """

    study_uid: str
    series_uid: str
    sop_uids: tuple[str, ...]
    slices: int
    spacing_mm: tuple[float, float, float]
    slice_thickness_mm: float | None
    kernel: str | None
    kvp: float | None
    contrast: bool | None
    choice: str
    sop_class_uid: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A suspicion of a nodule: where, about how large, and how sure the detector is (0..1)."""

    centre: PointLps
    diameter_mm: float
    score: float
    origin: str

    def __post_init__(self) -> None:
        if not self.diameter_mm > 0:
            raise ValueError(f"diameter must be positive, not {self.diameter_mm}")
        if not 0 <= self.score <= 1:
            raise ValueError(f"score must be in 0..1, not {self.score}")


@dataclass(frozen=True, slots=True)
class AxialAxis:
    """A line across a nodule in one axial slice, from `start` to `end` (voxel-accurate, on one slice)."""

    start: PointLps
    end: PointLps

    @property
    def length_mm(self) -> float:
        """Length of the line in mm."""
        return float(np.linalg.norm(self.end.as_array() - self.start.as_array()))


@dataclass(frozen=True, slots=True)
class Diameters:
    """Long axis and the longest perpendicular short axis, both in the axial slice `slice_k` of largest area."""

    long_axis: AxialAxis
    short_axis: AxialAxis
    slice_k: int

    def __post_init__(self) -> None:
        if self.short_axis.length_mm > self.long_axis.length_mm + 1e-6 or self.short_axis.length_mm <= 0:
            raise ValueError("the short axis must be positive and not longer than the long axis")

    @property
    def long_axis_mm(self) -> float:
        """Length of the long axis in mm."""
        return self.long_axis.length_mm

    @property
    def short_axis_mm(self) -> float:
        """Length of the short axis in mm."""
        return self.short_axis.length_mm

    @property
    def mean_mm(self) -> float:
        """Mean of long and short axis in mm, the size that the guidelines use."""
        return (self.long_axis_mm + self.short_axis_mm) / 2


@dataclass(frozen=True, slots=True, eq=False)
class NoduleMask:
    """The voxels of one nodule as a small box: `voxels` bool [k, j, i] that starts at `offset` (k, j, i) of `grid`.

    `grid` is the grid of the whole volume, so that a scan with fifty nodules does not hold fifty full masks.
    """

    voxels: BoolArray
    offset: tuple[int, int, int]
    grid: Grid

    def __post_init__(self) -> None:
        if self.voxels.dtype != np.bool_ or self.voxels.ndim != 3 or not self.voxels.any():
            raise ValueError("a nodule mask is a 3-D bool array with at least one voxel")
        ends = [o + n for o, n in zip(self.offset, self.voxels.shape, strict=True)]
        if min(self.offset) < 0 or any(e > s for e, s in zip(ends, self.grid.shape, strict=True)):
            raise ValueError("the nodule mask leaves the grid")
        self.voxels.flags.writeable = False

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Where the box lies in the volume, to index its array."""
        k, j, i = (slice(o, o + n) for o, n in zip(self.offset, self.voxels.shape, strict=True))
        return k, j, i

    @property
    def voxel_count(self) -> int:
        """Number of voxels inside."""
        return int(np.count_nonzero(self.voxels))

    def full(self) -> BoolArray:
        """The mask as a bool array [k, j, i] of the whole grid."""
        voxels = np.zeros(self.grid.shape, dtype=np.bool_)
        voxels[self.slices] = self.voxels
        return voxels


def mass_mg(volume_mm3: float, mean_hu: float) -> float:
    """Mass = volume [cm³] × (mean HU + 1000) [mg/cm³] (de Hoop et al., Radiology 2010); never negative."""
    return max(0.0, volume_mm3 / 1000.0 * (mean_hu + 1000.0))


@dataclass(frozen=True, slots=True)
class SolidComponent:
    """The solid part of a part-solid nodule: its axes in the slice where it is largest, and its volume in mm³."""

    diameters: Diameters
    volume_mm3: float


@dataclass(frozen=True, slots=True)
class NoduleMeasures:
    """What is measured of a nodule's extent beside volume and axial diameters.

    `volume_interval_mm3` holds the volume of 95 % of repeated measurements of the same nodule, and the true one as
    often. `max_3d_diameter_mm`
    is the greatest distance of two points of the surface, in any direction; `sphericity` is the surface of the ball
    of the same volume over the nodule's (1 for a ball). `solid` is given for part-solid nodules with a solid part.
    """

    volume_interval_mm3: tuple[float, float]
    max_3d_diameter_mm: float
    surface_mm2: float
    sphericity: float
    solid: SolidComponent | None = None


@dataclass(frozen=True, slots=True)
class NoduleLocation:
    """Where a nodule lies. `lobe` is None where the fissures do not tell; `lobe_confidence` is 0 then, else 0..1.

    Distances are from the nodule's surface, in mm, 0 where it touches; None means that no such border was found.
    """

    lobe: Lobe | None
    lobe_confidence: float
    pleura_mm: float | None
    fissure_mm: float | None


@dataclass(frozen=True, slots=True)
class NoduleAttributes:
    """Signs of a nodule, each a probability 0..1, or None where it was not assessed.

    `perifissural`: of the benign shape that lies on a fissure or the pleura, smooth and oval, lentiform or triangular.
    `calcification_pattern` and `fat` are read from the attenuation; `fat` is the probability of intranodular fat.
    """

    spiculation: float | None = None
    lobulation: float | None = None
    ill_defined_margin: float | None = None
    cavitation: float | None = None
    calcification: float | None = None
    calcification_pattern: CalcificationPattern | None = None
    fat: float | None = None
    perifissural: float | None = None


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A network as it was used: its name, version and the SHA-256 of its weights."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ReaderRatings:
    """What readers would say of a nodule, as a network learnt it from the LIDC-IDRI: mean ratings of 1 to 5.

    `suspicion` is the probability 0..1 that radiologists call it suspicious of cancer (mean malignancy rating of 4 or
    more rather than 2 or less). It is not the probability of cancer: the network never saw a proven diagnosis.
    """

    suspicion: float
    subtlety: float
    sphericity: float
    margin: float
    lobulation: float
    spiculation: float
    texture: float
    calcified: float
    """The probability 0..1 that readers see calcification."""
    model: ModelIdentity


@dataclass(frozen=True, slots=True, eq=False)
class Nodule:
    """A measured nodule.

    `volume_mm3` is partial-volume aware and so may differ from the voxel count; `mean_hu` is over the mask;
    `score` is the detector's. `tracking_uid` is deterministic and shared by SEG segment and SR groups. None stands
    for a part that was not assessed.
    """

    tracking_uid: str
    label: str
    centre: PointLps
    mask: NoduleMask
    diameters: Diameters
    volume_mm3: float
    mean_hu: float
    composition: Composition
    side: Side
    score: float
    delineation: Delineation = Delineation.SEGMENTED
    measures: NoduleMeasures | None = None
    location: NoduleLocation | None = None
    attributes: NoduleAttributes | None = None
    ratings: ReaderRatings | None = None

    @property
    def mass_mg(self) -> float:
        """Mass = volume [cm³] × (mean HU + 1000) [mg/cm³] (de Hoop et al., Radiology 2010)."""
        return mass_mg(self.volume_mm3, self.mean_hu)


# -- what is known beside the images ---------------------------------------------------------------------------


class Sex(enum.StrEnum):
    """Sex as the models and DICOM's PatientSex (M, F) know it."""

    FEMALE = "female"
    MALE = "male"


class FdgUptake(enum.StrEnum):
    """Uptake of a nodule on FDG-PET, in the words of the Herder model."""

    NONE = "none"
    FAINT = "faint"
    MODERATE = "moderate"
    INTENSE = "intense"


class RiskLevel(enum.StrEnum):
    """A physician's estimate of a patient's risk of lung cancer, as Fleischner 2017 asks for it."""

    LOW = "low"
    HIGH = "high"


class Region(enum.StrEnum):
    """Where the patient is cared for, as far as guidelines differ."""

    USA = "usa"
    EUROPE = "europe"
    UK = "uk"
    CHINA = "china"
    OTHER = "other"


@dataclass(frozen=True, slots=True, repr=False)
class PatientFactors:
    """Risk factors of the malignancy models and guidelines; None means unknown, never absent.

    The factors are those of Brock (McWilliams 2013), Mayo (Swensen 1997), Herder (2005), the exclusions of Fleischner
    2017 and the Chinese consensus. `extrathoracic_cancer`: diagnosed more than five years ago (Mayo); `known_cancer`:
    a primary cancer that is known now; `chronic_lung_disease`: COPD, fibrosis or old tuberculosis. `screening`: True
    for a screening examination, False for an incidental nodule. `fdg_uptake`: the nodule's when there is exactly one.
    """

    age_years: float | None = None
    sex: Sex | None = None
    family_history_lung_cancer: bool | None = None
    emphysema: bool | None = None
    ever_smoker: bool | None = None
    pack_years: float | None = None
    years_since_quitting: float | None = None
    extrathoracic_cancer: bool | None = None
    known_cancer: bool | None = None
    immunosuppressed: bool | None = None
    occupational_exposure: bool | None = None
    chronic_lung_disease: bool | None = None
    screening: bool | None = None
    risk_level: RiskLevel | None = None
    region: Region | None = None
    fdg_uptake: FdgUptake | None = None

    def known(self) -> dict[str, str | float | bool]:
        """The factors that are known, by name."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value is not None}


@dataclass(frozen=True, slots=True)
class NoduleObservation:
    """What a reader says of one measured nodule, named by its label ("Nodule 1") or tracking UID.

    `benign_pattern`: complete, central, popcorn or concentric-ring calcification, or fat. `juxtapleural_smooth`: solid,
    on a fissure or the pleura, with smooth margins and oval, lentiform or triangular. `cavitary`: a cavity with a
    dominant wall. `proven_benign`: after work-up.
    """

    nodule: str
    lobe: Lobe | None = None
    spiculated: bool | None = None
    benign_pattern: bool | None = None
    juxtapleural_smooth: bool | None = None
    cavitary: bool | None = None
    proven_benign: bool | None = None
    fdg_uptake: FdgUptake | None = None


class AirwaySite(enum.StrEnum):
    """Where an endoluminal nodule lies."""

    SUBSEGMENTAL = "subsegmental"
    PROXIMAL = "segmental-or-proximal"


class AirwayStatus(enum.StrEnum):
    """How an airway nodule relates to earlier examinations."""

    BASELINE = "baseline"
    NEW = "new"
    STABLE = "stable"
    GROWING = "growing"


@dataclass(frozen=True, slots=True)
class AirwayFinding:
    """An endotracheal or endobronchial nodule that a reader found. Air inside favours secretions."""

    site: AirwaySite
    status: AirwayStatus
    contains_air: bool | None = None
    multiple_tubular: bool | None = None


class CystKind(enum.StrEnum):
    """Kinds of cystic lesions (Lung-RADS v2022, note 12); a thick wall is one of 2 mm or more."""

    THIN_WALLED = "thin-walled"
    THICK_WALLED = "thick-walled"
    MULTILOCULAR = "multilocular"
    FLUID_CONTAINING = "fluid-containing"
    MULTIPLE = "multiple"


class CystChange(enum.StrEnum):
    """What became of a cystic lesion since the earlier examination."""

    FIRST_SEEN = "first-seen"
    STABLE = "stable"
    GROWING = "growing"
    WALL = "wall-thicker-or-nodular"
    BECAME_MULTILOCULAR = "became-multilocular"
    LOCULES_OR_OPACITY = "more-locules-or-opacity"


class LungRadsCategory(enum.StrEnum):
    """A Lung-RADS category of an earlier examination, without its modifier."""

    INCOMPLETE = "0"
    NEGATIVE = "1"
    BENIGN = "2"
    PROBABLY_BENIGN = "3"
    SUSPICIOUS = "4A"
    VERY_SUSPICIOUS = "4B"
    WITH_FEATURES = "4X"


@dataclass(frozen=True, slots=True)
class CystFinding:
    """A cystic lesion that a reader found. `GROWING` means the mean diameter of its cystic part.

    `interval_days` and `earlier_category` (Lung-RADS) belong to the examination it is compared with.
    """

    kind: CystKind
    change: CystChange
    interval_days: float | None = None
    earlier_category: LungRadsCategory | None = None


@dataclass(frozen=True, slots=True)
class ExamObservations:
    """What a reader says of an examination beyond what lungcad measures; None means not stated."""

    prior_being_located: bool | None = None
    lungs_not_evaluable: bool | None = None
    infection_suspected: bool | None = None
    cancer_favoured_over_infection: bool | None = None
    lymphadenopathy: bool | None = None
    metastatic_disease: bool | None = None
    significant_other_finding: bool | None = None
    airway_nodules: tuple[AirwayFinding, ...] = ()
    cysts: tuple[CystFinding, ...] = ()
    nodules: tuple[NoduleObservation, ...] = ()


@dataclass(frozen=True, slots=True)
class ClinicalContext:
    """All that is known beside the images."""

    factors: PatientFactors = PatientFactors()
    observations: ExamObservations = ExamObservations()


# -- malignancy risk -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AxisLengths:
    """Long and short axis of a nodule or of its solid component, in mm."""

    long_mm: float
    short_mm: float

    def __post_init__(self) -> None:
        if not 0 < self.short_mm <= self.long_mm + 1e-6:
            raise ValueError("the short axis must be positive and not longer than the long axis")

    @property
    def mean_mm(self) -> float:
        """Mean of both axes in mm."""
        return (self.long_mm + self.short_mm) / 2


@dataclass(frozen=True, slots=True)
class RiskInputs:
    """One nodule as the malignancy models see it; `nodule_count` is that of the examination."""

    axes: AxisLengths
    composition: Composition
    nodule_count: int
    upper_lobe: bool | None = None
    spiculated: bool | None = None
    fdg_uptake: FdgUptake | None = None


@dataclass(frozen=True, slots=True)
class MalignancyRisk:
    """The probability of cancer of one nodule by a published model, as a range over the inputs that are unknown.

    `inputs` are the known ones, by name. `band` is the model's own word for the probability, when it has one and the
    whole range lies in it.
    """

    model: str
    version: str
    range: tuple[float, float]
    unknown: tuple[str, ...]
    inputs: tuple[tuple[str, str | float | bool], ...]
    band: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.range[0] <= self.range[1] <= 1:
            raise ValueError(f"a probability range must rise within 0..1, not {self.range}")

    @property
    def value(self) -> float | None:
        """The probability; None when the unknown inputs make a difference."""
        return self.range[0] if self.range[0] == self.range[1] else None


@dataclass(frozen=True, slots=True)
class NoduleRisks:
    """Every malignancy model of one nodule."""

    tracking_uid: str
    brock: MalignancyRisk | NotAssessed
    brock_without_spiculation: MalignancyRisk | NotAssessed
    mayo: MalignancyRisk | NotAssessed
    herder: MalignancyRisk | NotAssessed


# -- guidelines ------------------------------------------------------------------------------------------------


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


class ChangeStatus(enum.StrEnum):
    """What became of a nodule since the prior examination (values as in findings.json)."""

    NEW = "new"
    GROWING = "growing"
    STABLE = "stable"
    SHRINKING = "shrinking"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class SizeAt:
    """A nodule's size at one time point, `days` after any fixed day, as far as change is computed from it.

    `volume_interval_mm3` holds 95 % of repeated measurements of the volume; None when it is not known.
    """

    days: float
    volume_mm3: float
    mean_diameter_mm: float
    mass_mg: float
    volume_interval_mm3: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class SizeChange:
    """How a nodule that both examinations show has changed. Percentages are of the earlier size.

    The intervals (95 %) follow from those of both volumes and are None when one is not known. Doubling times are in
    days and given only for growth; the upper end of their interval is infinite when no growth is within the error.
    """

    status: ChangeStatus
    interval_days: float
    volume_percent: float
    volume_percent_interval: tuple[float, float] | None
    mass_percent: float | None
    mean_diameter_mm: float
    doubling_time_days: float | None
    doubling_time_interval_days: tuple[float, float] | None


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
    `brock`, `herder` and `mayo` are ranges of probability; `model_probability` is that of C-Lung-RADS's own model.
    """

    label: str
    size: NoduleSize
    sighting: Sighting = Sighting.BASELINE
    earlier: tuple[EarlierSize, ...] = ()
    benign_pattern: bool | None = None
    juxtapleural_smooth: bool | None = None
    cavitary: bool | None = None
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
class Recommendation:
    """What one guideline says of an examination.

    `category` is None when unknown inputs leave several possible, which `possible` lists, least suspicious first; it
    is empty when the guideline does not cover what was found. `because` is the rule that fired, with its numbers;
    `assuming` says what was taken for granted and `unverified` what was not read in the guideline itself.
    """

    scheme: str
    edition: str
    category: str | None
    possible: tuple[str, ...]
    management: str
    because: str
    assuming: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApplicableGuideline:
    """Which guideline applies, and why; None when the context does not say."""

    guideline: Guideline | None
    because: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """Malignancy risk of each nodule, in their order, and what every guideline says of the examination."""

    risks: tuple[NoduleRisks, ...]
    recommendations: tuple[tuple[Guideline, Recommendation], ...]
    applicable: ApplicableGuideline

    def recommendation(self, guideline: Guideline) -> Recommendation:
        """What one guideline says."""
        return dict(self.recommendations)[guideline]


# -- results and networks --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caution:
    """Something a reader should know about the input or the result: a stable code and a sentence."""

    code: str
    text: str


# -- comparison with earlier examinations ----------------------------------------------------------------------


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


# -- coronary calcium ------------------------------------------------------------------------------------------


class Artery(enum.StrEnum):
    """The coronary arteries that calcium is scored in (CAC-DRS; DICOM CID 3016)."""

    LM = "LM"
    LAD = "LAD"
    LCX = "LCX"
    RCA = "RCA"


class OtherCalcium(enum.StrEnum):
    """Calcium near the heart that is not coronary, reported apart and never part of the score."""

    AORTA = "aorta"
    AORTIC_VALVE = "aortic-valve"
    MITRAL_VALVE = "mitral-valve"
    OTHER = "other"


@dataclass(frozen=True, slots=True, eq=False)
class Heart:
    """The heart and the vessels beside it, in one scan.

    `heart` holds the muscle, the chambers and the fat within the pericardium; `aorta` its ascending part, arch and
    descending part. `blood` lies well within chambers and great vessels, to measure the blood's attenuation. `courses`
    are the expected centre lines of the arteries, LPS [n, 3] mm from the origin on. `coverage` 0..1 is the part of the
    expected heart that lies in the field of view.
    """

    heart: Mask
    aorta: Mask
    blood: Mask
    courses: tuple[tuple[Artery, FloatArray], ...]
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class CalcifiedLesion:
    """One calcified lesion: its voxels, the site it was assigned to (with a certainty of 0..1) and what it scores.

    `mask` is on the grid of the series, also where its slices were averaged before they were scored. `max_hu` and
    `mean_hu` are over its voxels of the images that were scored.
    """

    site: Artery | OtherCalcium
    certainty: float
    mask: NoduleMask
    centre: PointLps
    agatston: float
    volume_mm3: float
    max_hu: float
    mean_hu: float


@dataclass(frozen=True, slots=True)
class SiteScore:
    """The score of one artery or other site: sums over its lesions."""

    agatston: float
    volume_mm3: float
    lesions: int


@dataclass(frozen=True, slots=True)
class CalciumCategory:
    """A category of calcium with the name of its scheme: "CAC-DRS" "A2/N3"; never one without the other."""

    scheme: str
    value: str


class CalciumTier(enum.StrEnum):
    """The common four tiers: 0, 1-99, 100-399, 400 and more."""

    NONE = "0"
    MILD = "1-99"
    MODERATE = "100-399"
    SEVERE = ">=400"


@dataclass(frozen=True, slots=True, eq=False)
class CalciumScore:
    """Coronary calcium of one scan, a non-gated estimate.

    `lesions` are all calcified lesions found near the heart, coronary ones first. `arteries` holds every artery,
    `other` every other site that has lesions. `categories` are CAC-DRS first, then the four tiers; `variant` says by
    which rules the score was computed. `advice` has its source in it. `critical`: a very high score that is to be told.
    `scored_spacing_mm` is (dx, dy, dz) of the images that were scored: thin slices are averaged first.
    `threshold_hu` is the attenuation from which a voxel counts.
    """

    lesions: tuple[CalcifiedLesion, ...]
    arteries: tuple[tuple[Artery, SiteScore], ...]
    other: tuple[tuple[OtherCalcium, SiteScore], ...]
    agatston: float
    volume_mm3: float
    tier: CalciumTier
    categories: tuple[CalciumCategory, ...]
    variant: str
    advice: str
    critical: bool
    caveats: tuple[Caution, ...]
    scored_spacing_mm: tuple[float, float, float]
    threshold_hu: float

    @property
    def vessels(self) -> int:
        """How many arteries hold calcium."""
        return sum(score.agatston > 0 for _, score in self.arteries)


@dataclass(frozen=True, slots=True)
class CalciumNotAssessed:
    """Why calcium was not scored: a reason, a sentence, and the figures that it follows from."""

    reason: NotAssessedReason
    text: str
    facts: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Everything measured on one series. Parts that were not assessed say why.

    `lungs` is None when calcium alone was asked for and none are in view, as in a scan of the heart.
    """

    nodules: tuple[Nodule, ...] | NotAssessed
    lungs: LungMask | None
    warnings: tuple[Caution, ...]
    models: tuple[ModelIdentity, ...]
    policy_version: str
    assessment: Assessment | NotAssessed = NotAssessed(NotAssessedReason.NOT_REQUESTED)
    followup: FollowUp | NotAssessed = NotAssessed(NotAssessedReason.NO_PRIOR)
    calcium: CalciumScore | CalciumNotAssessed = CalciumNotAssessed(
        NotAssessedReason.NOT_REQUESTED, "Coronary calcium was not asked for."
    )


class Detector(Protocol):
    """A nodule detector. Returns every mark at or above `min_score`, best first, in patient coordinates."""

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def default_min_score(self) -> float: ...

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class NoduleReading:
    """What the networks see at one candidate.

    `probability` float32 [k, j, i] is that of each voxel of belonging to the nodule, in a box that starts at `offset`
    (k, j, i) of the volume's grid; it is 0 outside. `certainty` 0..1 is the overlap (Dice) that the network expects
    with what readers would outline.
    """

    probability: Float32Array
    offset: tuple[int, int, int]
    certainty: float
    ratings: ReaderRatings | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Candidates, and what the networks see at each: nothing at all, or one reading or None for each of them."""

    candidates: tuple[Candidate, ...]
    readings: tuple[NoduleReading | None, ...] = ()

    def __post_init__(self) -> None:
        if self.readings and len(self.readings) != len(self.candidates):
            raise ValueError(f"{len(self.readings)} readings for {len(self.candidates)} candidates")

    def pairs(self) -> tuple[tuple[Candidate, NoduleReading | None], ...]:
        """Each candidate with its reading."""
        return tuple(zip(self.candidates, self.readings or (None,) * len(self.candidates), strict=True))


class NoduleReader(Protocol):
    """Networks that outline and rate candidates: one reading for each candidate, in their order."""

    @property
    def identities(self) -> tuple[ModelIdentity, ...]: ...

    def __call__(
        self, volume: Volume, lungs: LungMask, candidates: tuple[Candidate, ...]
    ) -> tuple[NoduleReading, ...]: ...


class CalciumReader(Protocol):
    """Finds the heart, and says to which artery or other site calcified lesions belong.

    `heart` gives None when no heart is in view; lungs None means that none could be segmented. `sites` gives one site
    with its certainty (0..1) for each lesion, in their order; lesion masks are on the volume's grid.
    """

    @property
    def identities(self) -> tuple[ModelIdentity, ...]: ...

    def heart(self, volume: Volume, lungs: LungMask | None) -> Heart | None: ...

    def sites(
        self, volume: Volume, heart: Heart, lesions: tuple[NoduleMask, ...]
    ) -> tuple[tuple[Artery | OtherCalcium, float], ...]: ...


@dataclass(frozen=True, slots=True)
class RegistrationQuality:
    """How well two scans were brought together, within the lungs of the fixed one.

    `method` is "deformable", or "affine" where a deformation could not be trusted; `cautions` then say why.
    `similarity` is the correlation of local brightness (1 for the same image); `overlap` the part of the lung that
    falls on the other scan's lung, and `seen_fraction` the part that falls into the other scan's field of view;
    `folding_fraction` the part at which the map folds. `residual_mm` is the mean distance from where vessels are put to
    where they fit best; None when too few could be compared. `inverse_consistency_mm` is the mean distance from where a
    place comes back to, when it is carried over and then back by a registration the other way round; `volume_ratios`
    are the least and the greatest volume in the other scan per volume in the fixed one. None: not measured.
    """

    method: str
    similarity: float
    overlap: float
    seen_fraction: float
    folding_fraction: float
    residual_mm: float | None
    cautions: tuple[Caution, ...] = ()
    inverse_consistency_mm: float | None = None
    volume_ratios: tuple[float, float] | None = None


class LungTransform(Protocol):
    """Where places of one scan (fixed) lie in another (moving): LPS positions [n, 3] to LPS positions [n, 3]."""

    @property
    def quality(self) -> RegistrationQuality: ...

    def to_moving(self, positions: FloatArray) -> FloatArray: ...

    def to_fixed(self, positions: FloatArray) -> FloatArray: ...


class Registrar(Protocol):
    """Brings the lungs of two scans together."""

    def __call__(
        self, fixed: Volume, fixed_lungs: LungMask, moving: Volume, moving_lungs: LungMask
    ) -> LungTransform: ...


@dataclass(frozen=True, slots=True)
class Networks:
    """The trained parts of the pipeline, and those that run where networks run, as callables."""

    detector: Detector
    reader: NoduleReader | None = None
    registrar: Registrar | None = None
    calcium: CalciumReader | None = None

    @property
    def nodule_identities(self) -> tuple[ModelIdentity, ...]:
        """Of every network that reads nodules."""
        return (self.detector.identity, *(() if self.reader is None else self.reader.identities))

    @property
    def calcium_identities(self) -> tuple[ModelIdentity, ...]:
        """Of every network that reads coronary calcium."""
        return () if self.calcium is None else self.calcium.identities

    @property
    def identities(self) -> tuple[ModelIdentity, ...]:
        """Of every network that takes part in reading a series for nodules and calcium."""
        return (*self.nodule_identities, *self.calcium_identities)


StageTimer = Callable[[str], AbstractContextManager[None]]
"""Called with a stage name ("lungs", "detect", ...) around each stage; measures time or shows progress."""
