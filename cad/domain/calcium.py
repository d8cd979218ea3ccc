"""Coronary calcium: lesions, arteries, score."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cad.domain.arrays import FloatArray
from cad.domain.cautions import Caution
from cad.domain.nodules import NoduleMask
from cad.domain.phrases import Phrase
from cad.domain.volume import Mask, PointLps


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


CalciumSite = Artery | OtherCalcium
"""Where a calcified lesion can lie."""


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
    which rules the score was computed. `very_high`: a very high score that is to be told.
    `scored_spacing_mm` is (dx, dy, dz) of the images that were scored: thin slices are averaged first.
    `threshold_hu` is the attenuation from which a voxel counts, `searched` the heart in its largest slice.
    `agatston_range` holds the scores that slices at other places, or another scan of that day, could have given.
    """

    lesions: tuple[CalcifiedLesion, ...]
    arteries: tuple[tuple[Artery, SiteScore], ...]
    other: tuple[tuple[OtherCalcium, SiteScore], ...]
    agatston: float
    volume_mm3: float
    tier: CalciumTier
    categories: tuple[CalciumCategory, ...]
    variant: Phrase
    very_high: bool
    caveats: tuple[Caution, ...]
    scored_spacing_mm: tuple[float, float, float]
    threshold_hu: float
    searched: NoduleMask
    agatston_range: tuple[float, float] | None = None

    @property
    def vessels(self) -> int:
        """How many arteries hold calcium."""
        return sum(score.agatston > 0 for _, score in self.arteries)
