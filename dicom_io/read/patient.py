"""Age and sex of the patient as the headers of a series say them."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from cad.domain import PatientFactors, Sex
from dicom_io.read.dates import day_of, image_date, text_of

AGE_UNITS_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}
"""The units of an Age String (PS3.5 6.2, VR AS)."""

OLDEST_YEARS = 120.0
"""A birth date before that is a placeholder; an age of 0 is one too: a chest CT of a newborn is not read here."""

SEXES = {"F": Sex.FEMALE, "M": Sex.MALE}


def patient_factors_of(header: Dataset) -> PatientFactors:
    """Age and sex; None where the header does not say, says "O" (other) or cannot be meant.

    Source: PatientAge (0010,1010) and PatientSex (0010,0040), PS3.3 C.7.2.2 and C.7.1.1; without an age, the completed
    years from PatientBirthDate (0010,0030) to the acquisition.
    """
    age_years = _stated_age(text_of(header, "PatientAge"))
    if age_years is None:
        age_years = _age_by_dates(header)
    return PatientFactors(age_years=age_years, sex=SEXES.get((text_of(header, "PatientSex") or "").upper()))


def _stated_age(text: str | None) -> float | None:
    found = re.fullmatch(r"(\d{3})([DWMY])", (text or "").strip())
    return None if found is None else _plausible(int(found[1]) / AGE_UNITS_PER_YEAR[found[2]])


def _age_by_dates(header: Dataset) -> float | None:
    born, taken = day_of(text_of(header, "PatientBirthDate")), image_date(header)
    if born is None or taken is None:
        return None
    birthday_to_come = (taken.day.month, taken.day.day) < (born.month, born.day)
    return _plausible(float(taken.day.year - born.year - birthday_to_come))


def _plausible(age_years: float) -> float | None:
    return age_years if 0 < age_years <= OLDEST_YEARS else None
