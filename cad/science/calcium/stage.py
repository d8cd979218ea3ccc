"""Coronary calcium of one scan: heart, suitability, candidate lesions, their sites, and the score, in this order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cad.domain import (
    Artery,
    CalcifiedLesion,
    CalciumReader,
    CalciumScore,
    CalciumSite,
    Caution,
    CtSeries,
    Heart,
    LungMask,
    NoduleMask,
    NotAssessed,
    OtherCalcium,
    Phrase,
    Volume,
)
from cad.policy import CalciumPolicy
from cad.policy.calcium_rules import CalciumRule
from cad.science.calcium.candidates import find_lesions
from cad.science.calcium.division import divide
from cad.science.calcium.scores import LesionScore, categories_of, score_between, score_lesion, site_score, tier_of
from cad.science.calcium.slabs import Slabs, scored_slabs
from cad.science.calcium.suitability import (
    caveats_of,
    measure_heart,
    no_heart,
    not_between_lungs,
    technique_of,
    unsuitable,
)

SITES: tuple[CalciumSite, ...] = (*Artery, *OtherCalcium)


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A scan for this stage; `series` None when its headers are not known."""

    volume: Volume
    lungs: LungMask | None
    series: CtSeries | None


def assess_calcium(scan: Scan, reader: CalciumReader, policy: CalciumPolicy) -> CalciumScore | NotAssessed:
    """The score, or why there is none. Heart and lesions are found on the slices that are scored."""
    slabs = scored_slabs(scan.volume, policy)
    heart = reader.heart(slabs.volume, slabs.lungs(scan.lungs))
    if heart is None:
        return no_heart()
    misplaced = not_between_lungs(heart, slabs.lungs(scan.lungs), policy.suitability)
    if misplaced is not None:
        return misplaced
    image = measure_heart(slabs.volume, heart, policy.suitability)
    if image is None:
        return no_heart()
    technique = technique_of(scan.series, scan.volume)
    reason = unsuitable(image, technique.contrast, policy.suitability)
    if reason is not None:
        return reason
    caveats = caveats_of(image, technique, slabs.are_averaged, policy)
    lesions, shifted = _lesions(slabs, heart, reader, policy)
    return with_range(score_calcium(lesions, slabs, heart, caveats, policy), shifted, policy)


def with_range(score: CalciumScore, shifted: float, policy: CalciumPolicy) -> CalciumScore:
    """The score with its range, and with a word where that reaches another tier.

    `shifted` is what the coronary lesions score half-way between the slices: the least that another place of the slices
    would have shown; as much above the score is held to be possible too.
    """
    repeat = policy.repeat_limit * math.sqrt(score.agatston)
    off = max(repeat, score.agatston - shifted)
    low, high = max(0.0, score.agatston - off), score.agatston + off
    tiers = tuple(dict.fromkeys(tier_of(value, policy) for value in (low, score.agatston, high)))
    caveats = score.caveats
    if len(tiers) > 1:
        text = (
            f"Slices at other places, or another scan of the same day, could have given {low:.0f} to {high:.0f}: "
            f"the tier could be {' or '.join(tiers)}."
        )
        caveats = (*caveats, Caution("score-range", text))
    return replace(score, agatston_range=(low, high), caveats=caveats)


def score_calcium(
    lesions: Sequence[CalcifiedLesion], slabs: Slabs, heart: Heart, caveats: tuple[Caution, ...], policy: CalciumPolicy
) -> CalciumScore:
    """The sums over lesions, and the categories that follow."""
    arteries = tuple((artery, site_score(lesions, artery)) for artery in Artery)
    others = ((other, site_score(lesions, other)) for other in OtherCalcium)
    agatston = sum(score.agatston for _, score in arteries)
    vessels = sum(score.agatston > 0 for _, score in arteries)
    tier = tier_of(agatston, policy)
    dz, dy, dx = slabs.volume.grid.spacing_kji_mm
    return CalciumScore(
        lesions=tuple(sorted(lesions, key=_rank)),
        arteries=arteries,
        other=tuple((other, score) for other, score in others if score.lesions),
        agatston=agatston,
        volume_mm3=sum(score.volume_mm3 for _, score in arteries),
        tier=tier,
        categories=categories_of(agatston, vessels, policy),
        variant=variant_of(slabs, policy),
        very_high=agatston >= policy.very_high_from,
        caveats=caveats,
        scored_spacing_mm=(dx, dy, dz),
        threshold_hu=policy.threshold_hu,
        searched=slabs.on_series(largest_slice(heart)),
    )


def largest_slice(heart: Heart) -> NoduleMask:
    """The heart in the slice that shows most of it."""
    k = int(np.argmax(np.count_nonzero(heart.heart.voxels, axis=(1, 2))))
    return NoduleMask(heart.heart.voxels[k : k + 1].copy(), (k, 0, 0), heart.heart.grid)


def variant_of(slabs: Slabs, policy: CalciumPolicy) -> Phrase:
    """By which rules a score was computed: implementations differ in each of them."""
    increment, source = slabs.volume.grid.spacing_kji_mm[0], slabs.series_grid.spacing_kji_mm[0]
    slices = Phrase(CalciumRule.SLICES, mm=increment)
    if slabs.are_averaged:
        slices = Phrase(CalciumRule.AVERAGED_SLICES, mm=increment, source=source)
    return Phrase(
        CalciumRule.VARIANT,
        connectivity=policy.connectivity,
        threshold=policy.threshold_hu,
        area=policy.min_area_mm2,
        increment=policy.reference_increment_mm,
        slices=slices,
    )


def _lesions(
    slabs: Slabs, heart: Heart, reader: CalciumReader, policy: CalciumPolicy
) -> tuple[tuple[CalcifiedLesion, ...], float]:
    """The lesions that score, each with its site, and what the coronary ones score half-way between the slices."""
    found = divide(find_lesions(slabs.volume, heart, policy), heart, policy)
    scored = [(lesion, score) for lesion in found if (score := score_lesion(slabs.volume, lesion, policy)) is not None]
    sites = reader.sites(slabs.volume, heart, tuple(lesion for lesion, _ in scored))
    shifted = sum(
        score_between(slabs.volume, lesion, policy)
        for (lesion, _), (site, _) in zip(scored, sites, strict=True)
        if isinstance(site, Artery)
    )
    lesions = tuple(
        _lesion(slabs.on_series(lesion), score, site, certainty)
        for (lesion, score), (site, certainty) in zip(scored, sites, strict=True)
    )
    return lesions, shifted


def _lesion(mask: NoduleMask, score: LesionScore, site: CalciumSite, certainty: float) -> CalcifiedLesion:
    return CalcifiedLesion(
        site=site,
        certainty=certainty,
        mask=mask,
        centre=score.centre,
        agatston=score.agatston,
        volume_mm3=score.volume_mm3,
        max_hu=score.max_hu,
        mean_hu=score.mean_hu,
    )


def _rank(lesion: CalcifiedLesion) -> tuple[float, ...]:
    """Coronary lesions first, by artery, the largest first."""
    return (SITES.index(lesion.site), -lesion.agatston, lesion.centre.z, lesion.centre.y, lesion.centre.x)
