"""Whose images a report is about, as its head says it. Holds patient data: it is never shown in logs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StudyHeader:
    """What a report repeats of the source's headers; None is what they do not give. Dates are year-month-day."""

    patient_name: str | None = field(default=None, repr=False)
    patient_id: str | None = field(default=None, repr=False)
    birth_date: str | None = field(default=None, repr=False)
    sex: str | None = field(default=None, repr=False)
    study_date: str | None = field(default=None, repr=False)
    accession_number: str | None = field(default=None, repr=False)
    series_number: str | None = field(default=None, repr=False)
    series_description: str | None = field(default=None, repr=False)
