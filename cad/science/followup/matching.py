"""Which nodule of an earlier examination is which now: one-to-one assignment of the least total cost.

A pair costs the square of its distance in units of its reach, and a little for another size, composition or lobe; a
nodule that is left alone has a price too (`MatchingPolicy`). Pairs beyond the reach are impossible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from cad.domain import Composition, FloatArray, Match, Matching, Sighted
from cad.geometry import distance_mm
from cad.policy import MatchingPolicy

LUNG_CANCER_COURSE = frozenset({Composition.SOLID, Composition.PART_SOLID, Composition.GROUND_GLASS})
"""What a growing adenocarcinoma passes through."""

IMPOSSIBLE = 1e6


def match_nodules(prior: Sequence[Sighted], current: Sequence[Sighted], policy: MatchingPolicy) -> Matching:
    """The matching of the least cost. Prior positions are registered into the current scan.

    The order of the nodules makes no difference but for pairs of exactly equal cost.
    """
    costs = np.array([[_cost(a, b, policy) for b in current] for a in prior]).reshape(len(prior), len(current))
    rows, columns = linear_sum_assignment(_with_lone(costs, policy.unmatched_cost))
    pairs = [(int(p), int(c)) for p, c in zip(rows, columns, strict=True) if p < len(prior) and c < len(current)]
    matches = tuple(Match(p, c, distance_mm(prior[p].position, current[c].position)) for p, c in pairs)
    new = tuple(sorted(set(range(len(current))) - {c for _, c in pairs}))
    resolved = tuple(sorted(set(range(len(prior))) - {p for p, _ in pairs}))
    return Matching(
        matches=matches,
        new=new,
        resolved=resolved,
        splits=tuple((p, c) for c in new for p, _ in pairs if _is_part(current[c], prior[p])),
        merges=tuple((p, c) for p in resolved for _, c in pairs if _is_part(prior[p], current[c])),
    )


def _cost(prior: Sighted, current: Sighted, policy: MatchingPolicy) -> float:
    larger = max(prior.mean_diameter_mm, current.mean_diameter_mm)
    reach = policy.reach_mm + policy.reach_of_diameter * larger
    distance = distance_mm(prior.position, current.position)
    if distance > reach:
        return IMPOSSIBLE
    cost = (distance / reach) ** 2
    cost += policy.doubled_volume_cost * abs(math.log2(current.volume_mm3 / prior.volume_mm3))
    if prior.composition is not current.composition:
        both = {prior.composition, current.composition}
        cost += policy.solidity_cost if both <= LUNG_CANCER_COURSE else policy.composition_cost
    if prior.lobe is not None and current.lobe is not None and prior.lobe is not current.lobe:
        cost += policy.lobe_cost
    return cost


def _with_lone(costs: FloatArray, lone_cost: float) -> FloatArray:
    """The square matrix in which every prior and current nodule may also stand alone."""
    priors, currents = costs.shape
    square = np.full((priors + currents, priors + currents), IMPOSSIBLE)
    square[:priors, :currents] = costs
    square[:priors, currents:][np.diag_indices(priors)] = lone_cost
    square[priors:, :currents][np.diag_indices(currents)] = lone_cost
    square[priors:, currents:] = 0
    return square


def _is_part(part: Sighted, whole: Sighted) -> bool:
    """Whether the smaller nodule's centre lies within the larger one."""
    is_smaller = part.mean_diameter_mm < whole.mean_diameter_mm
    return is_smaller and distance_mm(part.position, whole.position) <= whole.mean_diameter_mm / 2
