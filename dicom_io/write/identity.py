"""What all report objects have in common: their identity, their dates and the equipment that made them."""

from __future__ import annotations

import enum
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from highdicom import UID, ContributingEquipment
from pydicom.dataset import Dataset
from pydicom.valuerep import DA, DT, TM

from cad.domain import ModelIdentity
from cad.report.words.choices import DEFAULT_FORM, ReportForm
from dicom_io import codes
from dicom_io.read.reading import LoadedSeries
from dicom_io.uids import derived_uid

MANUFACTURER = "lungcad"
MODEL_NAME = "lungcad"

BODY_PART_EXAMINED = "CHEST"
"""An unpaired part, so that Laterality is neither required nor meant (DICOM PS3.3 C.7.3.1, PS3.16 Annex L)."""

LARGEST_SOURCE_SERIES_NUMBER = 2**31 // 100 - 1
"""Series Number is an IS below 2**31; ours is a hundred times the source's, plus the number of the kind."""

LONG_STRING_CHARACTERS = 64
"""Length of a value of VR LO (DICOM PS3.5 6.2)."""

SHORT_STRING_CHARACTERS = 16
"""Length of a value of VR SH (DICOM PS3.5 6.2)."""

ACQUISITION_EQUIPMENT_VALUE = "109101"
"""CID 7005 Acquisition Equipment: the scanner, whose contribution has the date of the scan."""

QUOTING_LOGGERS = ("pydicom", "highdicom")
"""Their warnings contain the values of the source, which are patient data."""


class ObjectKind(enum.Enum):
    """The series that lungcad adds to a study: one per kind, with a number and a description of its own."""

    REPORT = ("report", 91, "lungcad report")
    SEGMENTATION = ("segmentation", 92, "lungcad segments")
    PRESENTATION = ("presentation", 93, "lungcad nodule annotations")
    KEY_IMAGES = ("key-images", 94, "lungcad key images")
    PAGE = ("page", 95, "lungcad report page")
    NOTE = ("note", 96, "lungcad: not analysed")
    KEY_OBJECTS = ("key-objects", 97, "lungcad key objects")
    REJECTION = ("rejection", 98, "lungcad: replaced results")

    def __init__(self, key: str, number: int, description: str) -> None:
        self.key = key
        self.number = number
        self.description = description


@dataclass(frozen=True, slots=True)
class EncodingContext:
    """What an encoder may not find out by itself.

    All UIDs derive from `job_key`; `now` is passed in, in the zone of the scan's own times; `device_uid`
    changes with the software version and the weights (`dicom_io.uids.device_uid`). `form` is that of texts and names.
    """

    job_key: str
    now: datetime
    software_version: str
    device_uid: str
    form: ReportForm = DEFAULT_FORM

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("now must be timezone-aware")
        if not UID(self.device_uid).is_valid:
            raise ValueError(f"device_uid is not a UID: {self.device_uid}")


@dataclass(frozen=True, slots=True)
class ObjectIdentity:
    """Which object of which series is written."""

    series_uid: str
    sop_uid: str
    series_number: int
    series_description: str
    instance_number: int


def object_identity(
    kind: ObjectKind, source_header: Dataset, context: EncodingContext, instance_number: int = 1
) -> ObjectIdentity:
    """The deterministic identity of the n-th object of a kind."""
    source_number = source_header.get("SeriesNumber")
    known = source_number is not None and 0 < int(source_number) <= LARGEST_SOURCE_SERIES_NUMBER
    return ObjectIdentity(
        series_uid=derived_uid(context.job_key, kind.key, "series"),
        sop_uid=derived_uid(context.job_key, kind.key, str(instance_number)),
        series_number=(int(source_number) * 100 if known else 0) + kind.number,
        series_description=f"{kind.description} (series {source_number})" if known else kind.description,
        instance_number=instance_number,
    )


class SeriesAndEquipment(TypedDict):
    """The keywords that every object is constructed with, in highdicom's words."""

    series_instance_uid: str
    series_number: int
    sop_instance_uid: str
    instance_number: int
    series_description: str
    manufacturer: str
    manufacturer_model_name: str
    software_versions: str
    device_serial_number: str


def series_and_equipment(identity: ObjectIdentity, context: EncodingContext) -> SeriesAndEquipment:
    """What says which object of which series this is, and what made it."""
    return SeriesAndEquipment(
        series_instance_uid=identity.series_uid,
        series_number=identity.series_number,
        sop_instance_uid=identity.sop_uid,
        instance_number=identity.instance_number,
        series_description=identity.series_description,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL_NAME,
        software_versions=context.software_version,
        device_serial_number=context.device_uid,
    )


def contributing_equipment(
    models: tuple[ModelIdentity, ...], context: EncodingContext
) -> tuple[ContributingEquipment, ...]:
    """One item per algorithm that contributed, or one for the software alone when no network was used.

    Source: IHE Radiology, AI Results (AIR): purpose, manufacturer, model, software versions and Device UID.
    """
    weights = [f"{model.name} {model.version}" for model in models] or [MODEL_NAME]
    return tuple(_equipment(name, context) for name in weights)


def _equipment(model_name: str, context: EncodingContext) -> ContributingEquipment:
    item = ContributingEquipment(
        manufacturer=MANUFACTURER,
        purpose_of_reference=codes.PROCESSING_EQUIPMENT,
        manufacturer_model_name=model_name[:LONG_STRING_CHARACTERS],
        software_versions=context.software_version,
        contribution_datetime=context.now,
        contribution_description="Reading of lung nodules and coronary calcium",
    )
    item.DeviceUID = context.device_uid
    return item


def in_zone_of(loaded: LoadedSeries, now: datetime) -> datetime:
    """The moment in the zone of the scan's own times, or in that of this machine where its headers name none.

    Dates and times of a study are local; a report in another zone could look older than its scan (PS3.3 C.12.1.1.8).
    """
    return zoned(loaded.evidence.datasets[0], now)


def zoned(header: Dataset, now: datetime) -> datetime:
    """The same for the header of an image."""
    stated = str(header.get("TimezoneOffsetFromUTC") or "")
    try:
        zone = datetime.strptime(stated, "%z").tzinfo
    except ValueError:
        zone = None
    return now.astimezone(zone)


@contextmanager
def without_quoting_the_source() -> Iterator[None]:
    """Keeps warnings and log lines of the DICOM libraries back while objects are built.

    They quote the values of the source that they find odd, such as a patient's name without a caret.
    """
    loggers = [logging.getLogger(name) for name in QUOTING_LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def stamp(dataset: Dataset, context: EncodingContext) -> None:
    """Give every date that the encoding library took from the clock, and every UID it drew, its deterministic value."""
    date, time = DA(context.now.date()), TM(context.now.time())
    name_implementation(dataset, context.software_version)
    dataset.TimezoneOffsetFromUTC = context.now.strftime("%z")[:5]
    if "LastMenstrualDate" in dataset:  # copied with the patient, and nothing that a result has to repeat
        del dataset.LastMenstrualDate
    if dataset.Modality not in ("SR", "DOC", "KO"):  # the SR and document IODs have no such attribute
        dataset.BodyPartExamined = BODY_PART_EXAMINED
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = date, time
    dataset.SeriesDate, dataset.SeriesTime = date, time
    for keyword, value in (
        ("ContentDate", date),
        ("ContentTime", time),
        ("DateOfSecondaryCapture", date),
        ("TimeOfSecondaryCapture", time),
        ("PresentationCreationDate", date),
        ("PresentationCreationTime", time),
    ):
        if keyword in dataset:
            setattr(dataset, keyword, value)
    for item in dataset.ContributingEquipmentSequence:
        if item.PurposeOfReferenceCodeSequence[0].CodeValue != ACQUISITION_EQUIPMENT_VALUE:
            item.ContributionDateTime = DT(context.now)
    _replace_dimension_uid(dataset)


def name_implementation(dataset: Dataset, software_version: str) -> None:
    """Says in the file's own header what wrote it: lungcad, not the library that it is built on (PS3.10 7.1)."""
    dataset.file_meta.ImplementationClassUID = UID(derived_uid("implementation", software_version))
    dataset.file_meta.ImplementationVersionName = f"LUNGCAD_{software_version}"[:SHORT_STRING_CHARACTERS]


def _replace_dimension_uid(dataset: Dataset) -> None:
    uid = derived_uid(str(dataset.SOPInstanceUID), "dimensions")
    for item in _dimension_items(dataset):
        item.DimensionOrganizationUID = uid


def _dimension_items(dataset: Dataset) -> Iterator[Dataset]:
    yield from dataset.get("DimensionOrganizationSequence", ())
    yield from dataset.get("DimensionIndexSequence", ())
