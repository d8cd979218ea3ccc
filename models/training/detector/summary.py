"""Folds pooled into the figures that are published: every scan was left out of the training of what read it.

Scores are calibrated by cross-fitting before they are pooled, and all copies of one patient's scans are resampled
together. False marks include nodules that nobody labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    that nobody labelled as false. `nodules_per_scan` is the prevalence that the calibration holds for. `whole` is the
    same with whole real nodules in place of filled outlines; None when they were not measured.
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
    whole: Summary | None = None


@dataclass(frozen=True, slots=True)
class _Pool:
    """The readings of all folds with cross-fitted scores; `strict` and `raw` are those of the scans as they are.

    `strict` counts marks on places that nobody labelled, `raw` has the scores as the detectors gave them.
    """

    readings: tuple[CopyResult, ...]
    raw: tuple[ScanMatch, ...]
    strict: tuple[ScanMatch, ...]
    protocols: Mapping[str, Protocol]

    def shown(self, how: str) -> list[CopyResult]:
        """The readings of scans that were shown so."""
        return [r for r in self.readings if r.shown == how]


def _pooled(folds: Sequence[FoldResult]) -> _Pool:
    protocols = {name: p for fold in folds for name, p in fold.protocols.items()}
    if len(protocols) < sum(len(fold.protocols) for fold in folds):
        raise ValueError("a scan is in two folds")
    readings = [r for fold in folds for r in fold.readings]
    plain = [r for r in readings if r.shown == AS_IS]
    raw = tuple(r.match for r in plain)
    maps = cross_fitted(raw)
    strict = tuple(calibrated(r.strict, maps[r.match.cluster]) for r in plain)
    fair = tuple(replace(r, match=calibrated(r.match, maps[r.match.cluster])) for r in readings)
    return _Pool(fair, raw, strict, protocols)


def summary(folds: Sequence[FoldResult], seed: int) -> Summary:
    """All folds pooled. Raises ValueError for fewer than two patients, or when one scan is in two folds."""
    pool = _pooled(folds)
    plain, natural = pool.shown(AS_IS), pool.shown(NATURAL)
    matches = [r.match for r in plain]
    threshold = threshold_at(matches, DEFAULT_FALSE_MARKS)
    points, cpm = froc_estimate(matches, seed)
    bins = reliability_bins(matches, least=LEAST_SCORE)
    nodules = sum(len(m.references) for m in matches)
    return Summary(
        scans=tuple(sorted(pool.protocols)),
        copies=len(matches),
        nodules=nodules,
        dropped=tuple(wish for fold in folds for wish in fold.dropped),
        froc=points,
        cpm=cpm,
        strict_cpm=froc_estimate(pool.strict, seed)[1],
        strict_at=_at_points(pool.strict, seed),
        at=_at_points(matches, seed),
        calibration=fitted_calibration(pool.raw),
        threshold=threshold,
        at_default=_at_threshold(matches, threshold, seed),
        false_marks=_false_marks(matches, threshold, seed),
        natural_false_marks=false_marks_per_scan([r.match for r in natural], threshold),
        transferred=_transferred(matches),
        nodules_per_scan=nodules / len(matches),
        calibration_error=expected_calibration_error(bins),
        brier=brier_score(matches, LEAST_SCORE),
        reliability=bins,
        strata=(*_nodule_strata(matches, threshold, seed), *_scan_strata(plain, pool.protocols, threshold, seed)),
        degradations=_degradations(pool, threshold, seed),
        real=tuple(nodule for reading in natural for nodule in real_nodules(reading)),
        whole=summary([fold.with_wholes() for fold in folds], seed) if all(fold.whole for fold in folds) else None,
    )


def _at_points(matches: Sequence[ScanMatch], seed: int) -> tuple[Estimate, ...]:
    return tuple(sensitivity_estimate(matches, point, seed) for point in OPERATING_POINTS)


def _false_marks(matches: Sequence[ScanMatch], threshold: float, seed: int) -> Estimate:
    resampled = resampled_false_marks(matches, threshold, cluster_draws(matches, seed))
    return estimate(false_marks_per_scan(matches, threshold), resampled)


def _at_threshold(matches: Sequence[ScanMatch], threshold: float, seed: int) -> Estimate:
    resampled = resampled_above(matches, threshold, cluster_draws(matches, seed))
    return estimate(sensitivity_above(matches, threshold), resampled)


def _transferred(matches: Sequence[ScanMatch]) -> Transferred:
    """Each patient's scans at the threshold chosen on those of all the others."""
    found: list[bool] = []
    false: list[int] = []
    for places in clusters_of(matches).values():
        mine = [matches[n] for n in places]
        others = [m for n, m in enumerate(matches) if n not in set(places)]
        threshold = threshold_at(others, DEFAULT_FALSE_MARKS)
        for match in mine:
            found += [hit is not None and hit >= threshold for hit in match.hits]
            false.append(sum(1 for score in match.false_scores if score >= threshold))
    return Transferred(float(np.mean(found)), float(np.mean(false)))


NODULE_GROUPS: Mapping[str, Callable[[Reference], str]] = {
    "size": lambda r: size_of(r.diameter_mm),
    "composition": lambda r: r.kind,
    "location": lambda r: r.location,
    "contrast": lambda r: contrast_name(r),
}
SCAN_GROUPS: Mapping[str, Callable[[Protocol], str]] = {
    "slice thickness": lambda p: f"{p.slice_thickness_mm:g} mm",
    "kernel": lambda p: p.kernel or "not stated",
}
"""What inserted nodules and scans are grouped by, and how a group is called."""


def _nodule_strata(matches: Sequence[ScanMatch], threshold: float, seed: int) -> Iterator[Stratum]:
    for group, name_of in NODULE_GROUPS.items():
        names = {name_of(reference) for match in matches for reference in match.references}
        for name in sorted(names, key=_natural_order):
            yield _stratum((group, name), _named(matches, name_of, name), threshold, seed, None)


def _named(matches: Sequence[ScanMatch], name_of: Callable[[Reference], str], name: str) -> list[ScanMatch]:
    return narrowed(matches, lambda _, reference: name_of(reference) == name)


def _scan_strata(
    plain: Sequence[CopyResult], protocols: Mapping[str, Protocol], threshold: float, seed: int
) -> Iterator[Stratum]:
    for group, name_of in SCAN_GROUPS.items():
        for name in sorted({name_of(p) for p in protocols.values()}, key=_natural_order):
            scans = {scan for scan, protocol in protocols.items() if name_of(protocol) == name}
            # the others keep their false marks, so that operating points stay those of all scans
            part = [r.match if r.scan in scans else replace(r.match, references=(), hits=()) for r in plain]
            false = false_marks_per_scan([r.match for r in plain if r.scan in scans], threshold)
            yield _stratum((group, name), part, threshold, seed, false)


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


def _degradations(pool: _Pool, threshold: float, seed: int) -> tuple[DegradationEffect, ...]:
    everything = set(pool.protocols)
    thin = {name for name, protocol in pool.protocols.items() if protocol.slice_thickness_mm <= THIN_MM}
    sources = {"all": everything}
    if thin and thin != everything:
        sources[f"up to {THIN_MM:g} mm"] = thin
    names = dict.fromkeys(r.shown for r in pool.readings if r.shown not in (AS_IS, NATURAL))
    effects = []
    for name in names:
        for label, scans in sources.items():
            before = [r.match for r in pool.shown(AS_IS) if r.scan in scans]
            after = [r.match for r in pool.shown(name) if r.scan in scans]
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
