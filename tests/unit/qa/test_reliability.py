"""Calibration against distortions put in by hand, and reliability against hand-made marks."""

from __future__ import annotations

import numpy as np
import pytest

from cad.domain import FloatArray, PointLps
from cad.qa.froc import Reference, ScanMatch
from cad.qa.reliability import (
    Calibration,
    brier_score,
    calibrated,
    cross_fitted,
    expected_calibration_error,
    fitted_calibration,
    reliability_bins,
)


def _match(hits: FloatArray, false: FloatArray, cluster: str = "") -> ScanMatch:
    references = (Reference(PointLps(0, 0, 0), 7.0),) * len(hits)
    return ScanMatch(references, tuple(hits.tolist()), tuple(false.tolist()), cluster)


def _distorted(slope: float, intercept: float, cluster: str, seed: int) -> ScanMatch:
    """Marks whose chance to be a nodule is the logistic function of slope * logit + intercept."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 2, 8000)
    is_nodule = rng.random(8000) < 1 / (1 + np.exp(-(slope * z + intercept)))
    score = 1 / (1 + np.exp(-z))
    return _match(score[is_nodule], score[~is_nodule], cluster)


def test_a_scan_is_calibrated_by_the_others_and_not_by_itself() -> None:
    odd, first, second = (
        _distorted(*d, c, n) for n, (d, c) in enumerate([((0.5, 2.0), "odd"), ((2.0, -0.5), "a"), ((2.0, -0.5), "b")])
    )
    maps = cross_fitted([odd, first, second])
    assert maps["odd"].slope == pytest.approx(2.0, abs=0.15)
    assert maps["odd"].intercept == pytest.approx(-0.5, abs=0.15)
    assert maps["a"].slope < 1.7


def test_two_copies_of_one_scan_are_left_out_together() -> None:
    copies = [_distorted(2.0, 0.0, "one", 1), _distorted(2.0, 0.0, "one", 2)]
    with pytest.raises(ValueError, match="two scans"):
        cross_fitted(copies)


def test_separable_scores_have_a_finite_calibration() -> None:
    fitted = fitted_calibration([_match(np.array([0.9, 0.95]), np.array([0.1, 0.2, 0.05]))])
    assert 0 < fitted.slope < 100


def test_without_nodules_or_without_false_marks_scores_stay() -> None:
    assert fitted_calibration([_match(np.array([0.9]), np.array([]))]) == Calibration(1.0, 0.0)
    assert fitted_calibration([_match(np.array([]), np.array([0.4]))]) == Calibration(1.0, 0.0)


def test_calibrating_keeps_misses_missed_and_the_identity_keeps_scores() -> None:
    match = ScanMatch((Reference(PointLps(0, 0, 0), 7.0),) * 2, (None, 0.7), (0.3,))
    same = calibrated(match, Calibration(1.0, 0.0))
    assert same.hits[0] is None
    assert same.hits[1] == pytest.approx(0.7)
    assert calibrated(match, Calibration(1.0, -2.0)).false_scores[0] < 0.1


def test_bins_error_and_brier_of_a_hand_made_case() -> None:
    match = _match(np.array([0.82, 0.02]), np.array([0.88, 0.12]))
    bins = reliability_bins([match], least=0.05)
    assert [(b.low, b.marks, b.nodule_share) for b in bins] == [(0.1, 1, 0.0), (0.8, 2, 0.5)]
    assert expected_calibration_error(bins) == pytest.approx((1 * 0.12 + 2 * 0.35) / 3)
    assert brier_score([match], least=0.05) == pytest.approx((0.12**2 + 0.18**2 + 0.88**2) / 3)
