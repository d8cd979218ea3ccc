"""Statements → Comprehensive 3D SR, TID 1500 Measurement Report.

Each nodule has one measurement group (TID 1411), whose Tracking UID is also that of its segment: the segment, what was
measured and by which algorithm, both axes first, each with its line on the source image. Groups of calcium follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from highdicom import UID
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    CodedConcept,
    Comprehensive3DSR,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    LanguageOfContentItemAndDescendants,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    ReferencedSegment,
    RelationshipTypeValues,
    SourceSeriesForSegmentation,
    TextContentItem,
    TrackingIdentifier,
    UIDRefContentItem,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dicom_codes

from cad.domain import ModelIdentity
from cad.policy import LIMITING
from cad.report.statements import Statements
from cad.report.statements.followup import ChangeStatement
from cad.report.words.followup import ComparisonWords
from cad.report.words.languages import LanguageWords, words_of
from cad.report.words.pictures import PictureWords
from dicom_io import codes
from dicom_io.write.identity import (
    MANUFACTURER,
    MODEL_NAME,
    EncodingContext,
    ObjectIdentity,
    ObjectKind,
    contributing_equipment,
    object_identity,
    series_and_equipment,
    stamp,
)
from dicom_io.write.key_images import why_no_nodules
from dicom_io.write.seg import algorithm_parameters
from dicom_io.write.segments import CALCIUM_ALGORITHM
from dicom_io.write.source_images import SourceImages
from dicom_io.write.sr.calcium import calcium_groups, calcium_items
from dicom_io.write.sr.followup import (
    change_evaluations,
    change_measurements,
    comparison_container,
    now,
    prior_evidence,
)
from dicom_io.write.sr.guidelines import guideline_items
from dicom_io.write.sr.image_library import image_library
from dicom_io.write.sr.nodules import draw_axes, finding_site, qualitative_evaluations, volumetric_measurements
from dicom_io.write.sr.orders import name_orders

ALGORITHM_NAME = "lungcad nodule detection and measurement"

Group = MeasurementsAndQualitativeEvaluations | VolumetricROIMeasurementsAndQualitativeEvaluations


def structured_report(
    statements: Statements, segmentation: Dataset | None, source: SourceImages, context: EncodingContext
) -> Dataset:
    """The report of one series: measurement groups per nodule, or the explicit statement that there are none; calcium.

    `segmentation` is None exactly when there is neither nodule nor calcium. All source images are evidence, and those
    of earlier examinations; only the key slices are referenced from the content, since viewers fetch every referenced
    image when the study opens.
    """
    own = [*source.images, *([] if segmentation is None else [segmentation])]
    evidence = [*own, *prior_evidence(statements.followup)]
    identity = object_identity(ObjectKind.REPORT, source.header, context)
    content = _content(statements, segmentation, source, context)
    report = document_of(evidence, content, identity, statements.models, context)
    name_orders(report, source.loaded.evidence.datasets[0])
    return report


def document_of(
    evidence: Sequence[Dataset],
    content: ContentSequence,
    identity: ObjectIdentity,
    models: tuple[ModelIdentity, ...],
    context: EncodingContext,
) -> Dataset:
    """A complete Comprehensive 3D SR with this content, whose private codes are said to be ours."""
    dataset = Comprehensive3DSR(
        evidence=evidence,
        content=content[0],
        **series_and_equipment(identity, context),
        is_complete=True,
        contributing_equipment=contributing_equipment(models, context),
    )
    dataset.CodingSchemeIdentificationSequence = [_own_scheme()]
    _named_in_every_container(dataset)
    stamp(dataset, context)
    return dataset


def _named_in_every_container(item: Dataset) -> None:
    """Renderers then print the name of every item of a container, which they leave out of continuous text."""
    if item.get("ValueType") == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    for child in item.get("ContentSequence", ()):
        _named_in_every_container(child)


def _own_scheme() -> Dataset:
    """Says whose the private codes are (PS3.3 C.12.1)."""
    item = Dataset()
    item.CodingSchemeDesignator = codes.OWN_SCHEME
    item.CodingSchemeName = codes.OWN_SCHEME_NAME
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    return item


def _content(
    statements: Statements, segmentation: Dataset | None, source: SourceImages, context: EncodingContext
) -> ContentSequence:
    words = words_of(context.form.language)
    groups = [
        *_nodule_groups(statements, segmentation, source, context),
        *calcium_groups(statements.calcium, source, _algorithm(CALCIUM_ALGORITHM, statements, context)),
    ]
    items = [
        *([] if statements.found else _evaluations(statements, source, words.pictures)),
        *_limit_items(statements, words),
        *guideline_items(statements.guidelines, words.guidelines),
        *calcium_items(statements, words.calcium),
        TextContentItem(codes.COMMENT, words.pictures.LABELS.research_use, RelationshipTypeValues.CONTAINS),
    ]
    report = _report_with(groups, items, context) if groups else report_without_groups(items, context)
    _add_library(report[0], statements, source)
    _append_comparison(report[0], statements, words.followup)
    return report


def _add_library(root: Dataset, statements: Statements, source: SourceImages) -> None:
    """Before the first container; without a nodule it holds the middle image, as TID 1601 asks for one at least."""
    slices = [one.nodule.diameters.slice_k for one in statements.found] or [source.loaded.volume.grid.shape[0] // 2]
    first = next(n for n, item in enumerate(root.ContentSequence) if item.ValueType == "CONTAINER")
    root.ContentSequence.insert(first, image_library(source, slices))


def _limit_items(statements: Statements, words: LanguageWords) -> Iterator[ContentItem]:
    """What kept the search for nodules from being what is promised, sentence by sentence."""
    if statements.is_search_limited:
        for caution in statements.cautions:
            if caution.code in LIMITING:
                yield TextContentItem(codes.COMMENT, words.nodules.caution(caution), RelationshipTypeValues.CONTAINS)


def _report_with(groups: Sequence[Group], items: Sequence[ContentItem], context: EncodingContext) -> ContentSequence:
    """TID 1500 with measurements."""
    report = MeasurementReport(
        observation_context=_observation_context(context),
        procedure_reported=codes.CT_PROCEDURE,
        imaging_measurements=groups,
        language_of_content_item_and_descendants=_language(context),
    )
    if items:
        report[0].ContentSequence.append(_qualitative_evaluations(items))
    return report


def _append_comparison(root: Dataset, statements: Statements, words: ComparisonWords) -> None:
    container = comparison_container(statements.followup, words)
    if container is not None:
        root.ContentSequence.append(container)


def _nodule_groups(
    statements: Statements, segmentation: Dataset | None, source: SourceImages, context: EncodingContext
) -> Iterator[Group]:
    """One group for each nodule; the n-th one is segment n."""
    if segmentation is None:
        return
    for number in range(1, len(statements.found) + 1):
        segment = _segment_reference(number, segmentation, source)
        group = _nodule_group(number, segment, statements, context)
        draw_axes(group[0], statements.found[number - 1].nodule, source)
        group[0].ContentSequence.append(_label(number, statements, words_of(context.form.language).pictures))
        yield group


def _label(number: int, statements: Statements, words: PictureWords) -> TextContentItem:
    """What viewers show beside the n-th nodule."""
    text = words.beside(statements.found[number - 1].nodule, words.change(_change(statements, number)))
    return TextContentItem(codes.COMMENT, text, RelationshipTypeValues.CONTAINS)


def _change(statements: Statements, number: int) -> ChangeStatement | None:
    """What became of the n-th nodule (from 1); None when it was not compared."""
    return None if statements.followup is None else statements.followup.change_of(number - 1)


def _qualitative_evaluations(items: Sequence[ContentItem]) -> ContainerContentItem:
    container = ContainerContentItem(codes.QUALITATIVE_EVALUATIONS, relationship_type=RelationshipTypeValues.CONTAINS)
    container.ContentSequence = ContentSequence(items)
    return container


def _language(context: EncodingContext) -> LanguageOfContentItemAndDescendants:
    """The language of the texts (CID 5000); the meanings of codes stay English."""
    value, meaning = words_of(context.form.language).pictures.LABELS.language
    return LanguageOfContentItemAndDescendants(CodedConcept(value, "RFC5646", meaning))


def _observation_context(context: EncodingContext) -> ObservationContext:
    return ObservationContext(observer_device_context=device_observer(context))


def device_observer(context: EncodingContext) -> ObserverContext:
    """The software as the observer (TID 1002, TID 1004)."""
    device = DeviceObserverIdentifyingAttributes(
        uid=context.device_uid,
        name=MODEL_NAME,
        manufacturer_name=MANUFACTURER,
        model_name=MODEL_NAME,
        serial_number=context.device_uid,
    )
    return ObserverContext(dicom_codes.DCM.Device, device)


def _segment_reference(number: int, segmentation: Dataset, source: SourceImages) -> ReferencedSegment:
    return ReferencedSegment(
        sop_class_uid=segmentation.SOPClassUID,
        sop_instance_uid=segmentation.SOPInstanceUID,
        segment_number=number,
        source_series=SourceSeriesForSegmentation(source.images[0].SeriesInstanceUID),
    )


def _nodule_group(
    number: int, segment: ReferencedSegment, statements: Statements, context: EncodingContext
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    """TID 1411: the segment and all measurements of the n-th nodule; the algorithm is named once, on the group."""
    one, change = statements.found[number - 1], _change(statements, number)
    nodule = one.nodule
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(UID(nodule.tracking_uid), context.form.lesion_names.of(nodule.label)),
        referenced_segment=segment,
        time_point_context=now(statements.followup),
        finding_type=codes.NODULE,
        finding_sites=[finding_site(nodule)],
        algorithm_id=_algorithm(ALGORITHM_NAME, statements, context),
        measurements=[*volumetric_measurements(one), *change_measurements(change)],
        qualitative_evaluations=[*qualitative_evaluations(one), *change_evaluations(change)],
    )


def _algorithm(name: str, statements: Statements, context: EncodingContext) -> AlgorithmIdentification:
    return AlgorithmIdentification(
        name=name,
        version=context.software_version,
        parameters=[f"{key}={value}" for key, value in algorithm_parameters(statements, name).items()],
    )


def report_without_groups(items: Sequence[ContentItem], context: EncodingContext) -> ContentSequence:
    """TID 1500 without measurements (row 12): the series that was read, and what was or was not found in it."""
    root = ContainerContentItem(dicom_codes.cid7021.ImagingMeasurementReport, template_id="1500")
    root.ContentSequence = ContentSequence()
    root.ContentSequence.extend(_language(context))
    root.ContentSequence.extend(_observation_context(context))
    procedure = CodeContentItem(
        dicom_codes.DCM.ProcedureReported, codes.CT_PROCEDURE, RelationshipTypeValues.HAS_CONCEPT_MOD
    )
    root.ContentSequence.append(procedure)
    root.ContentSequence.append(_qualitative_evaluations(items))
    return ContentSequence([root], is_root=True)


def _evaluations(statements: Statements, source: SourceImages, words: PictureWords) -> Sequence[ContentItem]:
    answer = codes.NOT_PERFORMED if statements.nodules is None else codes.ABSENT
    series_uid = source.images[0].SeriesInstanceUID
    return [
        CodeContentItem(codes.NODULE, answer, RelationshipTypeValues.CONTAINS),
        TextContentItem(
            codes.COMMENT, statement_without_nodules(statements, source, words), RelationshipTypeValues.CONTAINS
        ),
        UIDRefContentItem(codes.SERIES_INSTANCE_UID, series_uid, RelationshipTypeValues.CONTAINS),
    ]


def statement_without_nodules(statements: Statements, source: SourceImages, words: PictureWords) -> str:
    """The sentence of a report without nodules: which series was processed, and with what result."""
    number, description = source.header.get("SeriesNumber"), source.header.get("SeriesDescription")
    series = words.LABELS.whole_series.format(
        number="" if number is None else f" {number}",
        description=f" ({description})" if description else "",
        slices=source.loaded.series.slices,
    )
    if statements.nodules is None:
        return words.LABELS.nodules_not_assessed.format(series, why_no_nodules(statements, words))
    return words.LABELS.nothing_found.format(series)
