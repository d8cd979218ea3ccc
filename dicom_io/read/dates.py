"""When images were taken, as their headers say it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset

from cad.errors import Refusal
from dicom_io.read.headers import word

ACQUISITION_DATES = ("AcquisitionDate", "AcquisitionDateTime")
"""When the images were acquired (PS3.3 C.7.6.1, C.8.15.3.2)."""

OTHER_DATES = ("ContentDate", "SeriesDate", "StudyDate")
"""Dates that can be those of a later processing or of an order, best first."""

IMAGE_DATES = (*ACQUISITION_DATES, *OTHER_DATES)

FIRST_YEAR = 1971
"""The first CT of a patient was made in October of that year."""


@dataclass(frozen=True, slots=True)
class ImageDate:
    """A day, and the attribute that says it."""

    day: date
    keyword: str

    @property
    def is_acquisition(self) -> bool:
        """Whether it is the day of the acquisition, not one that may be another."""
        return self.keyword in ACQUISITION_DATES


def image_date(header: Dataset) -> ImageDate | None:
    """The day on which the images were taken, by the best attribute that holds a date; None when none does.

    A date before the first CT is a placeholder, such as the first of January 1900.
    """
    days = ((keyword, day_of(text_of(header, keyword))) for keyword in IMAGE_DATES)
    return next((ImageDate(day, keyword) for keyword, day in days if day is not None and day.year >= FIRST_YEAR), None)


def text_of(header: Dataset, keyword: str) -> str | None:
    """The value of an attribute; None also when it cannot be read."""
    try:
        return word(header, keyword)
    except Refusal:
        return None


def day_of(text: str | None) -> date | None:
    """The date of a DA or DT value; None when it is none."""
    digits = (text or "")[:8]
    try:
        return date.fromisoformat(digits) if digits.isdecimal() and len(digits) == len("YYYYMMDD") else None
    except ValueError:
        return None
