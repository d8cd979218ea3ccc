"""What a report says and shows of a calcium score, in no language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import Artery, CalcifiedLesion, CalciumScore, CalciumSite, OtherCalcium, SiteScore

SLICES = 3
APART_MM = 4.5
"""Slices of a page are at least this far apart where there are enough: neighbours show the same plaques."""


@dataclass(frozen=True, slots=True, eq=False)
class CalciumStatement:
    """What is said of a score.

    `slices` are the canonical slices that pictures show; `with_calcium` the arteries that hold any; `named_others`
    aorta and valves; `sites` every site that has a score; `total` the four arteries together.
    """

    score: CalciumScore
    slices: tuple[int, ...]
    with_calcium: tuple[Artery, ...]
    named_others: tuple[tuple[OtherCalcium, SiteScore], ...]
    sites: tuple[tuple[CalciumSite, SiteScore], ...]
    total: SiteScore


def state_calcium(score: CalciumScore) -> CalciumStatement:
    """What is said of a score. A score of lymph nodes or bone would mean nothing, and is not named."""
    return CalciumStatement(
        score=score,
        slices=shown_slices(score),
        with_calcium=tuple(artery for artery, one in score.arteries if one.lesions),
        named_others=tuple((site, one) for site, one in score.other if site is not OtherCalcium.OTHER),
        sites=(*score.arteries, *score.other),
        total=SiteScore(score.agatston, score.volume_mm3, sum(one.lesions for _, one in score.arteries)),
    )


def shown_slices(calcium: CalciumScore, most: int = SLICES) -> tuple[int, ...]:
    """The canonical slices with the most coronary calcium, the one with the most first, then those of aorta and valves.

    What belongs to none of them is no reason to show a slice.
    """
    chosen: list[int] = []
    for lesions in coronary_and_named(calcium):
        areas = _areas(lesions)
        for k in sorted(areas, key=lambda slice_k: (-areas[slice_k], slice_k)):
            depth_mm = lesions[0].mask.grid.spacing_kji_mm[0]
            if all(abs(k - other) * depth_mm >= APART_MM for other in chosen):
                chosen.append(k)
    return tuple(chosen[:most])


def coronary_and_named(calcium: CalciumScore) -> tuple[tuple[CalcifiedLesion, ...], tuple[CalcifiedLesion, ...]]:
    """The lesions of the arteries, and those of aorta and valves."""
    coronary = tuple(lesion for lesion in calcium.lesions if isinstance(lesion.site, Artery))
    named = (OtherCalcium.AORTA, OtherCalcium.AORTIC_VALVE, OtherCalcium.MITRAL_VALVE)
    return coronary, tuple(lesion for lesion in calcium.lesions if lesion.site in named)


def _areas(lesions: Sequence[CalcifiedLesion]) -> dict[int, int]:
    """How many voxels of lesions each slice has, where there are any."""
    found: dict[int, int] = {}
    for lesion in lesions:
        for row, plane in enumerate(lesion.mask.voxels):
            if count := int(np.count_nonzero(plane)):
                k = lesion.mask.offset[0] + row
                found[k] = found.get(k, 0) + count
    return found
