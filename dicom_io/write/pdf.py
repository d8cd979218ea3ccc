"""The PDF page → Encapsulated PDF Storage (PS3.3 A.45.1), for archives and viewers that show documents."""

from __future__ import annotations

from highdicom import SOPClass
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from cad.domain import ModelIdentity
from dicom_io import codes
from dicom_io.write.identity import (
    EncodingContext,
    ObjectKind,
    contributing_equipment,
    object_identity,
    series_and_equipment,
    stamp,
)
from dicom_io.write.source_images import SourceImages

DOCUMENT_TITLE = "Lung nodules on chest CT: automatic analysis for research use, not the radiology report"


def encapsulated_pdf(
    pdf: bytes, models: tuple[ModelIdentity, ...], source: SourceImages, context: EncodingContext
) -> Dataset:
    """The page as an object of the source's study, with the patient's identifiers as the source has them.

    `BurnedInAnnotation` is YES: the page names the patient.
    """
    header = source.header
    dataset = SOPClass(
        study_instance_uid=header.StudyInstanceUID,
        sop_class_uid=EncapsulatedPDFStorage,
        modality="DOC",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        patient_id=header.PatientID,
        patient_name=header.PatientName,
        patient_birth_date=header.PatientBirthDate,
        patient_sex=header.PatientSex,
        accession_number=header.AccessionNumber,
        study_id=header.StudyID,
        study_date=header.StudyDate,
        study_time=header.StudyTime,
        referring_physician_name=header.ReferringPhysicianName,
        specific_character_set=header.SpecificCharacterSet,
        **series_and_equipment(object_identity(ObjectKind.PAGE, header, context), context),
    )
    dataset.copy_patient_and_study_information(source.images[0])
    _add_document(dataset, pdf, source)
    equipment = contributing_equipment(models, context)
    dataset.ContributingEquipmentSequence = [*dataset.get("ContributingEquipmentSequence", ()), *equipment]
    stamp(dataset, context)
    return dataset


def _add_document(dataset: Dataset, pdf: bytes, source: SourceImages) -> None:
    """The Encapsulated Document, SC Equipment and SOP Common attributes that the base object has not."""
    dataset.ConversionType = "SYN"
    dataset.BurnedInAnnotation = "YES"
    dataset.RecognizableVisualFeatures = "NO"
    dataset.ContentDate = dataset.InstanceCreationDate
    dataset.ContentTime = dataset.InstanceCreationTime
    dataset.AcquisitionDateTime = None
    dataset.DocumentTitle = DOCUMENT_TITLE
    dataset.ConceptNameCodeSequence = [CodedConcept.from_code(codes.DOCUMENT)]
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.SourceInstanceSequence = [_reference(image) for image in source.images]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(pdf)
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)


def _reference(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    return item
