"""What is known of the patient beside the images; None is unknown, never a default."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields


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
