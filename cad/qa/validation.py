"""A batch of read scans against their references: detection, volumes, coronary calcium and follow-up, in figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from cad.domain import Artery, CalciumTier, FloatArray
from cad.policy import CalciumPolicy
from cad.qa.agreement import (
    Interval,
    Weighting,
    artery_agreement,
    bland_altman,
    cohen_kappa,
    confusion,
    intraclass_correlation,
)
from cad.qa.froc import (
    CPM_POINTS,
    Estimate,
    ScanMatch,
    cluster_draws,
    estimate,
    false_marks_per_scan,
    froc_estimate,
    resampled_above,
    resampled_false_marks,
    sensitivity_above,
)
from cad.science.calcium.scores import tier_of

Figures = dict[str, object]

SEED = 2026
NOT_ASSESSED = "not-assessed"
STATUSES = ("new", "growing", "stable", "shrinking", "resolved", "not-found")
"""Of a nodule at follow-up; the last is said when the comparison does not list a nodule of the reference."""


@dataclass(frozen=True, slots=True)
class CalciumReading:
    """Coronary calcium of one scan as somebody read it; `agatston` None: not assessed. Arteries may be missing."""

    agatston: float | None
    arteries: Mapping[Artery, float]


@dataclass(frozen=True, slots=True)
class CaseComparison:
    """What was found in one scan beside its reference; None and empty for what the reference does not say.

    `volumes` are pairs of measured and true volume in mm³ of the nodules found, `statuses` pairs of found and true
    status. `calcium` is the finding, then the reference.
    """

    name: str
    nodules: ScanMatch | None = None
    volumes: tuple[tuple[float, float], ...] = ()
    calcium: tuple[CalciumReading, CalciumReading] | None = None
    statuses: tuple[tuple[str, str], ...] = ()


def detection_figures(cases: Sequence[CaseComparison], threshold: float) -> Figures | None:
    """FROC by the LUNA16 rule with bootstrap intervals, and the working point; None without references."""
    matches = [case.nodules for case in cases if case.nodules is not None]
    references = sum(len(match.references) for match in matches)
    if not references:
        return None
    points, mean = froc_estimate(matches, SEED)
    draws = cluster_draws(matches, SEED)
    sensitivity = estimate(sensitivity_above(matches, threshold), resampled_above(matches, threshold, draws))
    false = estimate(false_marks_per_scan(matches, threshold), resampled_false_marks(matches, threshold, draws))
    return {
        "scans": len(matches),
        "references": references,
        "froc": [{"false_per_scan": at, **_estimate(point)} for at, point in zip(CPM_POINTS, points, strict=True)],
        "cpm": _estimate(mean),
        "working_point": {
            "threshold": threshold,
            "sensitivity": _estimate(sensitivity),
            "false_per_scan": _estimate(false),
        },
    }


def volume_figures(cases: Sequence[CaseComparison]) -> Figures | None:
    """Relative errors of volume in percent of the truth, as Bland-Altman limits; None for fewer than two nodules."""
    pairs = np.array([pair for case in cases for pair in case.volumes], dtype=np.float64).reshape(-1, 2)
    if len(pairs) < 2:
        return None
    error = 100 * (pairs[:, 0] / pairs[:, 1] - 1)
    return {
        "nodules": len(pairs),
        "mean_absolute_error_percent": _known(float(np.abs(error).mean())),
        "percent": _limits(error, np.zeros_like(error)),
    }


def calcium_figures(cases: Sequence[CaseComparison], policy: CalciumPolicy) -> Figures | None:
    """Agreement of total, tier and arteries over the scans that both scored, and who scored which; None without any."""
    pairs = [case.calcium for case in cases if case.calcium is not None]
    if not pairs:
        return None
    scored = [
        (found, truth, found.agatston, truth.agatston)
        for found, truth in pairs
        if found.agatston is not None and truth.agatston is not None
    ]
    totals = np.array([(a, b) for _, _, a, b in scored], dtype=np.float64).reshape(-1, 2)
    found = [a.arteries for a, _, _, _ in scored]
    truth = [b.arteries for _, b, _, _ in scored]
    return {
        "scans": len(pairs),
        "scored_by_both": len(scored),
        "assessed": _assessed(pairs),
        "agatston": _agatston(totals),
        "tiers": _tiers(totals, policy),
        "arteries": {artery.value: _known_all(asdict(artery_agreement(found, truth, artery))) for artery in Artery},
    }


def followup_figures(cases: Sequence[CaseComparison]) -> Figures | None:
    """Agreement on what became of each nodule; None when no reference says it."""
    pairs = [pair for case in cases for pair in case.statuses]
    if not pairs:
        return None
    table = confusion([found for found, _ in pairs], [true for _, true in pairs], STATUSES)
    return {
        "nodules": len(pairs),
        "agreement": float(np.trace(table) / table.sum()),
        "kappa": _known(cohen_kappa(table)),
        "statuses": list(STATUSES),
        "found_by_truth": _counts(table),
    }


def _assessed(pairs: Sequence[tuple[CalciumReading, CalciumReading]]) -> Figures:
    """How often finding and reference were scored."""

    def count(found: bool, truth: bool) -> int:
        return sum((a.agatston is not None, b.agatston is not None) == (found, truth) for a, b in pairs)

    return {
        "both": count(True, True),
        "finding_only": count(True, False),
        "reference_only": count(False, True),
        "neither": count(False, False),
    }


def _agatston(totals: FloatArray) -> Figures:
    icc = intraclass_correlation(totals) if len(totals) > 1 else Interval(math.nan, math.nan, math.nan)
    return {"icc_2_1": _interval(icc), "bland_altman": _limits(totals[:, 0], totals[:, 1])}


def _tiers(totals: FloatArray, policy: CalciumPolicy) -> Figures:
    found, truth = ([tier_of(float(score), policy) for score in totals[:, n]] for n in (0, 1))
    table = confusion(found, truth, tuple(CalciumTier))
    return {
        "tiers": [tier.value for tier in CalciumTier],
        "found_by_truth": _counts(table),
        "agreement": _known(float(np.trace(table) / table.sum())) if table.sum() else None,
        **{f"kappa_{w.name.lower()}": _known(cohen_kappa(table, w)) for w in Weighting},
    }


def _limits(first: FloatArray, second: FloatArray) -> Figures | None:
    if len(first) < 2:
        return None
    found = bland_altman(first, second)
    return {
        "bias": _interval(found.bias),
        "lower_limit": _interval(found.lower),
        "upper_limit": _interval(found.upper),
        "pairs": found.pairs,
    }


def _estimate(found: Estimate) -> Figures:
    return {"value": _known(found.value), "ci95": [_known(found.low), _known(found.high)]}


def _interval(found: Interval) -> Figures:
    return {"value": _known(found.value), "ci95": [_known(found.low), _known(found.high)]}


def _counts(table: FloatArray) -> list[list[int]]:
    return [[int(count) for count in row] for row in table]


def _known(value: float) -> float | None:
    """A figure, or None for one that the cases do not give (NaN)."""
    return None if math.isnan(value) else round(value, 4)


def _known_all(figures: Mapping[str, float]) -> Figures:
    return {name: _known(value) if isinstance(value, float) else value for name, value in figures.items()}
