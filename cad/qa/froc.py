"""Detection performance: matching marks to references, FROC and CPM with scan-level bootstrap intervals.

The rules are those of LUNA16 (Setio et al., Med Image Anal 2017): a mark hits a reference nodule when its centre lies
inside the nodule's radius, several marks on one nodule count once with the best score, and a mark on an "ignore"
entry counts neither way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import Candidate, FloatArray, PointLps
from cad.geometry import distance_mm

CPM_POINTS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per scan at which the competition performance metric averages sensitivity (LUNA16)."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference nodule; `ignore` ones neither need to be found nor make a mark false."""

    centre: PointLps
    diameter_mm: float
    ignore: bool = False
    kind: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class ScanMatch:
    """One scan's marks against its references.

    `hits` holds, for each reference that counts, the best score of the marks on it, or None when it was missed, in the
    order of `references`; `false_scores` are the scores of the marks on nothing.
    """

    references: tuple[Reference, ...]
    hits: tuple[float | None, ...]
    false_scores: tuple[float, ...]


def match_marks(marks: Sequence[Candidate], references: Sequence[Reference]) -> ScanMatch:
    """The marks of one scan matched to its references by the hit rule."""
    best: dict[int, float] = {}
    false: list[float] = []
    for mark in marks:
        on = [n for n, r in enumerate(references) if distance_mm(mark.centre, r.centre) <= r.diameter_mm / 2]
        for n in on:
            best[n] = max(best.get(n, 0.0), mark.score)
        if not on:
            false.append(mark.score)
    counted = [n for n, r in enumerate(references) if not r.ignore]
    return ScanMatch(
        tuple(references[n] for n in counted), tuple(best.get(n) for n in counted), tuple(sorted(false, reverse=True))
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


def bootstrap_interval(matches: Sequence[ScanMatch], false_per_scan: float, seed: int) -> tuple[float, float]:
    """95 % interval of the sensitivity at `false_per_scan`, from 1,000 resamples of scans with replacement."""
    rng = np.random.default_rng(seed)
    draws = [
        sensitivity_at([matches[n] for n in rng.integers(len(matches), size=len(matches))], false_per_scan)
        for _ in range(1000)
    ]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return float(low), float(high)
