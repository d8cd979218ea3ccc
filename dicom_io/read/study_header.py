"""The head of a report from the headers of its source: names and dates as people write them."""

from __future__ import annotations

from pydicom.dataset import Dataset

from cad.report.statements.study import StudyHeader


def study_header_of(header: Dataset) -> StudyHeader:
    """What a report repeats of one header of the series."""
    return StudyHeader(
        patient_name=patient_name(header) or None,
        patient_id=_value(header, "PatientID"),
        birth_date=_date(_value(header, "PatientBirthDate")),
        sex=_value(header, "PatientSex"),
        study_date=_date(_value(header, "StudyDate")),
        accession_number=_value(header, "AccessionNumber"),
        series_number=_value(header, "SeriesNumber"),
        series_description=_value(header, "SeriesDescription"),
    )


def patient_name(header: Dataset) -> str:
    """The patient's name in every way the header spells it, components separated by spaces; empty when not given."""
    name = header.get("PatientName")
    if not name:
        return ""
    groups = (str(name.alphabetic), str(name.ideographic), str(name.phonetic))
    return "  ".join(" ".join(group.replace("^", " ").split()) for group in groups if group)


def _value(header: Dataset, keyword: str) -> str | None:
    found = header.get(keyword)
    return None if found in (None, "") else str(found)


def _date(value: str | None) -> str | None:
    """A DICOM date (DA) as year-month-day; anything else as it is."""
    if value is None or len(value) != 8 or not value.isdigit():
        return value
    return f"{value[:4]}-{value[4:6]}-{value[6:]}"
