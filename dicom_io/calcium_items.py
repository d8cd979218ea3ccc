"""Coronary calcium → its measurement groups (TID 1501) and the items of a report's qualitative evaluations.

One group holds the total, one each artery, also those without calcium, and one each other site that has any. A group
and the segment of its site have one Tracking UID. What was not assessed has no group, and its reason as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from highdicom import UID
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ContentItem,
    FindingSite,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.sr.coding import Code

from cad.domain import (
    CalciumNotAssessed,
    CalciumScore,
    NotAssessedReason,
    OtherCalcium,
    SiteScore,
)
from dicom_io import codes
from dicom_io.segments import Site, calcium_label, calcium_tracking_uid, site_code

CONTAINS = RelationshipTypeValues.CONTAINS

TOTAL_LABEL = "Coronary calcium"
"""Tracking identifier of the total."""


def calcium_groups(
    calcium: CalciumScore | CalciumNotAssessed, series_uid: str, algorithm: AlgorithmIdentification
) -> list[MeasurementsAndQualitativeEvaluations]:
    """The group of the total and one for each site; none when calcium was not scored."""
    if isinstance(calcium, CalciumNotAssessed):
        return []
    sites: list[tuple[Site, SiteScore]] = [*calcium.arteries, *calcium.other]
    return [
        _total(calcium, series_uid, algorithm),
        *(_of_site(site, score, calcium, series_uid, algorithm) for site, score in sites),
    ]


def calcium_items(calcium: CalciumScore | CalciumNotAssessed) -> Iterator[ContentItem]:
    """What is said beside the numbers: that it is an estimate, its rules, caveats and advice; or why there is none.

    Nothing when calcium was not asked for.
    """
    if isinstance(calcium, CalciumNotAssessed):
        if calcium.reason is not NotAssessedReason.NOT_REQUESTED:
            yield from _not_assessed(calcium)
        return
    yield CodeContentItem(codes.CALCIUM_ESTIMATE, codes.NON_GATED_ESTIMATE, CONTAINS)
    for category in calcium.categories:
        yield TextContentItem(codes.CALCIUM_CATEGORY, f"{category.scheme}: {category.value}", CONTAINS)
    yield CodeContentItem(codes.CRITICAL_RESULT, codes.PRESENT if calcium.critical else codes.ABSENT, CONTAINS)
    yield TextContentItem(codes.RECOMMENDATION, calcium.advice, CONTAINS)
    yield TextContentItem(codes.CALCIUM_VARIANT, calcium.variant, CONTAINS)
    for caveat in calcium.caveats:
        yield TextContentItem(codes.CALCIUM_CAVEAT, caveat.text, CONTAINS)


def _not_assessed(calcium: CalciumNotAssessed) -> Iterator[ContentItem]:
    facts = "; ".join(f"{name} = {value:g}" for name, value in calcium.facts)
    yield CodeContentItem(codes.CORONARY_CALCIUM_SCORE, codes.NOT_PERFORMED, CONTAINS)
    reason = f"{calcium.reason.value}: {calcium.text}" + (f" ({facts})" if facts else "")
    yield TextContentItem(codes.REASON_NOT_ASSESSED, reason, CONTAINS)


def _total(
    calcium: CalciumScore, series_uid: str, algorithm: AlgorithmIdentification
) -> MeasurementsAndQualitativeEvaluations:
    lesions = sum(score.lesions for _, score in calcium.arteries)
    total = SiteScore(calcium.agatston, calcium.volume_mm3, lesions)
    critical = codes.PRESENT if calcium.critical else codes.ABSENT
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(UID(calcium_tracking_uid(series_uid, None)), TOTAL_LABEL),
        finding_type=codes.CALCIFICATION,
        finding_sites=[FindingSite(codes.CORONARY_ARTERY)],
        algorithm_id=algorithm,
        measurements=[
            *_scores(codes.CORONARY_CALCIUM_SCORE, total),
            Measurement(codes.CALCIFIED_ARTERIES, calcium.vessels, codes.NO_UNITS),
            Measurement(codes.AGATSTON_THRESHOLD, _tenth(calcium.threshold_hu), codes.HOUNSFIELD_UNIT),
        ],
        qualitative_evaluations=[
            *(
                QualitativeEvaluation(codes.CALCIUM_CATEGORY, codes.calcium_category(one.scheme, one.value))
                for one in calcium.categories
            ),
            QualitativeEvaluation(codes.CALCIUM_ESTIMATE, codes.NON_GATED_ESTIMATE),
            QualitativeEvaluation(codes.CRITICAL_RESULT, critical),
        ],
    )


def _of_site(
    site: Site, score: SiteScore, calcium: CalciumScore, series_uid: str, algorithm: AlgorithmIdentification
) -> MeasurementsAndQualitativeEvaluations:
    """Coronary sites under the name of the coronary score, the others under that of any calcium."""
    name = codes.CALCIUM_SCORE if isinstance(site, OtherCalcium) else codes.CORONARY_CALCIUM_SCORE
    certainties = [lesion.certainty for lesion in calcium.lesions if lesion.site is site]
    certainty = (
        [Measurement(codes.SITE_CERTAINTY, _tenth(min(certainties) * 100), codes.PERCENT)] if certainties else []
    )
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(UID(calcium_tracking_uid(series_uid, site)), calcium_label(site)),
        finding_type=codes.CALCIFICATION,
        finding_sites=[FindingSite(site_code(site))],
        algorithm_id=algorithm,
        measurements=[*_scores(name, score), *certainty],
        qualitative_evaluations=[QualitativeEvaluation(codes.CALCIUM_ESTIMATE, codes.NON_GATED_ESTIMATE)],
    )


def _scores(name: Code, score: SiteScore) -> Sequence[Measurement]:
    return (
        Measurement(name, _tenth(score.agatston), codes.SCORE, method=codes.AGATSTON_METHOD),
        Measurement(name, _tenth(score.volume_mm3), codes.CUBIC_MILLIMETRE, method=codes.VOLUME_METHOD),
        Measurement(codes.CALCIFIED_LESIONS, score.lesions, codes.NO_UNITS),
    )


def _tenth(value: float) -> float:
    return round(float(value), 1)
