"""The source images as report objects need them: clean headers, and where a canonical slice lies in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from highdicom.spatial import ReferenceToImageTransformer
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import DA, TM

from cad.domain import FloatArray, PointLps
from dicom_io.read.evidence import PATIENT_SEXES
from dicom_io.read.reading import LoadedSeries

IMAGE_KEYWORDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "ImageType",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
"""What of each source image the report objects refer to or copy; everything else comes from the series header."""

TYPE_2_KEYWORDS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
"""Present in every object, empty when the source does not say (Patient and General Study modules, type 2)."""

ADMISSION_KEYWORDS = ("AdmissionID", "IssuerOfAdmissionIDSequence")
"""Of the Patient Study Module (PS3.3 C.7.2.2), in a group beyond those that are common to all images."""

TRIAL_TYPE_1 = ("ClinicalTrialSponsorName", "ClinicalTrialProtocolID")
TRIAL_TYPE_2 = ("ClinicalTrialProtocolName", "ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialTimePointID")
TRIAL_SUBJECT = ("ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID")
"""Of the Clinical Trial Subject and Study Modules (PS3.3 C.7.1.3, C.7.2.3); of the last two one is required."""

IMAGE_GROUP = 0x0028
"""From this group on, attributes describe one image and its pixels."""


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """One frame of the source: its image, and its 1-based number when the image is multi-frame."""

    image: Dataset
    frame_number: int | None

    @property
    def numbers(self) -> list[int] | None:
        """The frame number as content items take it."""
        return None if self.frame_number is None else [self.frame_number]

    @property
    def image_position(self) -> list[float]:
        """ImagePositionPatient of the frame, in mm."""
        return [float(value) for value in self._plane("PlanePositionSequence").ImagePositionPatient]

    @property
    def pixel_spacing(self) -> list[float]:
        """PixelSpacing of the frame: distance of rows, distance of columns, in mm."""
        return [float(value) for value in self._plane("PixelMeasuresSequence").PixelSpacing]

    @property
    def slice_thickness_mm(self) -> float | None:
        """SliceThickness of the frame in mm, None when the source does not say."""
        thickness = self._plane("PixelMeasuresSequence").get("SliceThickness")
        return None if thickness is None else float(thickness)

    @property
    def rescale(self) -> tuple[float, float]:
        """RescaleSlope and RescaleIntercept of the frame."""
        values = self._plane("PixelValueTransformationSequence")
        return float(values.RescaleSlope), float(values.RescaleIntercept)

    def _plane(self, functional_group: str) -> Dataset:
        """Where the attributes of a plane are: in its own functional groups, in the shared ones, or in the image."""
        if self.frame_number is None:
            return self.image
        own = self.image.PerFrameFunctionalGroupsSequence[self.frame_number - 1]
        for groups in (own, *self.image.get("SharedFunctionalGroupsSequence", ())):
            if functional_group in groups:
                item: Dataset = groups[functional_group].value[0]
                return item
        return self.image


@dataclass(frozen=True, slots=True, eq=False)
class SourceImages:
    """The source images of one volume: `header` is common to all, `images` are those of the evidence, in k order."""

    header: Dataset
    images: tuple[Dataset, ...]
    loaded: LoadedSeries

    def frame(self, k: int) -> SourceFrame:
        """The source frame that shows canonical slice `k`."""
        layout = self.loaded.layout
        image = self.images[layout.instance_of_k[k]]
        is_multi_frame = "PerFrameFunctionalGroupsSequence" in image
        return SourceFrame(image, layout.frame_of_k[k] + 1 if is_multi_frame else None)

    def image_number(self, k: int) -> str | None:
        """The number under which a viewer shows canonical slice `k`: Instance Number, or that of the frame."""
        frame = self.frame(k)
        if frame.frame_number is not None:
            return f"{frame.frame_number}"
        number = self.loaded.evidence.datasets[self.loaded.layout.instance_of_k[k]].get("InstanceNumber")
        return None if number is None else f"{number}"

    def frames(self, slices: Iterable[int]) -> tuple[SourceFrame, ...]:
        """The source frames of canonical slices, in the order given."""
        return tuple(self.frame(k) for k in slices)

    def to_source_planes(self, planes: npt.NDArray[np.uint16], slices: Sequence[int]) -> npt.NDArray[np.uint16]:
        """Canonical planes [n, j, i] of these slices k as source frames [n, row, column]."""
        return np.ascontiguousarray(self.loaded.layout.planes_to_source(planes, slices))

    def to_pixels(self, points: Sequence[PointLps], k: int) -> FloatArray:
        """Positions as image coordinates [n, 2] of (column, row) on the source frame of slice `k`.

        The top left corner of the top left pixel is 0\\0 and its centre 0.5\\0.5 (DICOM PS3.3 C.18.6.1 and
        C.10.5.1.2). The source's own plane attributes are used, so that flips and shifts need no special case.
        """
        frame = self.frame(k)
        transformer = ReferenceToImageTransformer.for_image(frame.image, frame_number=frame.frame_number)
        coordinates: FloatArray = transformer(np.array([point.as_array() for point in points]))[:, :2]
        limits = np.array([frame.image.Columns, frame.image.Rows], dtype=np.float64)
        return np.clip(coordinates, 0.0, limits)


def source_images(loaded: LoadedSeries) -> SourceImages:
    """The source images of a loaded series, with headers that can be copied into new objects."""
    datasets = loaded.evidence.datasets
    header = clean_header(datasets[0], loaded.series.study_uid)
    return SourceImages(header, tuple(image_of(dataset, header) for dataset in datasets), loaded)


def image_numbers(loaded: LoadedSeries) -> tuple[str | None, ...]:
    """The number under which a viewer shows each canonical slice."""
    source = SourceImages(Dataset(), tuple(loaded.evidence.datasets), loaded)
    return tuple(source.image_number(k) for k in range(loaded.volume.grid.shape[0]))


def clean_header(source: Dataset, study_uid: str) -> Dataset:
    """The attributes of `source` that are not of one image, as Unicode, without private, invalid or empty values.

    The text is re-encoded in UTF-8 (ISO_IR 192), which holds every name that any source character set can hold.
    """
    header = Dataset()
    for element in source:
        is_common = element.keyword not in IMAGE_KEYWORDS and element.tag.group < IMAGE_GROUP
        if is_common and not element.tag.is_private and not element.is_empty:
            header.add(_unicode(element))
    for keyword in TYPE_2_KEYWORDS:
        if keyword not in header:
            setattr(header, keyword, None)
    for keyword in ADMISSION_KEYWORDS:
        if keyword in source and not source[keyword].is_empty:
            header.add(_unicode(source[keyword]))
    header.SpecificCharacterSet = "ISO_IR 192"
    header.StudyInstanceUID = study_uid
    header.Modality = "CT"
    _empty_invalid(header)
    _keep_valid_items(header)
    _complete_trial(header)
    return header


def _unicode(element: DataElement) -> DataElement:
    """The element with person names as text, so that they are encoded anew and not by their old character set."""
    if element.VR != "PN":
        return element
    names = element.value if element.VM > 1 else [element.value]
    return DataElement(element.tag, "PN", [str(name) for name in names])


def _empty_invalid(header: Dataset) -> None:
    if header.PatientSex not in PATIENT_SEXES:
        header.PatientSex = None
    for keyword, parse in (("PatientBirthDate", DA), ("StudyDate", DA), ("StudyTime", TM)):
        try:
            parse(header.get(keyword), validation_mode=config.RAISE)
        except ValueError:
            setattr(header, keyword, None)


def _keep_valid_items(header: Dataset) -> None:
    """Leaves items out of codes, issuers and other identifiers that lack what makes them one."""
    for element in [element for element in header if element.VR == "SQ"]:
        sets = next((sets for part, sets in REQUIRED_IN_ITEMS if part in element.keyword), ((),))
        kept = [item for item in element.value if any(all(item.get(key) for key in keys) for keys in sets)]
        if not kept:
            del header[element.tag]
        elif len(kept) < len(element.value):
            element.value = kept


def _complete_trial(header: Dataset) -> None:
    """The modules of a clinical trial whole or not at all."""
    stated = [element.keyword for element in header if element.keyword.startswith("ClinicalTrial")]
    if not stated:
        return
    if all(header.get(keyword) for keyword in TRIAL_TYPE_1) and any(header.get(keyword) for keyword in TRIAL_SUBJECT):
        for keyword in TRIAL_TYPE_2:
            if keyword not in header:
                setattr(header, keyword, None)
    else:
        for keyword in stated:
            delattr(header, keyword)


_CODE = (
    ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"),
    ("LongCodeValue", "CodingSchemeDesignator", "CodeMeaning"),
)
REQUIRED_IN_ITEMS: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    ("CodeSequence", (*_CODE, ("URNCodeValue", "CodeMeaning"))),
    ("IssuerOf", (("LocalNamespaceEntityID",), ("UniversalEntityID", "UniversalEntityIDType"))),
    ("OtherPatientIDsSequence", (("PatientID", "TypeOfPatientID"),)),
)
"""Parts of a sequence's keyword, and the sets of attributes of which an item has one (PS3.3 8.8, 10.14, C.7.1.1)."""


def image_of(source: Dataset, header: Dataset) -> Dataset:
    """What an object may copy of one source image: the common header, and what identifies and places the image."""
    image = Dataset()
    image.update(header)
    for keyword in IMAGE_KEYWORDS:
        if keyword in source and not source[keyword].is_empty:
            image.add(source[keyword])
    return image


def distinct_images(frames: Sequence[SourceFrame]) -> list[Dataset]:
    """The source images of frames, each once, in their order."""
    return list({str(frame.image.SOPInstanceUID): frame.image for frame in frames}.values())
