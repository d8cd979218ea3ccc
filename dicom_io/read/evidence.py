"""What the report objects copy from the source study. Holds patient data: it is never shown, logged or pickled."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.valuerep import validate_value

from cad.domain import Caution
from dicom_io.read.files import PARSE_ERRORS, without_pixels

PATIENT_KEYWORDS = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "OtherPatientIDsSequence",
    "EthnicGroup",
    "PatientComments",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
)
"""The Patient Module (PS3.3 C.7.1.1) as far as it identifies."""

STUDY_KEYWORDS = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
)
"""The General Study and Patient Study Modules (PS3.3 C.7.2.1, C.7.2.2) as far as reports repeat them."""

COPIED_KEYWORDS = (*PATIENT_KEYWORDS, *STUDY_KEYWORDS)

_STRICT_VRS = ("AS", "CS", "DA", "DS", "TM")
"""Kinds of value with a form of their own (PS3.5 6.2); free text is kept as it is."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Evidence:
    """The source objects of one series as far as report objects need them.

    `datasets` are the source objects without pixel data, in the order of the volume's k axis (feet to head), or the
    one enhanced multi-frame object. `patient_and_study` has the attributes of the patient and study modules with the
    source's SpecificCharacterSet. `warnings` say what had to be supplied or left out.
    """

    datasets: tuple[Dataset, ...]
    patient_and_study: Dataset
    frame_of_reference_uid: str
    warnings: tuple[Caution, ...]

    def __repr__(self) -> str:
        return f"Evidence({len(self.datasets)} objects)"


def evidence_of(headers: tuple[Dataset, ...], warnings: tuple[Caution, ...]) -> Evidence:
    """What report objects copy from these source objects (without pixel data, in the order of the k axis).

    Dates, times, ages and coded words of patient and study that no reader could parse are emptied, with a caution:
    a report that repeats them would be invalid itself.
    """
    unusable = sorted({keyword for header in headers for keyword in COPIED_KEYWORDS if not _is_usable(header, keyword)})
    datasets = tuple(_emptied(header, unusable) for header in headers) if unusable else headers
    if unusable:
        text = f"The source has unusable values that results do not repeat: {', '.join(unusable)}."
        warnings = (*warnings, Caution("unusable-attributes", text))
    first = datasets[0]
    modules = Dataset()
    for keyword in ("SpecificCharacterSet", *COPIED_KEYWORDS):
        if keyword in first:
            modules[keyword] = first[keyword]
    return Evidence(datasets, modules, str(first.FrameOfReferenceUID), warnings)


def _is_usable(header: Dataset, keyword: str) -> bool:
    """Whether a value can be read and, where its form is strict, has that form."""
    if keyword not in header:
        return True
    try:
        element = header[keyword]
        if element.VR in _STRICT_VRS and not element.is_empty:
            validate_value(element.VR, str(element.value), RAISE)
    except PARSE_ERRORS:
        return False
    return True


def _emptied(header: Dataset, keywords: list[str]) -> Dataset:
    emptied = without_pixels(header)
    for keyword in keywords:
        if keyword in emptied:
            emptied.add_new(keyword, dictionary_VR(keyword), None)
    return emptied
