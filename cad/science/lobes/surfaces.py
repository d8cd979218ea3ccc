"""A fissure as a smooth surface: its height over the plane of a location model, fitted to plates.

The plane's own coordinates are u (to the left, across the lung) and v (along the plane, to the back), both -1..1 over
the lung's box, and the height h in mm along the plane's normal, which points to the head. The surface is a polynomial
of third degree in u and v.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cad.domain import FloatArray
from cad.policy import FissurePrior, LobePolicy
from cad.science.lobes.plates import ReducedLung

POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))
"""Exponents of u and v of the surface's terms, by degree."""

TERMS_OF_DEGREE = {2: 6, 3: 10}

EDGE = 1.1
"""The polynomial is not followed further than this; beyond, it stays as it is there."""

MAX_TRIED = 5000
"""So many plates and vessels are enough to choose between planes."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The plane of a fissure's prior: its middle in mm (k, j, i), unit vectors, and half its extent along u and v."""

    middle_mm: FloatArray
    along: FloatArray
    normal: FloatArray
    half_mm: tuple[float, float]

    def coordinates(self, positions_mm: FloatArray) -> FloatArray:
        """u, v and h of positions [n, 3], as [3, n]."""
        away = positions_mm - self.middle_mm
        u, v = away[:, 2] / self.half_mm[0], away @ self.along / self.half_mm[1]
        return np.stack([u, v, away @ self.normal])

    def positions_mm(self, u: FloatArray, v: FloatArray, h: FloatArray) -> FloatArray:
        """Positions [n, 3] of coordinates [n]."""
        across = np.array([0.0, 0.0, self.half_mm[0]])
        places = np.outer(u, across) + np.outer(v * self.half_mm[1], self.along) + np.outer(h, self.normal)
        moved: FloatArray = places + self.middle_mm
        return moved


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What speaks for and against a surface: plates [3, n] (u, v, h) with weights 0..1, and vessels [3, m].

    `block_mm3` is the volume that each of them stands for.
    """

    plates: FloatArray
    weights: FloatArray
    vessels: FloatArray
    block_mm3: float


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A fitted surface: `coefficients` [10] in mm, the middles [m, 2] (mm along u and v) of the cells where it is seen,
    and whether so much of it is seen that it is a fissure."""

    frame: Frame
    coefficients: FloatArray
    evidence: Evidence
    seen_mm: FloatArray
    is_found: bool

    def above_mm(self, positions_mm: FloatArray) -> FloatArray:
        """How far positions [n, 3] lie above the surface, in mm across it; negative below."""
        u, v, h = self.frame.coordinates(positions_mm)
        slopes = _slopes(self.coefficients, u, v) / np.array(self.frame.half_mm)[:, None]
        above: FloatArray = (h - heights(self.coefficients, u, v)) / np.sqrt(1 + (slopes**2).sum(axis=0))
        return above


def frame_of(lung: ReducedLung, prior: FissurePrior) -> Frame:
    """The plane of a prior in one lung's box."""
    found = np.argwhere(lung.inside)
    low, high = lung.positions_mm(np.stack([found.min(axis=0), found.max(axis=0)]))
    size = high - low
    front = low + size * np.array([prior.front, 0.0, 0.5])
    back = low + size * np.array([prior.back, 1.0, 0.5])
    length = float(np.linalg.norm(back - front))
    along = (back - front) / length
    normal = np.array([along[1], -along[0], 0.0])
    return Frame((front + back) / 2, along, normal, (float(size[2]) / 2, length / 2))


def heights(coefficients: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
    """Height in mm of a polynomial with 6 or 10 terms at u, v [n]."""
    found: FloatArray = _terms(u, v)[:, : len(coefficients)] @ coefficients
    return found


def _terms(u: FloatArray, v: FloatArray) -> FloatArray:
    u, v = np.clip(u, -EDGE, EDGE), np.clip(v, -EDGE, EDGE)
    return np.stack([u**p * v**q for p, q in POWERS], axis=1)


def _slopes(coefficients: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
    """Derivatives [2, n] of the height by u and by v."""
    u, v = np.clip(u, -EDGE, EDGE), np.clip(v, -EDGE, EDGE)
    by_u = sum(c * p * u ** max(p - 1, 0) * v**q for c, (p, q) in zip(coefficients, POWERS, strict=True))
    by_v = sum(c * q * u**p * v ** max(q - 1, 0) for c, (p, q) in zip(coefficients, POWERS, strict=True))
    return np.stack([by_u, by_v])


def fit_surface(
    lung: ReducedLung, frame: Frame, evidence: Evidence, prior: FissurePrior, policy: LobePolicy
) -> Surface:
    """The surface through the plates: the best plane first, then a polynomial that lets go of what lies off it."""
    coefficients = np.zeros(len(POWERS))
    coefficients[:3] = _best_plane(frame, evidence, prior, policy)
    for step, width in enumerate(policy.fit_widths_mm):
        for _ in range(3):
            coefficients = _refit(coefficients, evidence, width, policy, degree=2 if step == 0 else 3)
    seen, share = _seen_cells(lung, frame, coefficients, evidence, policy)
    beside = []
    for shift in policy.beside_mm:
        moved = coefficients.copy()
        moved[0] += shift
        beside.append(_seen_cells(lung, frame, moved, evidence, policy)[1])
    is_found = share >= policy.min_seen and share >= policy.min_seen_ratio * float(np.mean(beside))
    return Surface(frame, coefficients, evidence, seen, is_found)


def _best_plane(frame: Frame, evidence: Evidence, prior: FissurePrior, policy: LobePolicy) -> FloatArray:
    """Height, tilt across and tilt along [3] of the plane with most plates and fewest vessels near it."""
    plate_step, vessel_step = (max(1, n // MAX_TRIED) for n in (len(evidence.weights), evidence.vessels.shape[1]))
    plates, vessels = evidence.plates[:, ::plate_step], evidence.vessels[:, ::vessel_step]
    weights = evidence.weights[::plate_step] * plate_step
    worth = policy.vessel_weight * vessel_step * np.ones(vessels.shape[1])
    area_mm2 = 4 * frame.half_mm[0] * frame.half_mm[1]
    offsets = np.arange(-3 * prior.search_mm[0], 3 * prior.search_mm[0] + 1, 3.0)
    best, best_score = np.zeros(3), -np.inf
    for along in np.linspace(-2.5, 2.5, 7) * prior.search_mm[1]:
        for across in np.linspace(-2.5, 2.5, 7) * prior.search_mm[2]:
            near = _near(plates, weights, (across, along), offsets, policy.search_width_mm[0])
            near -= _near(vessels, worth, (across, along), offsets, policy.search_width_mm[1])
            away = (np.array([along, across]) / prior.search_mm[1:]) ** 2
            penalty = (offsets / prior.search_mm[0]) ** 2 + away.sum()
            scores = near * evidence.block_mm3 / (2 * area_mm2) - policy.prior_weight * penalty
            if scores.max() > best_score:
                best_score, best = float(scores.max()), np.array([offsets[scores.argmax()], across, along])
    return best


def _near(
    points: FloatArray, weights: FloatArray, tilt: tuple[float, float], offsets: FloatArray, width_mm: float
) -> FloatArray:
    """Sum of the weights near the tilted plane at each of the offsets, less with the distance, up to `width_mm`."""
    u, v, h = points
    step = 1.0
    reach = int(np.ceil(width_mm / step))
    low = offsets[0] - reach - step
    bins = int((offsets[-1] - offsets[0] + 2 * (reach + step)) / step) + 1
    at = np.rint((h - tilt[0] * u - tilt[1] * v - low) / step).astype(int)
    within = (at >= 0) & (at < bins)
    counts = np.bincount(at[within], weights[within], minlength=bins)
    kernel = np.clip(1 - np.abs(np.arange(-reach, reach + 1)) * step / width_mm, 0, None)
    summed: FloatArray = np.convolve(counts, kernel, mode="same")[np.rint((offsets - low) / step).astype(int)]
    return summed


def _refit(
    coefficients: FloatArray, evidence: Evidence, width_mm: float, policy: LobePolicy, *, degree: int
) -> FloatArray:
    """One step of iteratively reweighted least squares (Tukey's biweight), its coefficients held near 0."""
    u, v, h = evidence.plates
    count = TERMS_OF_DEGREE[degree]
    terms = _terms(u, v)[:, :count]
    off = (h - terms @ coefficients[:count]) / width_mm
    # plates are not independent: one is counted for each patch of 50 mm³, with an error of 2 mm
    weights = evidence.weights * np.clip(1 - off**2, 0, None) ** 2 * evidence.block_mm3 / (50 * 4)
    loose = np.array([policy.stiffness_mm[p + q] for p, q in POWERS[:count]])
    matrix = (terms * weights[:, None]).T @ terms + np.diag(1 / loose**2)
    found = np.zeros(len(POWERS))
    found[:count] = np.linalg.solve(matrix, (terms * weights[:, None]).T @ h)
    return found


def _seen_cells(
    lung: ReducedLung, frame: Frame, coefficients: FloatArray, evidence: Evidence, policy: LobePolicy
) -> tuple[FloatArray, float]:
    """Middles [m, 2] in mm of the surface's cells where plates lie on it, and their share of the cells in the lung."""
    counts = [max(1, round(2 * half / policy.cell_mm)) for half in frame.half_mm]
    u, v = (a.ravel() for a in np.meshgrid(*((np.arange(n) + 0.5) * 2 / n - 1 for n in counts), indexing="ij"))
    places = frame.positions_mm(u, v, heights(coefficients, u, v))
    blocks = np.rint((places - lung.origin_mm) / np.array(lung.spacing_mm)).astype(int)
    valid = ((blocks >= 0) & (blocks < lung.inside.shape)).all(axis=1)
    in_lung = valid.copy()
    in_lung[valid] = lung.inside[tuple(blocks[valid].T)]
    near = np.abs(evidence.plates[2] - heights(coefficients, *evidence.plates[:2])) <= policy.fit_widths_mm[-1]
    cell = [np.floor((evidence.plates[n, near] + 1) / 2 * counts[n]).astype(int) for n in (0, 1)]
    held = (cell[0] >= 0) & (cell[0] < counts[0]) & (cell[1] >= 0) & (cell[1] < counts[1])
    flat = cell[0][held] * counts[1] + cell[1][held]
    mm3 = np.bincount(flat, evidence.weights[near][held], minlength=len(u)) * evidence.block_mm3
    cell_mm2 = 4 * frame.half_mm[0] * frame.half_mm[1] / len(u)
    seen = in_lung & (mm3 / cell_mm2 >= policy.cell_thickness_mm)
    middles = np.stack([u[seen] * frame.half_mm[0], v[seen] * frame.half_mm[1]], axis=1)
    return middles, float(seen.sum() / max(1, in_lung.sum()))


def local_shift_mm(surface: Surface, position_mm: FloatArray, policy: LobePolicy) -> float:
    """How far the plates around a place [3] lie above the surface, in mm; 0 where there are too few."""
    u, v, _ = surface.frame.coordinates(position_mm[None])[:, 0]
    pu, pv, ph = surface.evidence.plates
    half_u, half_v = surface.frame.half_mm
    across = np.hypot((pu - u) * half_u, (pv - v) * half_v)
    off = ph - heights(surface.coefficients, pu, pv)
    near = (across <= policy.local_mm) & (np.abs(off) <= policy.fit_widths_mm[-1])
    weight = float(surface.evidence.weights[near].sum())
    if weight * surface.evidence.block_mm3 / (np.pi * policy.local_mm**2) < policy.local_weight_mm:
        return 0.0
    return float((surface.evidence.weights[near] * off[near]).sum() / weight)


def error_mm(surface: Surface, position_mm: FloatArray, policy: LobePolicy) -> float:
    """Standard deviation of the surface near a place [3], in mm: more with the distance from where it is seen."""
    if not surface.is_found or len(surface.seen_mm) == 0:
        return policy.unseen_error_mm
    u, v, _ = surface.frame.coordinates(position_mm[None])[:, 0]
    place = np.array([u * surface.frame.half_mm[0], v * surface.frame.half_mm[1]])
    away = float(np.sqrt(((surface.seen_mm - place) ** 2).sum(axis=1)).min())
    away = max(0.0, away - policy.cell_mm)
    return min(policy.unseen_error_mm, float(np.hypot(policy.seen_error_mm, policy.error_per_mm * away)))
