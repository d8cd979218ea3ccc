"""Detector marks → the candidates that become nodules: inside the lungs, large enough, one per lesion, best first."""

from __future__ import annotations

import numpy as np

from cad.domain import Candidate, FloatArray, LungMask
from cad.geometry import distance_mm, index_of
from cad.policy import CandidatePolicy


def select_candidates(marks: tuple[Candidate, ...], lungs: LungMask, policy: CandidatePolicy) -> tuple[Candidate, ...]:
    """The marks to report, best first.

    Drops marks below the smallest diameter and marks farther than a margin from the lungs, then keeps of each
    group of duplicates the one with the best score. Their number is not capped. Marks of equal score are ordered
    by position, so the order of `marks` does not matter.
    """
    ranked = sorted(marks, key=_rank)
    kept: list[Candidate] = []
    for mark in ranked:
        if mark.diameter_mm < policy.min_diameter_mm or not _is_near_lungs(mark, lungs, policy.lung_margin_mm):
            continue
        if not any(_is_same_lesion(mark, better, policy.merge_fraction) for better in kept):
            kept.append(mark)
    return tuple(kept)


def _rank(mark: Candidate) -> tuple[float, float, float, float, float]:
    return -mark.score, -mark.diameter_mm, mark.centre.z, mark.centre.y, mark.centre.x


def _is_same_lesion(a: Candidate, b: Candidate, merge_fraction: float) -> bool:
    return distance_mm(a.centre, b.centre) < merge_fraction * max(a.diameter_mm, b.diameter_mm)


def _is_near_lungs(mark: Candidate, lungs: LungMask, margin_mm: float) -> bool:
    """Whether a lung voxel's centre lies within `margin_mm` of the mark, or the mark lies inside a lung voxel."""
    centre: FloatArray = np.array(index_of(lungs.grid, mark.centre))
    spacing = np.array(lungs.grid.spacing_kji_mm)
    nearest = np.rint(centre).astype(int)
    if all(0 <= v < n for v, n in zip(nearest, lungs.grid.shape, strict=True)) and lungs.labels[tuple(nearest)]:
        return True
    reach = margin_mm / spacing
    low = np.maximum(np.ceil(centre - reach), 0).astype(int)
    high = np.maximum(np.floor(centre + reach).astype(int) + 1, low)
    k, j, i = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    indices = np.argwhere(lungs.labels[k, j, i]) + low
    distances_mm: FloatArray = np.linalg.norm((indices - centre) * spacing, axis=1)
    return bool((distances_mm <= margin_mm).any())
