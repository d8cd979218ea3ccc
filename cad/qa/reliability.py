"""Whether scores are probabilities: Platt's calibration, its cross-fitting, reliability bins, ECE and Brier score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from cad.domain import FloatArray
from cad.qa.froc import ScanMatch, clusters_of

NEWTON_STEPS = 50
RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Calibration:
    """score = 1 / (1 + exp(-(slope * logit + intercept))), `logit` that of the uncalibrated score."""

    slope: float
    intercept: float


def logit(scores: FloatArray) -> FloatArray:
    """Logits of scores [n], which are first bounded to 1e-6 .. 1 - 1e-6."""
    bounded = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(bounded / (1 - bounded)))


def scored(matches: Sequence[ScanMatch]) -> tuple[FloatArray, FloatArray]:
    """Scores [n] of all marks, and 1 for those on a nodule, 0 for the others; a nodule counts with its best mark."""
    hits = [h for m in matches for h in m.hits if h is not None]
    false = [s for m in matches for s in m.false_scores]
    return np.array(hits + false, dtype=float), np.array([1.0] * len(hits) + [0.0] * len(false))


def fitted_calibration(matches: Sequence[ScanMatch]) -> Calibration:
    """Logistic regression of "is a nodule" on the logit of the score (Platt 1999).

    Without both nodules and false marks nothing can be fitted and the scores stay as they are.
    """
    scores, truth = scored(matches)
    nodules = int(truth.sum())
    if nodules in (0, len(truth)):
        return Calibration(1.0, 0.0)
    (slope,), intercept = logistic_fit(logit(scores)[:, None], truth)
    return Calibration(slope, intercept)


def logistic_fit(features: FloatArray, truth: FloatArray) -> tuple[tuple[float, ...], float]:
    """Weights and intercept of a logistic regression of `truth` [n] in 0, 1 on `features` [n, m], by damped Newton
    steps on Platt's targets (n + 1) / (n + 2) and 1 / (n + 2), so that separable classes have a finite answer.
    """
    ones = int(truth.sum())
    target = np.where(truth > 0, (ones + 1) / (ones + 2), 1 / (len(truth) - ones + 2))
    design = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    theta = np.append(np.ones(features.shape[1]), 0.0)
    for _ in range(NEWTON_STEPS):
        p = expit(design @ theta)
        gradient = design.T @ (target - p)
        step = np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]) + RIDGE * np.eye(len(theta)), gradient)
        while np.abs(step).max() > 1e-9 and _loss(design @ (theta + step), target) > _loss(design @ theta, target):
            step = step / 2
        theta = theta + step
    return tuple(float(w) for w in theta[:-1]), float(theta[-1])


def _loss(z: FloatArray, target: FloatArray) -> float:
    return float(np.sum(np.logaddexp(0, z) - target * z))


def calibrated(match: ScanMatch, calibration: Calibration) -> ScanMatch:
    """The match with calibrated scores."""

    def moved(scores: Sequence[float]) -> list[float]:
        z = calibration.slope * logit(np.array(scores, dtype=float)) + calibration.intercept
        return [float(p) for p in expit(z)]

    hits = iter(moved([h for h in match.hits if h is not None]))
    return replace(
        match,
        hits=tuple(None if h is None else next(hits) for h in match.hits),
        false_scores=tuple(moved(match.false_scores)),
    )


def cross_fitted(matches: Sequence[ScanMatch]) -> dict[str, Calibration]:
    """For each cluster the calibration fitted on all the others. Raises ValueError for fewer than two clusters."""
    clusters = clusters_of(matches)
    if len(clusters) < 2:
        raise ValueError(f"cross-fitting needs two scans or more, not {len(clusters)}")
    return {
        name: fitted_calibration([m for n, m in enumerate(matches) if n not in set(places)])
        for name, places in clusters.items()
    }


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Marks whose scores lie in [low, high): how many, their mean score and the share that are nodules."""

    low: float
    high: float
    marks: int
    mean_score: float
    nodule_share: float


def reliability_bins(matches: Sequence[ScanMatch], bins: int = 10, least: float = 0.0) -> tuple[ReliabilityBin, ...]:
    """Marks with a score of at least `least` in equal-width bins of the score; empty bins are left out."""
    scores, truth = scored(matches)
    return bins_of(scores[scores >= least], truth[scores >= least], bins)


def bins_of(scores: FloatArray, truth: FloatArray, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Scores [n] and truth [n] of 0 and 1 in equal-width bins of the score; empty bins are left out."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    return tuple(
        ReliabilityBin(
            b / bins, (b + 1) / bins, int(chosen.sum()), float(scores[chosen].mean()), float(truth[chosen].mean())
        )
        for b in range(bins)
        if (chosen := place == b).any()
    )


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Mean distance of score and share of nodules over the bins, weighted by marks; NaN without marks."""
    marks = sum(b.marks for b in bins)
    if not marks:
        return float("nan")
    return sum(b.marks * abs(b.mean_score - b.nodule_share) for b in bins) / marks


def brier_score(matches: Sequence[ScanMatch], least: float = 0.0) -> float:
    """Mean squared difference of score and truth of marks with a score of at least `least`; NaN without marks."""
    scores, truth = scored(matches)
    kept = scores >= least
    return float(np.mean((scores[kept] - truth[kept]) ** 2)) if kept.any() else float("nan")
