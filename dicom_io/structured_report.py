"""Findings → Comprehensive 3D SR, TID 1500 Measurement Report.

Each nodule has two measurement groups under one Tracking UID, which is also that of its segment. The first, TID 1501,
has the form that web viewers turn into an editable measurement: two axes, each with its line on the source image. The
second, TID 1411, is the full record: the segment, what was measured and by which algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from highdicom import UID
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    CodedConcept,
    Comprehensive3DSR,
    ContainerContentItem,
    ContentSequence,
    CoordinatesForMeasurement,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    GraphicTypeValues,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    ReferencedSegment,
    RelationshipTypeValues,
    SourceImageForRegion,
    SourceSeriesForSegmentation,
    TextContentItem,
    TrackingIdentifier,
    UIDRefContentItem,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dicom_codes
from pydicom.sr.coding import Code

from cad.domain import AxialAxis, Findings, Nodule, NotAssessed
from dicom_io import codes
from dicom_io.encoding import (
    MANUFACTURER,
    MODEL_NAME,
    EncodingContext,
    ObjectKind,
    contributing_equipment,
    object_identity,
    series_and_equipment,
    stamp,
)
from dicom_io.segmentation import algorithm_parameters
from dicom_io.source_images import SourceImages

BIDIRECTIONAL_TRACKING_IDENTIFIER = "Cornerstone3DTools@^0.1.0:Bidirectional"
"""Tells Cornerstone-based viewers (OHIF) which of their tools draws and edits the group."""

ALGORITHM_NAME = "lungcad nodule detection and measurement"

ENGLISH = CodedConcept("en", "RFC5646", "English")
"""Language of the report (CID 5000)."""


def structured_report(
    findings: Findings, segmentation: Dataset | None, source: SourceImages, context: EncodingContext
) -> Dataset:
    """The report of one series: measurement groups per nodule, or the explicit statement that there are none.

    `segmentation` is None exactly when there is no nodule. All source images are evidence; only the key slices are
    referenced from the content, since viewers fetch every referenced image when the study opens.
    """
    evidence = [*source.images, *([] if segmentation is None else [segmentation])]
    identity = object_identity(ObjectKind.REPORT, source.header, context)
    dataset = Comprehensive3DSR(
        evidence=evidence,
        content=_content(findings, segmentation, source, context)[0],
        **series_and_equipment(identity, context),
        is_complete=True,
        contributing_equipment=contributing_equipment(findings.models, context),
    )
    stamp(dataset, context)
    return dataset


def _content(
    findings: Findings, segmentation: Dataset | None, source: SourceImages, context: EncodingContext
) -> ContentSequence:
    if segmentation is None or isinstance(findings.nodules, NotAssessed):
        return _report_without_nodules(findings, source, context)
    groups = [
        group
        for number, nodule in enumerate(findings.nodules, start=1)
        for group in (
            _bidirectional_group(nodule, source),
            _volumetric_group(nodule, _segment_reference(number, segmentation, source), findings, context),
        )
    ]
    return MeasurementReport(
        observation_context=_observation_context(context),
        procedure_reported=codes.CT_PROCEDURE,
        imaging_measurements=groups,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(ENGLISH),
    )


def _observation_context(context: EncodingContext) -> ObservationContext:
    device = DeviceObserverIdentifyingAttributes(
        uid=context.device_uid,
        name=MODEL_NAME,
        manufacturer_name=MANUFACTURER,
        model_name=MODEL_NAME,
        serial_number=context.device_uid,
    )
    return ObservationContext(observer_device_context=ObserverContext(dicom_codes.DCM.Device, device))


def nodule_comment(nodule: Nodule) -> str:
    """One line about a nodule; viewers show it as the label of the measurement."""
    return f"{nodule.label}: {nodule.diameters.mean_mm:.1f} mm {nodule.composition.value}"


def _site(nodule: Nodule) -> FindingSite:
    return FindingSite(codes.LUNG, laterality=codes.LATERALITY[nodule.side])


def _bidirectional_group(nodule: Nodule, source: SourceImages) -> MeasurementsAndQualitativeEvaluations:
    """TID 1501: long and short axis as lines on the source image. Viewers take their order and meanings literally."""
    diameters = nodule.diameters
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(UID(nodule.tracking_uid), BIDIRECTIONAL_TRACKING_IDENTIFIER),
        finding_type=codes.NODULE,
        finding_sites=[_site(nodule)],
        measurements=[
            _axis_measurement(codes.LONG_AXIS, diameters.long_axis, diameters.slice_k, source),
            _axis_measurement(codes.SHORT_AXIS, diameters.short_axis, diameters.slice_k, source),
        ],
    )
    comment = TextContentItem(codes.COMMENT, nodule_comment(nodule), RelationshipTypeValues.CONTAINS)
    group[0].ContentSequence.append(comment)
    return group


def _axis_measurement(name: Code, axis: AxialAxis, slice_k: int, source: SourceImages) -> Measurement:
    frame = source.frame(slice_k)
    image = SourceImageForRegion(frame.image.SOPClassUID, frame.image.SOPInstanceUID, frame.numbers)
    line = CoordinatesForMeasurement(
        GraphicTypeValues.POLYLINE, source.to_pixels([axis.start, axis.end], slice_k).astype(np.float32), image
    )
    return Measurement(name, _tenth(axis.length_mm), codes.MILLIMETRE, referenced_coordinates=[line])


def _segment_reference(number: int, segmentation: Dataset, source: SourceImages) -> ReferencedSegment:
    return ReferencedSegment(
        sop_class_uid=segmentation.SOPClassUID,
        sop_instance_uid=segmentation.SOPInstanceUID,
        segment_number=number,
        source_series=SourceSeriesForSegmentation(source.images[0].SeriesInstanceUID),
    )


def _volumetric_group(
    nodule: Nodule, segment: ReferencedSegment, findings: Findings, context: EncodingContext
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    """TID 1411: the segment and all measurements; the algorithm is named once, on the group."""
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(UID(nodule.tracking_uid), nodule.label),
        referenced_segment=segment,
        finding_type=codes.NODULE,
        finding_sites=[_site(nodule)],
        algorithm_id=_algorithm(findings, context),
        measurements=_volumetric_measurements(nodule),
        qualitative_evaluations=[QualitativeEvaluation(codes.TEXTURE, codes.COMPOSITION[nodule.composition])],
    )


def _algorithm(findings: Findings, context: EncodingContext) -> AlgorithmIdentification:
    return AlgorithmIdentification(
        name=ALGORITHM_NAME,
        version=context.software_version,
        parameters=[f"{key}={value}" for key, value in algorithm_parameters(findings).items()],
    )


def _volumetric_measurements(nodule: Nodule) -> list[Measurement]:
    diameters = nodule.diameters
    return [
        Measurement(codes.VOLUME, _tenth(nodule.volume_mm3), codes.CUBIC_MILLIMETRE),
        Measurement(codes.LONG_AXIS, _tenth(diameters.long_axis_mm), codes.MILLIMETRE),
        Measurement(codes.SHORT_AXIS, _tenth(diameters.short_axis_mm), codes.MILLIMETRE),
        Measurement(codes.DIAMETER, _tenth(diameters.mean_mm), codes.MILLIMETRE, derivation=codes.MEAN),
        Measurement(codes.MEAN_ATTENUATION, _tenth(nodule.mean_hu), codes.HOUNSFIELD_UNIT),
        Measurement(codes.MASS, _tenth(nodule.mass_mg), codes.MILLIGRAM),
        Measurement(codes.CERTAINTY_OF_FINDING, _tenth(nodule.score * 100), codes.PERCENT),
    ]


def _tenth(value: float) -> float:
    """Rounded to the tenth, which the guidelines ask of diameters and which no other value here exceeds in meaning."""
    return round(float(value), 1)


def _report_without_nodules(findings: Findings, source: SourceImages, context: EncodingContext) -> ContentSequence:
    """TID 1500 without measurements (row 12): the series that was read, and what was or was not found in it."""
    root = ContainerContentItem(dicom_codes.cid7021.ImagingMeasurementReport, template_id="1500")
    root.ContentSequence = ContentSequence()
    root.ContentSequence.extend(LanguageOfContentItemAndDescendants(ENGLISH))
    root.ContentSequence.extend(_observation_context(context))
    procedure = CodeContentItem(
        dicom_codes.DCM.ProcedureReported, codes.CT_PROCEDURE, RelationshipTypeValues.HAS_CONCEPT_MOD
    )
    root.ContentSequence.append(procedure)
    evaluations = ContainerContentItem(codes.QUALITATIVE_EVALUATIONS, relationship_type=RelationshipTypeValues.CONTAINS)
    evaluations.ContentSequence = ContentSequence(_evaluations(findings, source))
    root.ContentSequence.append(evaluations)
    return ContentSequence([root], is_root=True)


def _evaluations(
    findings: Findings, source: SourceImages
) -> Sequence[CodeContentItem | TextContentItem | UIDRefContentItem]:
    answer = codes.NOT_PERFORMED if isinstance(findings.nodules, NotAssessed) else codes.ABSENT
    series_uid = source.images[0].SeriesInstanceUID
    return [
        CodeContentItem(codes.NODULE, answer, RelationshipTypeValues.CONTAINS),
        TextContentItem(codes.COMMENT, statement_without_nodules(findings, source), RelationshipTypeValues.CONTAINS),
        UIDRefContentItem(codes.SERIES_INSTANCE_UID, series_uid, RelationshipTypeValues.CONTAINS),
    ]


def statement_without_nodules(findings: Findings, source: SourceImages) -> str:
    """The sentence of a report without nodules: which series was processed, and with what result."""
    number, description = source.header.get("SeriesNumber"), source.header.get("SeriesDescription")
    name = "Series" + (f" {number}" if number is not None else "") + (f" ({description})" if description else "")
    slices = f"{source.loaded.series.slices} slices"
    if isinstance(findings.nodules, NotAssessed):
        return f"{name}, {slices}, was processed. Nodules were not assessed: {findings.nodules.reason.value}."
    return f"{name}, {slices}, was processed by automatic nodule detection. No nodule was detected."
