"""A nodule: where it was seen, its voxels, sizes, place, signs and ratings."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from cad.domain.anatomy import Lobe, Side
from cad.domain.arrays import BoolArray
from cad.domain.rounding import rounded
from cad.domain.volume import Grid, PointLps


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
        return AxisLengths(self.long_axis_mm, min(self.short_axis_mm, self.long_axis_mm)).mean_mm


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

    `volume_interval_mm3` holds 95 % of the volumes that scans of another grid, kernel or thickness would give;
    `repeated_mm3` those of the same protocol, where the nodule is as clear as a digital one. `max_3d_diameter_mm`
    is the greatest distance of two points of the surface, in any direction; `sphericity` is the surface of the ball
    of the same volume over the nodule's (1 for a ball). `solid` is given for part-solid nodules with a solid part.
    `core_hu` is the median attenuation of the deepest quarter, free of the border's blur as far as there is such.
    """

    volume_interval_mm3: tuple[float, float]
    repeated_mm3: tuple[float, float]
    max_3d_diameter_mm: float
    surface_mm2: float
    sphericity: float
    solid: SolidComponent | None = None
    core_hu: float | None = None


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
    `halo`: lung as dense as ground glass lies around what was outlined; None where too little lung is there to tell.
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
    halo: bool | None = None


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
        """Mean of both axes in mm as it is printed and as guidelines compare it: of the axes to 0.1 mm, to 0.1 mm.

        Lung-RADS v2022, note on size: both axes and their mean to one decimal. Halves are rounded up.
        """
        return rounded((rounded(self.long_mm, 1) + rounded(self.short_mm, 1)) / 2, 1)
