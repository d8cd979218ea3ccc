"""The nouns of lungcad: frozen records with their invariants, and the protocols of the networks.

Conventions for arrays and positions are stated once, in `cad.geometry`.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
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


class Side(enum.StrEnum):
    """Laterality of a lung."""

    LEFT = "left"
    RIGHT = "right"


class Delineation(enum.StrEnum):
    """How the extent of a nodule was found, best first."""

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
    sentence that says why this series was chosen among those of the study.
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


@dataclass(frozen=True, slots=True, eq=False)
class Nodule:
    """A measured nodule.

    `volume_mm3` is partial-volume aware and so may differ from the voxel count; `mean_hu` is over the mask;
    `score` is the detector's. `tracking_uid` is deterministic and shared by SEG segment and SR groups.
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

    @property
    def mass_mg(self) -> float:
        """Mass = volume [cm³] × (mean HU + 1000) [mg/cm³] (de Hoop et al., Radiology 2010)."""
        return max(0.0, self.volume_mm3 / 1000.0 * (self.mean_hu + 1000.0))


@dataclass(frozen=True, slots=True)
class Caution:
    """Something a reader should know about the input or the result: a stable code and a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A network as it was used: its name, version and the SHA-256 of its weights."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Everything measured on one series. Parts that were not assessed say why."""

    nodules: tuple[Nodule, ...] | NotAssessed
    lungs: LungMask
    warnings: tuple[Caution, ...]
    models: tuple[ModelIdentity, ...]
    policy_version: str


class Detector(Protocol):
    """A nodule detector. Returns every mark at or above `min_score`, best first, in patient coordinates."""

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def default_min_score(self) -> float: ...

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]: ...


@dataclass(frozen=True, slots=True)
class Networks:
    """The trained parts of the pipeline, as callables."""

    detector: Detector


StageTimer = Callable[[str], AbstractContextManager[None]]
"""Called with a stage name ("lungs", "detect", ...) around each stage; measures time or shows progress."""
