"""A nodule that one scan alone shows is searched for again at its place in the other, so that new and gone are real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import Candidate, Delineation, LungMask, Nodule, PointLps
from cad.exam.followup.examination import Tools
from cad.exam.nodules import Scene, measure_apart
from cad.geometry import distance_mm, index_of
from cad.policy import FollowUpPolicy, MatchingPolicy
from cad.science.nodules.candidates import select_candidates

ORIGIN = "searched-again"
"""`Candidate.origin` where the detector gave no mark."""

OUTLINED = (Delineation.NETWORK, Delineation.SEGMENTED)
"""Extents whose border was seen."""


@dataclass(frozen=True, slots=True)
class Known:
    """A nodule: where it is (or should be) in the scan that is searched, and its size."""

    place: PointLps
    mean_diameter_mm: float
    volume_mm3: float


def found_again(
    scene: Scene, sought: Sequence[Known], present: Sequence[Known], faint: tuple[Candidate, ...] | None, tools: Tools
) -> tuple[Nodule, ...]:
    """The nodules found at the places of those that are `sought`; never one of those already `present`.

    At each place the best of the faint marks within reach is measured (the detector runs on the surroundings when
    `faint` is None); where there is none, what is outlined at the place itself, if that is alike and compact.
    """
    if not sought:
        return ()
    sought = sorted(sought, key=lambda known: (known.place.z, known.place.y, known.place.x))
    marks = _marks_about(scene, sought, tools) if faint is None else faint
    looks = [_look(known, marks, tools.policy.matching) for known in sought]
    nodules = measure_apart(scene, tuple(looks), tools.networks, tools.policy)
    accepted: list[Nodule] = []
    for known, candidate, nodule in zip(sought, looks, nodules, strict=True):
        others = (*present, *map(known_of, accepted))
        if _is_like(nodule, known, candidate, tools.policy.followup) and not any(_is_same(nodule, o) for o in others):
            accepted.append(nodule)
    return tuple(accepted)


def known_of(nodule: Nodule) -> Known:
    """A measured nodule where it lies."""
    return Known(nodule.centre, nodule.diameters.mean_mm, nodule.volume_mm3)


def reach_mm(known: Known, policy: MatchingPolicy) -> float:
    """How far from its place a nodule is looked for."""
    return policy.reach_mm + policy.reach_of_diameter * known.mean_diameter_mm


def _look(known: Known, marks: Sequence[Candidate], policy: MatchingPolicy) -> Candidate:
    """The best faint mark near a place, else a mark of no score at the place itself."""
    near = [mark for mark in marks if distance_mm(mark.centre, known.place) <= reach_mm(known, policy)]
    place = Candidate(known.place, known.mean_diameter_mm, 0.0, ORIGIN)
    return max(near, key=lambda mark: (mark.score, -distance_mm(mark.centre, known.place)), default=place)


def _is_like(nodule: Nodule, known: Known, candidate: Candidate, policy: FollowUpPolicy) -> bool:
    """Whether what was measured is plausibly the nodule that is sought."""
    if nodule.delineation is Delineation.BALL:
        return False
    ratio = nodule.volume_mm3 / known.volume_mm3
    if candidate.origin != ORIGIN:
        low, high = policy.again_volume_ratios
        return low <= ratio <= high
    low, high = policy.blind_volume_ratios
    return (
        low <= ratio <= high
        and nodule.delineation in OUTLINED
        and nodule.measures is not None
        and nodule.measures.sphericity >= policy.blind_min_sphericity
        and distance_mm(nodule.centre, known.place) <= policy.blind_reach_mm
    )


def _is_same(nodule: Nodule, other: Known) -> bool:
    """Whether two nodules of one scan are one lesion: the centre of either lies within the other."""
    largest = max(nodule.diameters.mean_mm, other.mean_diameter_mm)
    return distance_mm(nodule.centre, other.place) < largest / 2


def _marks_about(scene: Scene, sought: Sequence[Known], tools: Tools) -> tuple[Candidate, ...]:
    """The detector's marks about the places alone, from the low score on."""
    lungs = _lungs_about(scene.lungs, [known.place for known in sought], tools.policy.followup.again_context_mm)
    if lungs is None:
        return ()
    marks = tools.networks.detector(scene.volume, lungs, tools.policy.followup.again_min_score)
    return select_candidates(marks, scene.lungs, tools.policy.candidates)


def _lungs_about(lungs: LungMask, places: Sequence[PointLps], context_mm: float) -> LungMask | None:
    """The lungs within boxes about places; None when no lung is there."""
    kept = np.zeros(lungs.grid.shape, dtype=np.bool_)
    reach = context_mm / np.array(lungs.grid.spacing_kji_mm)
    for place in places:
        centre = np.array(index_of(lungs.grid, place))
        low, high = np.maximum(centre - reach, 0).astype(int), np.maximum(centre + reach + 1, 0).astype(int)
        kept[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = True
    labels = np.where(kept, lungs.labels, 0).astype(np.uint8)
    return LungMask(labels, lungs.grid) if labels.any() else None
