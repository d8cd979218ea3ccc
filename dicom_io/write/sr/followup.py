"""The comparison with earlier examinations → content items of the report.

A nodule's change stands in its own measurement group, which says which time point it is of (TID 1502). What belongs to
no current nodule has a container of its own at the end, "Previous Findings": each earlier examination with its report
and a group of each nodule's size then, under the tracking UID of now, and the nodules that are gone. There nobody
counts the groups as findings of now, and no viewer looks for their coordinates.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence

from highdicom import UID
from highdicom.sr import (
    CodeContentItem,
    CompositeContentItem,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    DateContentItem,
    ImageContentItem,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    NumContentItem,
    QualitativeEvaluation,
    RelationshipTypeValues,
    TextContentItem,
    TimePointContext,
    TrackingIdentifier,
    UIDRefContentItem,
)
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from cad.domain import (
    ComparedExam,
    PriorScan,
    RegistrationQuality,
    SizeChange,
    VolumeTrend,
    rounded,
)
from cad.report.pictures.followup import shown_in_prior
from cad.report.statements.followup import ChangeStatement, FollowupStatement
from cad.report.words.followup import ComparisonWords
from dicom_io import codes

CONTAINS, PROPERTIES = RelationshipTypeValues.CONTAINS, RelationshipTypeValues.HAS_PROPERTIES


def change_measurements(one: ChangeStatement | None) -> list[Measurement]:
    """The figures of a change for the nodule's group, to the tenth, so that they can be computed again."""
    if one is None:
        return []
    found = [] if one.change is None else list(_change(one.change))
    if one.then is not None:
        found.append(_whole(codes.PRIOR_VOLUME, one.then.volume_mm3, codes.CUBIC_MILLIMETRE))
    return found + ([] if one.trend is None else list(_trend(one.trend)))


def change_evaluations(one: ChangeStatement | None) -> list[QualitativeEvaluation]:
    """What became of the nodule."""
    if one is None:
        return []
    return [QualitativeEvaluation(codes.DIFFERENCE_IN_SIZE, codes.CHANGE_STATUS[one.record.status])]


def comparison_container(statement: FollowupStatement | None, words: ComparisonWords) -> ContainerContentItem | None:
    """The earlier examinations, the change of each nodule in words, and the nodules that are gone."""
    if statement is None:
        return None
    items: list[ContentItem] = [_text(codes.COMMENT, words.overview(statement))]
    items.extend(_exam(exam, statement) for exam in reversed(statement.record.exams))
    items.extend(_gone(one, words) if one.nodule is None else _sentence(one, words) for one in statement.changes)
    return _container(codes.PREVIOUS_FINDINGS, items)


def now(statement: FollowupStatement | None) -> TimePointContext | None:
    """The time point of the current examination among those that were compared; None of one that was not compared."""
    return None if statement is None else _time_point(statement.record.acquired)


def _time_point(acquired: datetime.date) -> TimePointContext:
    """Named by its date, which is its order too: checkers of templates take a Time Point Order for a measurement."""
    return TimePointContext(acquired.isoformat())


def prior_evidence(statement: FollowupStatement | None) -> list[Dataset]:
    """The images and reports of earlier examinations as evidence: identifiers alone, in their own studies."""
    if statement is None:
        return []
    return [dataset for exam in statement.record.exams for dataset in _evidence(exam.scan)]


def _evidence(scan: PriorScan) -> Iterator[Dataset]:
    series = scan.series
    if series.sop_class_uid is not None:
        for uid in series.sop_uids:
            yield _reference(series.sop_class_uid, uid, series.series_uid, series.study_uid)
    for report in scan.reports:
        yield _reference(report.sop_class_uid, report.sop_instance_uid, report.series_uid, report.study_uid)


def _reference(sop_class_uid: str, sop_instance_uid: str, series_uid: str, study_uid: str) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class_uid, sop_instance_uid
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = series_uid, study_uid
    return dataset


def _change(change: SizeChange) -> Iterator[Measurement]:
    yield _whole(codes.VOLUME_CHANGE, change.volume_percent, codes.PERCENT)
    yield from _ends(codes.VOLUME_CHANGE_ENDS, change.volume_percent_interval, codes.PERCENT)
    if change.mass_percent is not None:
        yield _whole(codes.MASS_CHANGE, change.mass_percent, codes.PERCENT)
    yield Measurement(codes.DIAMETER_CHANGE, round(change.mean_diameter_mm, 1) + 0.0, codes.MILLIMETRE)
    if change.doubling_time_days is not None:
        yield _whole(codes.DOUBLING_TIME, change.doubling_time_days, codes.DAY)
        yield from _ends(codes.DOUBLING_TIME_ENDS, change.doubling_time_interval_days, codes.DAY)
    yield _whole(codes.PRIOR_INTERVAL, change.interval_days, codes.DAY)


def _trend(trend: VolumeTrend) -> Iterator[Measurement]:
    """The fit to three or more examinations; a level one has no doubling time."""
    if math.isfinite(trend.doubling_time_days):
        yield _whole(codes.TREND_DOUBLING, trend.doubling_time_days, codes.DAY)
    yield _whole(codes.TREND_POINTS, trend.time_points, codes.NO_UNITS)


def _ends(names: tuple[Code, Code], ends: tuple[float, float] | None, unit: Code) -> Iterator[Measurement]:
    """Both ends of an interval; an infinite one has no item."""
    for name, value in zip(names, ends or (), strict=False):
        if math.isfinite(value):
            yield _whole(name, value, unit)


def _whole(name: Code, value: float, unit: Code) -> Measurement:
    return Measurement(name, rounded(value, 1) + 0.0, unit)


def _exam(exam: ComparedExam, statement: FollowupStatement) -> ContainerContentItem:
    scan, quality = exam.scan, exam.transform.quality
    items: list[ContentItem] = [
        DateContentItem(codes.ACQUISITION_DATE, scan.acquired, CONTAINS),
        NumContentItem(codes.PRIOR_INTERVAL, round(scan.interval_days), codes.DAY, relationship_type=CONTAINS),
        UIDRefContentItem(codes.SERIES_INSTANCE_UID, scan.series.series_uid, CONTAINS),
        _text(codes.REGISTRATION, registration_text(quality)),
    ]
    items.extend(
        CompositeContentItem(codes.PRIOR_REPORT, report.sop_class_uid, report.sop_instance_uid, CONTAINS)
        for report in scan.reports
    )
    if exam is statement.record.latest:
        items.extend(_illustrations(statement))
    container = _container(codes.PRIOR_EXAMINATION, items)
    container.ContentSequence.extend(_sizes_then(exam, statement))
    return container


def _sizes_then(exam: ComparedExam, statement: FollowupStatement) -> Iterator[Dataset]:
    """TID 1501: the size of each nodule that an earlier examination shows, under its tracking UID and name of now."""
    for one in statement.changes:
        for then in one.record.history:
            if then.acquired == exam.scan.acquired:
                group = MeasurementsAndQualitativeEvaluations(
                    tracking_identifier=TrackingIdentifier(UID(one.record.tracking_uid), _label(one)),
                    time_point_context=_time_point(then.acquired),
                    finding_type=codes.NODULE,
                    measurements=[
                        _whole(codes.VOLUME, then.size.volume_mm3, codes.CUBIC_MILLIMETRE),
                        Measurement(
                            codes.DIAMETER,
                            rounded(then.size.mean_diameter_mm, 1),
                            codes.MILLIMETRE,
                            derivation=codes.MEAN,
                        ),
                    ],
                )
                yield group[0]


def _label(one: ChangeStatement) -> str:
    if one.nodule is not None:
        return one.nodule.label
    return "" if one.record.prior is None else one.record.prior.label


def registration_text(quality: RegistrationQuality) -> str:
    """How an earlier examination was brought to the current one, how well, and what is doubtful."""
    residual = "" if quality.residual_mm is None else f", residual {quality.residual_mm:.1f} mm"
    figures = (
        f"{quality.method} registration: similarity {quality.similarity:.2f}, overlap of the lungs "
        f"{quality.overlap:.2f}, folding {quality.folding_fraction:.2%}{residual}."
    )
    return " ".join([f"{figures[0].upper()}{figures[1:]}", *(caution.text for caution in quality.cautions)])


def _illustrations(statement: FollowupStatement) -> Iterator[ContentItem]:
    """The earlier slices that comparison pictures show, each once; of a multi-frame image all would be meant."""
    series = statement.record.latest.scan.series
    if series.sop_class_uid is None or len(series.sop_uids) != series.slices:
        return
    slices = (shown_in_prior(statement.record, one.record) for one in statement.pictured)
    for k in dict.fromkeys(k for k in slices if k is not None):
        yield ImageContentItem(codes.ILLUSTRATION, series.sop_class_uid, series.sop_uids[k], relationship_type=CONTAINS)


def _sentence(one: ChangeStatement, words: ComparisonWords) -> ContentItem:
    return _text(codes.COMMENT, words.change_sentence(one))


def _gone(one: ChangeStatement, words: ComparisonWords) -> ContentItem:
    """A nodule of then that has no group of its own, named by the tracking UID that its earlier report gave it."""
    change = one.record
    item = CodeContentItem(codes.DIFFERENCE_IN_SIZE, codes.CHANGE_STATUS[change.status], CONTAINS)
    parts: list[ContentItem] = [UIDRefContentItem(codes.TRACKING_UNIQUE_IDENTIFIER, change.tracking_uid, PROPERTIES)]
    if change.prior is not None and one.then is not None:
        parts.append(TextContentItem(codes.TRACKING_IDENTIFIER, change.prior.label, PROPERTIES))
        volume = round(one.then.volume_mm3)
        parts.append(NumContentItem(codes.PRIOR_VOLUME, volume, codes.CUBIC_MILLIMETRE, relationship_type=PROPERTIES))
    parts.append(TextContentItem(codes.COMMENT, words.change_sentence(one), PROPERTIES))
    item.ContentSequence = ContentSequence(parts)
    return item


def _text(name: Code, text: str) -> TextContentItem:
    return TextContentItem(name, text, CONTAINS)


def _container(name: Code, items: Sequence[ContentItem]) -> ContainerContentItem:
    container = ContainerContentItem(name, relationship_type=CONTAINS)
    container.ContentSequence = ContentSequence(items)
    return container
