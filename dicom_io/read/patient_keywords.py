"""The attributes of patient and study that results repeat."""

from __future__ import annotations

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
