"""Coronary calcium → its measurement groups (TID 1501) and the items of a report's qualitative evaluations.

One group holds the total and the score of all four arteries, also of those without calcium; one each named site that
has any follows. A group and the segment of its site have one Tracking UID. What was not assessed has a reason as text.

The first number of a group has its places on the images: the outline of each lesion that it is the sum of, or of the
heart that was searched where it is the sum of none. Web viewers (OHIF 3.13) give up a whole report in which a group has
no place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from highdicom import UID
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ContentItem,
    CoordinatesForMeasurement,
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
    Artery,
    CalcifiedLesion,
    CalciumSite,
    NoduleMask,
    NotAssessed,
    OtherCalcium,
    SiteScore,
)
from cad.report.statements import Statements, Subject
from cad.report.statements.calcium import CalciumStatement
from cad.report.words.calcium import CalciumWords
from dicom_io import codes
from dicom_io.write.outlines import contours_of
from dicom_io.write.segments import calcium_label, calcium_tracking_uid, site_code
from dicom_io.write.source_images import SourceImages
from dicom_io.write.sr.lines import line_on

CONTAINS = RelationshipTypeValues.CONTAINS

NAMED = frozenset((*Artery, *OtherCalcium)) - {OtherCalcium.OTHER}
"""Sites whose calcium is reported."""

TOTAL_LABEL = "Coronary calcium"
"""Tracking identifier of the total."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scoring:
    """A score, the images it is of, and what computed it."""

    statement: CalciumStatement
    source: SourceImages
    algorithm: AlgorithmIdentification

    def tracked(self, site: CalciumSite | None, label: str) -> TrackingIdentifier:
        """The name of a site's group; None is the total."""
        return TrackingIdentifier(UID(calcium_tracking_uid(self.source.loaded.series.series_uid, site)), label)


def calcium_groups(
    statement: CalciumStatement | None, source: SourceImages, algorithm: AlgorithmIdentification
) -> list[MeasurementsAndQualitativeEvaluations]:
    """The group of the total and one for each named site with lesions; none when calcium was not scored.

    What is neither coronary nor of aorta or valves, such as lymph nodes and bone, has no score that means anything.
    """
    if statement is None:
        return []
    scoring = _Scoring(statement, source, algorithm)
    return [
        _total(scoring),
        *(_of_site(site, score, scoring) for site, score in statement.sites if score.lesions and site in NAMED),
    ]


def calcium_items(statements: Statements, words: CalciumWords) -> Iterator[ContentItem]:
    """What is said beside the numbers: that it is an estimate, its rules, caveats and advice; or why there is none.

    Nothing when calcium was not asked for.
    """
    if statements.calcium is None:
        if statements.mentions_calcium:
            yield from _not_assessed(statements.missing[Subject.CALCIUM])
        return
    calcium = statements.calcium.score
    yield CodeContentItem(codes.CALCIUM_ESTIMATE, codes.NON_GATED_ESTIMATE, CONTAINS)
    for category in calcium.categories:
        yield TextContentItem(codes.CALCIUM_CATEGORY, f"{category.scheme}: {category.value}", CONTAINS)
    yield CodeContentItem(codes.VERY_HIGH, codes.PRESENT if calcium.very_high else codes.ABSENT, CONTAINS)
    yield TextContentItem(codes.RECOMMENDATION, words.advice(calcium), CONTAINS)
    yield TextContentItem(codes.CALCIUM_VARIANT, words.variant(calcium), CONTAINS)
    for caveat in calcium.caveats:
        yield TextContentItem(codes.CALCIUM_CAVEAT, caveat.text, CONTAINS)


def _not_assessed(why: NotAssessed) -> Iterator[ContentItem]:
    facts = "; ".join(f"{name} = {value:g}" for name, value in why.facts)
    yield CodeContentItem(codes.CORONARY_CALCIUM_SCORE, codes.NOT_PERFORMED, CONTAINS)
    reason = f"{why.reason.value}: {why.text}" + (f" ({facts})" if facts else "")
    yield TextContentItem(codes.REASON_NOT_ASSESSED, reason, CONTAINS)


def _total(scoring: _Scoring) -> MeasurementsAndQualitativeEvaluations:
    calcium = scoring.statement.score
    lesions = [lesion for lesion in calcium.lesions if isinstance(lesion.site, Artery)]
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=scoring.tracked(None, TOTAL_LABEL),
        finding_type=codes.CALCIFICATION,
        finding_sites=[FindingSite(codes.CORONARY_ARTERY)],
        algorithm_id=scoring.algorithm,
        measurements=[
            *_scores(codes.CORONARY_CALCIUM_SCORE, scoring.statement.total, _places(lesions, scoring)),
            Measurement(codes.CALCIFIED_ARTERIES, calcium.vessels, codes.NO_UNITS),
            Measurement(codes.AGATSTON_THRESHOLD, _tenth(calcium.threshold_hu), codes.HOUNSFIELD_UNIT),
            *(_of_artery(artery, one) for artery, one in calcium.arteries),
        ],
        qualitative_evaluations=[
            *(
                QualitativeEvaluation(codes.CALCIUM_CATEGORY, codes.calcium_category(one.scheme, one.value))
                for one in calcium.categories
            ),
            QualitativeEvaluation(codes.CALCIUM_ESTIMATE, codes.NON_GATED_ESTIMATE),
            QualitativeEvaluation(codes.VERY_HIGH, codes.PRESENT if calcium.very_high else codes.ABSENT),
        ],
    )


def _of_artery(artery: Artery, score: SiteScore) -> Measurement:
    """The Agatston score of one artery among the others, with its site."""
    return Measurement(
        codes.CORONARY_CALCIUM_SCORE,
        _tenth(score.agatston),
        codes.SCORE,
        method=codes.AGATSTON_METHOD,
        finding_sites=[FindingSite(codes.ARTERY[artery])],
    )


def _of_site(site: CalciumSite, score: SiteScore, scoring: _Scoring) -> MeasurementsAndQualitativeEvaluations:
    """Coronary sites under the name of the coronary score, the others under that of any calcium."""
    name = codes.CALCIUM_SCORE if isinstance(site, OtherCalcium) else codes.CORONARY_CALCIUM_SCORE
    lesions = [lesion for lesion in scoring.statement.score.lesions if lesion.site is site]
    certainty = min(lesion.certainty for lesion in lesions)
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=scoring.tracked(site, calcium_label(site)),
        finding_type=codes.CALCIFICATION,
        finding_sites=[FindingSite(site_code(site))],
        algorithm_id=scoring.algorithm,
        measurements=[
            *_scores(name, score, _places(lesions, scoring)),
            Measurement(codes.SITE_CERTAINTY, _tenth(certainty * 100), codes.PERCENT),
        ],
        qualitative_evaluations=[QualitativeEvaluation(codes.CALCIUM_ESTIMATE, codes.NON_GATED_ESTIMATE)],
    )


def _scores(name: Code, score: SiteScore, places: Sequence[CoordinatesForMeasurement]) -> Sequence[Measurement]:
    agatston, volume = _tenth(score.agatston), _tenth(score.volume_mm3)
    return (
        Measurement(name, agatston, codes.SCORE, method=codes.AGATSTON_METHOD, referenced_coordinates=places),
        Measurement(name, volume, codes.CUBIC_MILLIMETRE, method=codes.VOLUME_METHOD),
        Measurement(codes.CALCIFIED_LESIONS, score.lesions, codes.NO_UNITS),
    )


def _places(lesions: Sequence[CalcifiedLesion], scoring: _Scoring) -> list[CoordinatesForMeasurement]:
    """The outline of each lesion in its largest slice, the largest first; without any that of the heart, likewise."""
    masks = sorted((lesion.mask for lesion in lesions), key=lambda mask: -mask.voxel_count)
    return [_outline(mask, scoring.source) for mask in masks or [scoring.statement.score.searched]]


def _outline(mask: NoduleMask, source: SourceImages) -> CoordinatesForMeasurement:
    k = mask.offset[0] + int(np.argmax(np.count_nonzero(mask.voxels, axis=(1, 2))))
    return line_on(source, max(contours_of(mask, k, smooth=False), key=len), k)


def _tenth(value: float) -> float:
    return round(float(value), 1)
