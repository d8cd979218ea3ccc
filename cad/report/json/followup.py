"""The comparison with earlier examinations → `followup` of findings.json. What is not known is null."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cad.domain import (
    ComparedExam,
    Nodule,
    NoduleChange,
    PointLps,
    PriorNodule,
    SizeChange,
    SizeThen,
    VolumeTrend,
)
from cad.report.json.nodules import Document, point_document
from cad.report.statements.followup import FollowupStatement

CHANGE = (
    "volume_change_percent",
    "volume_change_interval_percent",
    "mass_change_percent",
    "doubling_time_days",
    "doubling_time_interval_days",
    "by_protocol",
    "mean_diameter_change_mm",
)


def followup_document(statement: FollowupStatement) -> Document:
    """The comparison with the latest earlier examination; `priors` lists all, oldest first."""
    followup = statement.record
    latest = followup.latest
    return {
        "prior_study_uid": latest.scan.series.study_uid,
        "prior_series_uid": latest.scan.series.series_uid,
        "prior_acquired": latest.scan.acquired.isoformat(),
        "acquired": followup.acquired.isoformat(),
        "interval_days": round(latest.scan.interval_days, 2),
        "nodules_source": latest.source.value,
        "registration": _registration(latest),
        "nodules": [_change(one.record, one.nodule) for one in statement.changes],
        "priors": [_exam(exam) for exam in followup.exams],
    }


def _exam(exam: ComparedExam) -> Document:
    scan = exam.scan
    return {
        "study_uid": scan.series.study_uid,
        "series_uid": scan.series.series_uid,
        "acquired": scan.acquired.isoformat(),
        "interval_days": round(scan.interval_days, 2),
        "nodules_source": exam.source.value,
        "registration": _registration(exam),
    }


def _registration(exam: ComparedExam) -> Document:
    """`mean_tre_estimate_mm` is the distance that remains between vessels; errors along a vessel are not in it."""
    quality = exam.transform.quality
    residual = _rounded(quality.residual_mm, 2)
    return {
        "mean_tre_estimate_mm": residual,
        "seconds": _rounded(exam.seconds, 2),
        "method": quality.method,
        "similarity": _rounded(quality.similarity, 3),
        "overlap": _rounded(quality.overlap, 3),
        "seen_fraction": _rounded(quality.seen_fraction, 3),
        "folding_fraction": _rounded(quality.folding_fraction, 6),
        "residual_mm": residual,
    }


def _change(change: NoduleChange, current: Nodule | None) -> Document:
    prior = change.prior
    return {
        "tracking_uid": change.tracking_uid,
        "status": change.status.value,
        "label": None if current is None else current.label,
        **_prior(prior),
        **(dict.fromkeys(CHANGE) if change.change is None else _figures(change.change)),
        "place_in_current_lps_mm": _point(change.place_in_current),
        "place_in_prior_lps_mm": _point(change.place_in_prior),
        "trend": None if change.trend is None else _trend(change.trend),
        "history": [_entry(entry) for entry in change.history],
        "parts": list(change.parts),
        "searched_again": change.searched_again,
    }


def _prior(prior: PriorNodule | None) -> Document:
    if prior is None:
        names = ("prior_tracking_uid", "prior_label", "prior_volume_mm3", "prior_mean_diameter_mm")
        return dict.fromkeys((*names, "prior_centre_lps_mm"))
    return {
        "prior_tracking_uid": prior.tracking_uid,
        "prior_label": prior.label,
        "prior_volume_mm3": round(prior.volume_mm3, 1),
        "prior_mean_diameter_mm": round(prior.size.axes.mean_mm, 2),
        "prior_centre_lps_mm": point_document(prior.centre),
    }


def _figures(change: SizeChange) -> Document:
    return {
        "volume_change_percent": round(change.volume_percent, 1),
        "volume_change_interval_percent": _interval(change.volume_percent_interval),
        "mass_change_percent": _rounded(change.mass_percent, 1),
        "doubling_time_days": _rounded(change.doubling_time_days, 1),
        "doubling_time_interval_days": _interval(change.doubling_time_interval_days),
        "by_protocol": change.by_protocol,
        "mean_diameter_change_mm": round(change.mean_diameter_mm, 2),
    }


def _trend(trend: VolumeTrend) -> Document:
    """A doubling time of null is that of a level course."""
    return {
        "time_points": trend.time_points,
        "doubling_time_days": _rounded(trend.doubling_time_days, 1),
        "spread": round(trend.spread, 4),
    }


def _entry(entry: SizeThen) -> Document:
    size = entry.size
    return {
        "acquired": entry.acquired.isoformat(),
        "days": round(size.days, 2),
        "volume_mm3": round(size.volume_mm3, 1),
        "volume_interval_mm3": _interval(size.volume_interval_mm3),
        "mean_diameter_mm": round(size.mean_diameter_mm, 2),
        "mass_mg": round(size.mass_mg, 1) if size.mass_mg > 0 else None,
        "centre_lps_mm": point_document(entry.centre),
    }


def _point(point: PointLps | None) -> Sequence[float] | None:
    return None if point is None else point_document(point)


def _interval(interval: tuple[float, float] | None) -> list[float | None] | None:
    """Both ends; null for one that is infinite."""
    return None if interval is None else [_rounded(value, 1) for value in interval]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)
