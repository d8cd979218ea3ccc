"""Folds pooled into the figures that are published: every scan was left out of the training of what read it.

Scores are calibrated by cross-fitting before they are pooled, and all copies of one patient's scans are resampled
together. False marks include nodules that nobody labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cad.qa.froc import (
    Estimate,
    Reference,
    ScanMatch,
    cluster_draws,
    clusters_of,
    estimate,
    false_marks_per_scan,
    froc_estimate,
    narrowed,
    paired_change,
    resampled_above,
    resampled_false_marks,
    resampled_sensitivities,
    sensitivity_above,
    sensitivity_at,
    sensitivity_estimate,
    threshold_at,
)
from cad.qa.reliability import (
    Calibration,
    ReliabilityBin,
    brier_score,
    calibrated,
    cross_fitted,
    expected_calibration_error,
    fitted_calibration,
    reliability_bins,
)
from models.training.detector.evaluation import AS_IS, NATURAL, CopyResult, FoldResult, RealNodule, real_nodules
from models.training.material.insertion import size_of
from models.training.material.scans import Protocol

DEFAULT_FALSE_MARKS = 1.0
"""False marks per scan at which the default threshold is chosen."""

LEAST_SCORE = 0.05
"""Marks below are not counted in ECE and Brier score: thousands of near-zero scores would make both look small."""

OPERATING_POINTS = (1.0, 2.0, 4.0)
THIN_MM = 1.5
CONTRASTS = {"150-250 HU": 250.0, "250-450 HU": 450.0, "450 HU and more": float("inf")}
"""Inserted nodules by how much their core stands out from what was there; none stands out by less."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Part of the inserted nodules: `group` (size, composition, ...) and name; sensitivity with intervals.

    The operating points are those of all scans. `false_marks` per scan at the default threshold is known for groups of
    scans, not for groups of nodules.
    """

    group: str
    name: str
    nodules: int
    at_1: Estimate
    at_2: Estimate
    at_default: Estimate
    false_marks: float | None


@dataclass(frozen=True, slots=True)
class DegradationEffect:
    """The same scans and nodules shown by another protocol, among `sources` ("all" or thin ones alone).

    Sensitivity at 1 false mark per scan of its own and its paired change; sensitivity and false marks at the default
    threshold of the scans as they are, and the paired change of that sensitivity.
    """

    name: str
    sources: str
    scans: int
    at_1: Estimate
    change_at_1: Estimate
    at_default: Estimate
    change_at_default: Estimate
    false_marks: float


@dataclass(frozen=True, slots=True)
class Transferred:
    """What happens when each scan is read at the threshold chosen on all the others."""

    sensitivity: float
    false_marks: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The pooled figures. `calibration` and `threshold` are for the shipped detector: fitted on all left-out readings.

    `froc` is at the seven CPM points, `at` at 1, 2 and 4 false marks per scan. `natural_false_marks` are those per
    scan at the threshold without inserted nodules. The `strict` ones count marks on places that look like a nodule and
    that nobody labelled as false. `nodules_per_scan` is the prevalence that the calibration holds for.
    """

    scans: tuple[str, ...]
    copies: int
    nodules: int
    dropped: tuple[str, ...]
    froc: tuple[Estimate, ...]
    cpm: Estimate
    strict_cpm: Estimate
    strict_at: tuple[Estimate, ...]
    at: tuple[Estimate, ...]
    calibration: Calibration
    threshold: float
    at_default: Estimate
    false_marks: Estimate
    natural_false_marks: float
    transferred: Transferred
    nodules_per_scan: float
    calibration_error: float
    brier: float
    reliability: tuple[ReliabilityBin, ...]
    strata: tuple[Stratum, ...]
    degradations: tuple[DegradationEffect, ...]
    real: tuple[RealNodule, ...]


def summary(folds: Sequence[FoldResult], seed: int) -> Summary:
    """All folds pooled. Raises ValueError for fewer than two patients, or when one scan is in two folds."""
    readings = [r for fold in folds for r in fold.readings]
    protocols = {name: p for fold in folds for name, p in fold.protocols.items()}
    if len(protocols) < sum(len(fold.protocols) for fold in folds):
        raise ValueError("a scan is in two folds")
    raw = [r.match for r in readings if r.shown == AS_IS]
    maps = cross_fitted(raw)
    strict = [calibrated(r.strict, maps[r.match.cluster]) for r in readings if r.shown == AS_IS]
    readings = [replace(r, match=calibrated(r.match, maps[r.match.cluster])) for r in readings]
    plain = _shown(readings, AS_IS)
    matches = [r.match for r in plain]
    natural = _shown(readings, NATURAL)
    threshold = threshold_at(matches, DEFAULT_FALSE_MARKS)
    points, cpm = froc_estimate(matches, seed)
    draws = cluster_draws(matches, seed)
    at = resampled_sensitivities(matches, OPERATING_POINTS, draws)
    bins = reliability_bins(matches, least=LEAST_SCORE)
    false = false_marks_per_scan(matches, threshold)
    nodules = sum(len(m.references) for m in matches)
    return Summary(
        scans=tuple(sorted(protocols)),
        copies=len(matches),
        nodules=nodules,
        dropped=tuple(d for fold in folds for d in fold.dropped),
        froc=points,
        cpm=cpm,
        strict_cpm=froc_estimate(strict, seed)[1],
        strict_at=tuple(sensitivity_estimate(strict, p, seed) for p in OPERATING_POINTS),
        at=tuple(estimate(sensitivity_at(matches, p), at[:, n]) for n, p in enumerate(OPERATING_POINTS)),
        calibration=fitted_calibration(raw),
        threshold=threshold,
        at_default=_at_threshold(matches, threshold, seed),
        false_marks=estimate(false, resampled_false_marks(matches, threshold, draws)),
        natural_false_marks=false_marks_per_scan([r.match for r in natural], threshold),
        transferred=_transferred(matches),
        nodules_per_scan=nodules / len(matches),
        calibration_error=expected_calibration_error(bins),
        brier=brier_score(matches, LEAST_SCORE),
        reliability=bins,
        strata=_strata(plain, protocols, threshold, seed),
        degradations=_degradations(readings, protocols, threshold, seed),
        real=tuple(n for r in natural for n in real_nodules(r)),
    )


def _shown(readings: Sequence[CopyResult], how: str) -> list[CopyResult]:
    return [r for r in readings if r.shown == how]


def _at_threshold(matches: Sequence[ScanMatch], threshold: float, seed: int) -> Estimate:
    resampled = resampled_above(matches, threshold, cluster_draws(matches, seed))
    return estimate(sensitivity_above(matches, threshold), resampled)


def _transferred(matches: Sequence[ScanMatch]) -> Transferred:
    found, false = [], []
    for places in clusters_of(matches).values():
        mine = [matches[n] for n in places]
        threshold = threshold_at([m for n, m in enumerate(matches) if n not in set(places)], DEFAULT_FALSE_MARKS)
        found += [h is not None and h >= threshold for m in mine for h in m.hits]
        false += [sum(1 for s in m.false_scores if s >= threshold) for m in mine]
    return Transferred(float(np.mean(found)), float(np.mean(false)))


def _strata(
    plain: Sequence[CopyResult], protocols: dict[str, Protocol], threshold: float, seed: int
) -> tuple[Stratum, ...]:
    by_nodule: dict[str, Callable[[Reference], str]] = {
        "size": lambda r: size_of(r.diameter_mm),
        "composition": lambda r: r.kind,
        "location": lambda r: r.location,
        "contrast": contrast_name,
    }
    by_scan: dict[str, Callable[[Protocol], str]] = {
        "slice thickness": lambda p: f"{p.slice_thickness_mm:g} mm",
        "kernel": lambda p: p.kernel or "not stated",
    }
    matches = [r.match for r in plain]
    found = []
    for group, name_of in by_nodule.items():
        for name in sorted({name_of(r) for m in matches for r in m.references}, key=_natural_order):
            part = narrowed(matches, lambda _, r, name=name, name_of=name_of: name_of(r) == name)  # type: ignore[misc]
            found.append(_stratum((group, name), part, threshold, seed, None))
    for group, protocol_name in by_scan.items():
        for name in sorted({protocol_name(p) for p in protocols.values()}, key=_natural_order):
            chosen = {n for n, r in enumerate(plain) if protocol_name(protocols[r.scan]) == name}
            part = [m if n in chosen else replace(m, references=(), hits=()) for n, m in enumerate(matches)]
            false = false_marks_per_scan([matches[n] for n in sorted(chosen)], threshold)
            found.append(_stratum((group, name), part, threshold, seed, false))
    return tuple(found)


def contrast_name(reference: Reference) -> str:
    """How much the reference stands out, in words."""
    if reference.contrast_hu is None:
        return "not known"
    return next((name for name, most in CONTRASTS.items() if reference.contrast_hu < most), list(CONTRASTS)[-1])


def _natural_order(name: str) -> tuple[float, str]:
    """Numbers by value, then words."""
    number = name.split(" ")[0].split("-")[0]
    return (float(number) if number.replace(".", "").isdigit() else np.inf), name


def _stratum(
    named: tuple[str, str], part: Sequence[ScanMatch], threshold: float, seed: int, false_marks: float | None
) -> Stratum:
    draws = resampled_sensitivities(part, (1.0, 2.0), cluster_draws(part, seed))
    return Stratum(
        *named,
        nodules=sum(len(m.references) for m in part),
        at_1=estimate(sensitivity_at(part, 1.0), draws[:, 0]),
        at_2=estimate(sensitivity_at(part, 2.0), draws[:, 1]),
        at_default=_at_threshold(part, threshold, seed),
        false_marks=false_marks,
    )


def _degradations(
    readings: Sequence[CopyResult], protocols: dict[str, Protocol], threshold: float, seed: int
) -> tuple[DegradationEffect, ...]:
    thin = {name for name, p in protocols.items() if p.slice_thickness_mm <= THIN_MM}
    sources = {"all": set(protocols)} | ({f"up to {THIN_MM:g} mm": thin} if thin and thin != set(protocols) else {})
    names = dict.fromkeys(r.shown for r in readings if r.shown not in (AS_IS, NATURAL))
    effects = []
    for name in names:
        for label, scans in sources.items():
            before = [r.match for r in _shown(readings, AS_IS) if r.scan in scans]
            after = [r.match for r in _shown(readings, name) if r.scan in scans]
            effects.append(_effect((name, label, len(scans)), before, after, threshold, seed))
    return tuple(effects)


def _effect(
    named: tuple[str, str, int],
    before: Sequence[ScanMatch],
    after: Sequence[ScanMatch],
    threshold: float,
    seed: int,
) -> DegradationEffect:
    draws = cluster_draws(before, seed)
    at_1 = resampled_sensitivities(after, [DEFAULT_FALSE_MARKS], draws)[:, 0]
    change = sensitivity_above(after, threshold) - sensitivity_above(before, threshold)
    resampled = resampled_above(after, threshold, draws) - resampled_above(before, threshold, draws)
    return DegradationEffect(
        *named,
        at_1=estimate(sensitivity_at(after, DEFAULT_FALSE_MARKS), at_1),
        change_at_1=paired_change(before, after, DEFAULT_FALSE_MARKS, seed),
        at_default=_at_threshold(after, threshold, seed),
        change_at_default=estimate(change, resampled),
        false_marks=false_marks_per_scan(after, threshold),
    )
