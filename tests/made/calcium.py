"""Coronary calcium for the tests: scores built by hand, with lesions at known voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cad.domain import (
    Artery,
    CalcifiedLesion,
    CalciumCategory,
    CalciumScore,
    CalciumSite,
    CalciumTier,
    Caution,
    Grid,
    NoduleMask,
    NotAssessed,
    NotAssessedReason,
    OtherCalcium,
    Phrase,
    SiteScore,
)
from cad.geometry import position_of
from cad.policy.calcium_rules import CalciumRule

VARIANT = Phrase(
    CalciumRule.VARIANT,
    connectivity=8,
    threshold=130.0,
    area=1.0,
    increment=3.0,
    slices=Phrase(CalciumRule.SLICES, mm=3.0),
)
NON_GATED = Caution("calcium-non-gated", "The calcium score is an estimate from a scan without ECG gating.")
TIER_SCHEME = "Agatston tiers 0 / 1-99 / 100-399 / >=400"

CONTRAST = NotAssessed(
    NotAssessedReason.CONTRAST,
    "Coronary calcium was not scored: the blood measures 231 HU, which is contrast medium.",
    (("blood_hu", 231.0), ("limit_hu", 90.0)),
)


@dataclass(frozen=True, slots=True)
class Plaque:
    """A box of calcium: its first voxel (k, j, i), its size in voxels, and what it scores."""

    site: CalciumSite
    first: tuple[int, int, int]
    size: tuple[int, int, int]
    agatston: float
    certainty: float = 0.9


LAD = Plaque(Artery.LAD, (20, 40, 66), (2, 2, 5), 150.2)
RCA = Plaque(Artery.RCA, (16, 42, 50), (1, 3, 2), 37.25, 0.71)
AORTA = Plaque(OtherCalcium.AORTA, (22, 50, 70), (2, 2, 2), 61.0)
"""On the grid of the phantom series, 40 × 96 × 128 voxels of 2.5 × 2 × 2 mm."""

PLAQUES = (LAD, Plaque(Artery.LAD, (24, 41, 70), (1, 2, 2), 12.0), RCA, AORTA)


def a_lesion(plaque: Plaque, grid: Grid) -> CalcifiedLesion:
    """The lesion of a box of calcium; its volume is that of its voxels."""
    mask = NoduleMask(np.ones(plaque.size, dtype=np.bool_), plaque.first, grid)
    k, j, i = (first + (size - 1) / 2 for first, size in zip(plaque.first, plaque.size, strict=True))
    return CalcifiedLesion(
        site=plaque.site,
        certainty=plaque.certainty,
        mask=mask,
        centre=position_of(grid, (k, j, i)),
        agatston=plaque.agatston,
        volume_mm3=mask.voxel_count * grid.voxel_volume_mm3,
        max_hu=412.0,
        mean_hu=233.0,
    )


def a_score(grid: Grid, plaques: tuple[Plaque, ...] = PLAQUES, *, very_high: bool = False) -> CalciumScore:
    """The score of these lesions; categories are those of CAC-DRS and the four tiers by their published limits."""
    lesions = tuple(a_lesion(plaque, grid) for plaque in plaques)
    scores = {site: _sum(lesions, site) for site in (*Artery, *OtherCalcium)}
    total = sum(scores[artery].agatston for artery in Artery)
    vessels = sum(scores[artery].agatston > 0 for artery in Artery)
    dk, dj, di = grid.spacing_kji_mm
    tier = _tier(total)
    return CalciumScore(
        lesions=lesions,
        arteries=tuple((artery, scores[artery]) for artery in Artery),
        other=tuple((other, scores[other]) for other in OtherCalcium if scores[other].lesions),
        agatston=total,
        volume_mm3=sum(scores[artery].volume_mm3 for artery in Artery),
        tier=tier,
        categories=(
            CalciumCategory("CAC-DRS", f"A{_level(total)}/N{vessels}"),
            CalciumCategory(TIER_SCHEME, tier.value),
        ),
        variant=VARIANT,
        very_high=very_high,
        caveats=(NON_GATED,),
        scored_spacing_mm=(di, dj, dk),
        threshold_hu=130.0,
        searched=NoduleMask(np.ones((1, 30, 40), dtype=np.bool_), (20, 30, 50), grid),
    )


def _sum(lesions: tuple[CalcifiedLesion, ...], site: CalciumSite) -> SiteScore:
    own = [lesion for lesion in lesions if lesion.site is site]
    return SiteScore(sum(one.agatston for one in own), sum(one.volume_mm3 for one in own), len(own))


LIMITS: Mapping[CalciumTier, float] = {
    CalciumTier.SEVERE: 400.0,
    CalciumTier.MODERATE: 100.0,
    CalciumTier.MILD: 1e-9,
    CalciumTier.NONE: 0.0,
}


def _tier(total: float) -> CalciumTier:
    return next(tier for tier, limit in LIMITS.items() if total >= limit)


def _level(total: float) -> int:
    return 0 if total == 0 else 1 + (total >= 100) + (total >= 300)
