"""Detection performance: matching marks to references, FROC and CPM with bootstrap intervals over clusters of scans.

The rules are those of LUNA16 (Setio et al., Med Image Anal 2017): a mark hits a reference nodule when its centre lies
inside the nodule's radius, several marks on one nodule count once with the best score, and a mark on an "ignore"
entry counts neither way. What is not independent, as several filled copies of one scan or several scans of one patient,
is one cluster and resampled as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cad.domain import Candidate, FloatArray, PointLps
from cad.geometry import distance_mm

CPM_POINTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per scan at which the competition performance metric averages sensitivity (LUNA16)."""

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference nodule; `ignore` ones neither need to be found nor make a mark false.

    `contrast_hu` is how much an inserted one stands out from what was there, None when that is unknown.
    """

    centre: PointLps
    diameter_mm: float
    ignore: bool = False
    kind: str = ""
    location: str = ""
    contrast_hu: float | None = None


@dataclass(frozen=True, slots=True)
class ScanMatch:
    """One scan's marks against its references.

    `hits` holds, for each reference that counts, the best score of the marks on it, or None when it was missed, in the
    order of `references`; `false_scores` are the scores of the marks on nothing. Matches that name the same `cluster`
    depend on each other; one without a name stands alone.
    """

    references: tuple[Reference, ...]
    hits: tuple[float | None, ...]
    false_scores: tuple[float, ...]
    cluster: str = ""


def is_hit(mark: PointLps, nodule: PointLps, diameter_mm: float) -> bool:
    """Whether a mark hits a nodule of this diameter: it lies within its radius."""
    return distance_mm(mark, nodule) <= diameter_mm / 2


def match_marks(marks: Sequence[Candidate], references: Sequence[Reference], cluster: str = "") -> ScanMatch:
    """The marks of one scan matched to its references by the hit rule."""
    best: dict[int, float] = {}
    false: list[float] = []
    for mark in marks:
        on = [n for n, r in enumerate(references) if is_hit(mark.centre, r.centre, r.diameter_mm)]
        for n in on:
            best[n] = max(best.get(n, 0.0), mark.score)
        if not on:
            false.append(mark.score)
    counted = [n for n, r in enumerate(references) if not r.ignore]
    return ScanMatch(
        tuple(references[n] for n in counted),
        tuple(best.get(n) for n in counted),
        tuple(sorted(false, reverse=True)),
        cluster,
    )


def threshold_at(matches: Sequence[ScanMatch], false_per_scan: float) -> float:
    """The lowest score threshold with at most `false_per_scan` false marks per scan; marks at it are kept."""
    scores = sorted((s for m in matches for s in m.false_scores), reverse=True)
    allowed = int(np.floor(false_per_scan * len(matches) + 1e-9))
    return 0.0 if len(scores) <= allowed else float(np.nextafter(scores[allowed], 2.0))


def sensitivity_at(matches: Sequence[ScanMatch], false_per_scan: float) -> float:
    """Share of counted references found at this many false marks per scan; NaN without references."""
    threshold = threshold_at(matches, false_per_scan)
    hits = [h for m in matches for h in m.hits]
    return float(np.mean([h is not None and h >= threshold for h in hits])) if hits else float("nan")


def froc(matches: Sequence[ScanMatch]) -> FloatArray:
    """Sensitivities [7] at the CPM points."""
    return np.array([sensitivity_at(matches, point) for point in CPM_POINTS])


def cpm(matches: Sequence[ScanMatch]) -> float:
    """Mean sensitivity over the CPM points."""
    return float(froc(matches).mean())


def sensitivity_above(matches: Sequence[ScanMatch], threshold: float) -> float:
    """Share of counted references found with a score of at least `threshold`; NaN without references."""
    hits = [h for m in matches for h in m.hits]
    return float(np.mean([h is not None and h >= threshold for h in hits])) if hits else float("nan")


def false_marks_per_scan(matches: Sequence[ScanMatch], threshold: float) -> float:
    """False marks per scan with a score of at least `threshold`; NaN without scans."""
    counts = [sum(1 for s in m.false_scores if s >= threshold) for m in matches]
    return float(np.mean(counts)) if counts else float("nan")


def narrowed(matches: Sequence[ScanMatch], keep: Callable[[ScanMatch, Reference], bool]) -> list[ScanMatch]:
    """The matches with only the references to keep. False marks stay, so operating points stay those of all scans."""
    kept = []
    for match in matches:
        pairs = [(r, h) for r, h in zip(match.references, match.hits, strict=True) if keep(match, r)]
        kept.append(replace(match, references=tuple(r for r, _ in pairs), hits=tuple(h for _, h in pairs)))
    return kept


def clusters_of(matches: Sequence[ScanMatch]) -> dict[str, list[int]]:
    """Places of the matches of each cluster, by name; a match without a name is its own cluster."""
    clusters: dict[str, list[int]] = {}
    for n, match in enumerate(matches):
        clusters.setdefault(match.cluster or f"\0{n:06d}", []).append(n)
    return dict(sorted(clusters.items()))


def cluster_draws(matches: Sequence[ScanMatch], seed: int) -> FloatArray:
    """1,000 resamples of the clusters with replacement: how often each is drawn [1000, clusters]."""
    count = len(clusters_of(matches))
    draws: FloatArray = np.random.default_rng(seed).multinomial(count, [1 / count] * count, RESAMPLES).astype(float)
    return draws


def resampled_sensitivities(matches: Sequence[ScanMatch], points: Sequence[float], draws: FloatArray) -> FloatArray:
    """Sensitivity [draws, points] at each number of false marks per scan, in each resample of `cluster_draws`.

    A resample without references gives NaN.
    """
    groups = [[matches[n] for n in places] for places in clusters_of(matches).values()]
    scores = np.unique([s for m in matches for s in m.false_scores])[::-1]
    false = np.stack([_at_least(scores, [s for m in group for s in m.false_scores]) for group in groups])
    found = [np.array([h for m in group for h in m.hits if h is not None]) for group in groups]
    hits = np.stack([np.append(_above(scores, f), len(f)) for f in found])
    references = draws @ [sum(len(m.hits) for m in group) for group in groups]
    false_drawn, hits_drawn = draws @ false, draws @ hits
    allowed = np.floor(np.outer(draws @ [len(group) for group in groups], points) + 1e-9)
    rows = np.arange(len(draws))
    columns = []
    for n in range(len(points)):
        too_many = np.column_stack([false_drawn > allowed[:, n, None], np.ones(len(draws), dtype=bool)])
        columns.append(hits_drawn[rows, too_many.argmax(axis=1)])
    with np.errstate(invalid="ignore"):
        return np.asarray(np.column_stack(columns) / references[:, None])


def _at_least(scores: FloatArray, values: Sequence[float]) -> FloatArray:
    """How many values are at or above each score."""
    return len(values) - np.searchsorted(np.sort(values), scores, side="left").astype(float)


def _above(scores: FloatArray, values: FloatArray) -> FloatArray:
    return len(values) - np.searchsorted(np.sort(values), scores, side="right").astype(float)


def resampled_above(matches: Sequence[ScanMatch], threshold: float, draws: FloatArray) -> FloatArray:
    """Sensitivity [draws] at a fixed threshold in each resample; NaN in one without references."""
    groups = [[matches[n] for n in places] for places in clusters_of(matches).values()]
    found = [sum(1 for m in group for h in m.hits if h is not None and h >= threshold) for group in groups]
    with np.errstate(invalid="ignore"):
        return np.asarray((draws @ found) / (draws @ [sum(len(m.hits) for m in group) for group in groups]))


def resampled_false_marks(matches: Sequence[ScanMatch], threshold: float, draws: FloatArray) -> FloatArray:
    """False marks per scan [draws] at a fixed threshold in each resample."""
    groups = [[matches[n] for n in places] for places in clusters_of(matches).values()]
    false = [sum(1 for m in group for s in m.false_scores if s >= threshold) for group in groups]
    return np.asarray((draws @ false) / (draws @ [len(group) for group in groups]))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval from resampled clusters."""

    value: float
    low: float
    high: float


def estimate(value: float, resampled: FloatArray) -> Estimate:
    """The value with the central 95 % of its resamples [n]; NaN bounds when all of them are NaN."""
    known = resampled[~np.isnan(resampled)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return Estimate(float(value), float(low), float(high))


def sensitivity_estimate(matches: Sequence[ScanMatch], false_per_scan: float, seed: int) -> Estimate:
    """Sensitivity at `false_per_scan` with its interval."""
    draws = resampled_sensitivities(matches, [false_per_scan], cluster_draws(matches, seed))
    return estimate(sensitivity_at(matches, false_per_scan), draws[:, 0])


def froc_estimate(matches: Sequence[ScanMatch], seed: int) -> tuple[tuple[Estimate, ...], Estimate]:
    """Sensitivity at each of the CPM points, and their mean, the CPM; each with its interval."""
    draws = resampled_sensitivities(matches, CPM_POINTS, cluster_draws(matches, seed))
    values = froc(matches)
    points = tuple(estimate(v, d) for v, d in zip(values, draws.T, strict=True))
    return points, estimate(float(values.mean()), draws.mean(axis=1))


def paired_change(
    before: Sequence[ScanMatch], after: Sequence[ScanMatch], false_per_scan: float, seed: int
) -> Estimate:
    """Sensitivity at `false_per_scan` after minus before a change of the same scans, resampled together.

    Raises ValueError when the two do not hold the same clusters.
    """
    if list(clusters_of(before)) != list(clusters_of(after)):
        raise ValueError("a paired change needs the same scans before and after")
    draws = cluster_draws(before, seed)
    points = [false_per_scan]
    change = resampled_sensitivities(after, points, draws) - resampled_sensitivities(before, points, draws)
    return estimate(sensitivity_at(after, false_per_scan) - sensitivity_at(before, false_per_scan), change[:, 0])
