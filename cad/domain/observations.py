"""What a reader saw and lungcad does not measure, and the clinical context of an examination."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cad.domain.anatomy import Lobe
from cad.domain.patient import FdgUptake, PatientFactors


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
