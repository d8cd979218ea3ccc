"""What the report objects copy from the source study. Holds patient data: it is never shown, logged or pickled."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from cad.domain import Caution

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


def evidence_of(datasets: tuple[Dataset, ...], warnings: tuple[Caution, ...]) -> Evidence:
    """What report objects copy from these source objects (without pixel data, in the order of the k axis)."""
    first = datasets[0]
    modules = Dataset()
    for keyword in ("SpecificCharacterSet", *PATIENT_KEYWORDS, *STUDY_KEYWORDS):
        if keyword in first:
            modules[keyword] = first[keyword]
    return Evidence(datasets, modules, str(first.FrameOfReferenceUID), warnings)
