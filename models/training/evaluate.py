"""Evaluation on scans left out of training: inserted nodules for FROC, real nodules one by one, score calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import Candidate, Detector, Int16Array, LungMask, PointLps, Volume
from cad.geometry import grid_from
from cad.policy import CandidatePolicy
from cad.qa.froc import Reference, ScanMatch, match_marks
from cad.science.candidates import select_candidates
from models.training.blend import blend, drawn_composition, drawn_diameter_mm, drawn_shape, is_visible, overlap, render
from models.training.sampling import Background, Lesion
from models.training.shapes import NoduleShape
from models.training.sites import drawn_site

MIN_EVALUATED_MM = 4.0
LOWEST_SCORE = 0.005

LARGE_SHARE = 0.25
"""Share of inserted nodules above 10 mm."""


@dataclass(frozen=True, slots=True, eq=False)
class InsertedScan:
    """A left-out scan with inserted nodules and their references."""

    hu: Int16Array
    references: tuple[Reference, ...]


def inserted_scan(background: Background, shapes: Sequence[NoduleShape], count: int, seed: int) -> InsertedScan:
    """The background with up to `count` nodules of at least 4 mm that touch neither each other nor real ones."""
    rng = np.random.default_rng(seed)
    hu = background.hu.astype(np.float32)
    taken: list[Lesion] = [*background.lesions, *background.unsure]
    references = [_reference(lesion, ignore=True, kind="real") for lesion in taken]
    for _ in range(count * 4):
        if len(references) >= count + len(background.lesions) + len(background.unsure):
            break
        diameter = drawn_diameter_mm(rng, LARGE_SHARE)
        shape = drawn_shape(shapes, diameter, rng)
        composition = drawn_composition(rng, shape.texture)
        assert background.sites is not None
        centre = drawn_site(background.sites, diameter, rng)
        if diameter < MIN_EVALUATED_MM or _touches(centre, diameter, taken):
            continue
        nodule = render(shape, composition, diameter, background.optics, rng)
        corner = tuple(round(c - (n - 1) / 2) for c, n in zip(centre, nodule.opacity.shape, strict=True))
        there, _ = overlap(hu.shape, corner, nodule.opacity.shape)
        before = hu[there].copy()
        blend(hu, nodule, (corner[0], corner[1], corner[2]), background.optics, rng)
        if not is_visible(before, hu[there], nodule.diameter_mm):
            hu[there] = before
            continue
        lesion = Lesion((float(centre[0]), float(centre[1]), float(centre[2])), nodule.diameter_mm)
        taken.append(lesion)
        references.append(_reference(lesion, ignore=False, kind=composition.value))
    return InsertedScan(hu.round().clip(-1024, 3071).astype(np.int16), tuple(references))


def _touches(centre: Sequence[float], diameter_mm: float, others: Sequence[Lesion]) -> bool:
    return any(np.linalg.norm(np.subtract(centre, o.centre)) < (diameter_mm + o.diameter_mm) / 2 + 5 for o in others)


def _reference(lesion: Lesion, *, ignore: bool, kind: str) -> Reference:
    k, j, i = lesion.centre
    return Reference(PointLps(i, j, k), max(lesion.diameter_mm, 5.0), ignore, kind)


def marks_on(hu: Int16Array, background: Background, detector: Detector) -> tuple[Candidate, ...]:
    """The detector's marks on an array of the background's 1 mm grid (LPS = i, j, k), as the pipeline selects them."""
    grid = grid_from((hu.shape[0], hu.shape[1], hu.shape[2]), (1.0, 1.0, 1.0), PointLps(0, 0, 0))
    lungs = LungMask(np.array(background.lungs), grid)
    marks = detector(Volume(np.array(hu), grid, "evaluation"), lungs, LOWEST_SCORE)
    return select_candidates(marks, lungs, CandidatePolicy())


@dataclass(frozen=True, slots=True)
class RealNodule:
    """A real nodule of a left-out scan: its best mark's score and how many false marks of that scan score higher."""

    scan: str
    diameter_mm: float
    sure: bool
    score: float | None
    false_marks_above: int


def evaluate_inserted(
    detector: Detector, backgrounds: Sequence[Background], shapes: Sequence[NoduleShape], repeats: int, seed: int
) -> list[ScanMatch]:
    """Matches of `repeats` differently filled copies of each left-out scan, 10 nodules each."""
    matches = []
    for n, background in enumerate(backgrounds):
        for repeat in range(repeats):
            scan = inserted_scan(background, shapes, 10, seed + 1000 * n + repeat)
            matches.append(match_marks(marks_on(scan.hu, background, detector), scan.references))
    return matches


def evaluate_real(detector: Detector, backgrounds: Sequence[Background]) -> list[RealNodule]:
    """Each real nodule of the left-out scans against the scan's false marks."""
    found = []
    for background in backgrounds:
        lesions = [*((s, True) for s in background.lesions), *((s, False) for s in background.unsure)]
        references = [_reference(lesion, ignore=False, kind="real") for lesion, _ in lesions]
        match = match_marks(marks_on(background.hu, background, detector), references)
        for (lesion, sure), hit in zip(lesions, match.hits, strict=True):
            above = sum(1 for s in match.false_scores if hit is None or s > hit)
            found.append(RealNodule(background.name, lesion.diameter_mm, sure, hit, above))
    return found


def fitted_calibration(matches: Sequence[ScanMatch]) -> tuple[float, float]:
    """Slope and intercept of a logistic regression of "is a nodule" on the logit of the score (Platt 1999).

    Newton's method on scores of at least 0.005; the scores must come from an uncalibrated detector (slope 1,
    intercept 0).
    """
    hits = [h for m in matches for h in m.hits if h is not None]
    false = [s for m in matches for s in m.false_scores]
    score = np.clip(np.array(hits + false), 1e-6, 1 - 1e-6)
    truth = np.array([1.0] * len(hits) + [0.0] * len(false))
    design = np.stack([np.log(score / (1 - score)), np.ones_like(score)], axis=1)
    theta = np.array([1.0, 0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ theta))
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + 1e-6 * np.eye(2)
        theta = theta + np.linalg.solve(hessian, design.T @ (truth - p))
    return float(theta[0]), float(theta[1])


def calibration_error(matches: Sequence[ScanMatch], bins: int = 10) -> float:
    """Expected calibration error of marks of at least 0.05, over equal-width bins of the score."""
    scored = [(h, 1.0) for m in matches for h in m.hits if h is not None and h >= 0.05]
    scored += [(s, 0.0) for m in matches for s in m.false_scores if s >= 0.05]
    score, truth = np.array(scored).T
    bin_of = np.minimum((score * bins).astype(int), bins - 1)
    gaps = [
        np.mean(bin_of == b) * abs(score[bin_of == b].mean() - truth[bin_of == b].mean())
        for b in range(bins)
        if (bin_of == b).any()
    ]
    return float(np.sum(gaps))


def strata(matches: Sequence[ScanMatch]) -> dict[str, list[float | None]]:
    """Hits by composition and by size, for tables: name → score of each, None when missed."""
    table: dict[str, list[float | None]] = {}
    for match in matches:
        for reference, hit in zip(match.references, match.hits, strict=True):
            size = "4-6 mm" if reference.diameter_mm < 6 else "6-10 mm" if reference.diameter_mm < 10 else ">=10 mm"
            table.setdefault(reference.kind, []).append(hit)
            table.setdefault(size, []).append(hit)
    return table
