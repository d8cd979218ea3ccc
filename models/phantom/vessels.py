"""Branching trees that fill a lung: pulmonary arteries, veins and bronchi."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cad.domain import FloatArray

MURRAY_EXPONENT = 2.7
"""Radius grows with the number of end branches to the power 1/2.7 (pulmonary arteries; Huang et al. 1996)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Straight tubes: `starts` and `ends` [n, 3] LPS mm, `radii_mm` [n]."""

    starts: FloatArray
    ends: FloatArray
    radii_mm: FloatArray


def grow_tree(root: FloatArray, root_radius_mm: float, targets: FloatArray, rng: np.random.Generator) -> Tree:
    """A tree from `root` [3] that ends in every one of `targets` [n, 3].

    Each tube runs part of the way to the centre of what it supplies; there the targets are split in two across
    their longest extent.
    """
    starts: list[FloatArray] = []
    ends: list[FloatArray] = []
    counts: list[int] = []
    open_ends = [(root, targets)]
    while open_ends:
        here, supplied = open_ends.pop()
        whole = len(supplied)
        reach = 1.0 if whole == 1 else rng.uniform(0.3, 0.55)
        there = here + reach * (supplied.mean(axis=0) - here)
        there = there + rng.normal(0, 0.05 * np.linalg.norm(there - here), 3)
        starts.append(here)
        ends.append(there)
        counts.append(whole)
        if whole > 1:
            open_ends.extend((there, part) for part in _halves(supplied, rng))
    share = np.array(counts) / len(targets)
    return Tree(np.array(starts), np.array(ends), root_radius_mm * share ** (1 / MURRAY_EXPONENT))


def _halves(points: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    order = np.argsort(centred @ axes[:, -1], kind="stable")
    cut = int(np.clip(round(len(points) * rng.uniform(0.3, 0.7)), 1, len(points) - 1))
    return points[order[:cut]], points[order[cut:]]
