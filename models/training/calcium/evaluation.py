"""What the classifier finds of plaques placed on scans that were left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cad.domain import Artery, CalciumTier
from cad.policy import CalciumPolicy
from cad.qa.agreement import Weighting, cohen_kappa, confusion
from cad.science.calcium.scores import tier_of
from models.calcium.atlas import Atlas
from models.calcium.classifier import Site, SiteClassifier
from models.calcium.features import Place, features_of
from models.training.calcium.scenes import Scene, Seen


@dataclass(frozen=True, slots=True)
class SceneResult:
    """One scene: true and given site of each region that a coronary plaque made, and false coronary regions.

    `missed` counts coronary plaques that made no region of 130 HU at all; `totals` are the true Agatston score over
    regions of coronary plaques and coronary lesions of the scan itself, and the given one.
    """

    scan: str
    pairs: tuple[tuple[Artery, Site], ...]
    false: int
    false_agatston: float
    totals: tuple[float, float]
    invisible: int


def result_of(scene: Scene, place: Place, atlas: Atlas, classifier: SiteClassifier) -> SceneResult:
    """The scene as the classifier reads it."""
    regions = scene.regions
    given = classifier.sites(features_of(place, atlas, [region.look for region in regions]))
    pairs, false, false_score, truth, found = [], 0, 0.0, 0.0, 0.0
    for region, (site, _) in zip(regions, given, strict=True):
        if isinstance(site, Artery):
            found += region.agatston
        if isinstance(region.site, Artery):
            truth += region.agatston
            if region.placed:
                pairs.append((region.site, site))
        elif isinstance(site, Artery):
            false, false_score = false + 1, false_score + region.agatston
    return SceneResult(
        scene.scan,
        tuple(pairs),
        false=false,
        false_agatston=false_score,
        totals=(truth, found),
        invisible=_invisible(scene, regions),
    )


def _invisible(scene: Scene, regions: Sequence[Seen]) -> int:
    seen = {region.plaque for region in regions if region.placed}
    return sum(isinstance(p.site, Artery) and n not in seen for n, p in enumerate(scene.plaques, start=1))


@dataclass(frozen=True, slots=True)
class CalciumSummary:
    """Figures over scenes. `sensitivity`: of the regions that coronary plaques made, the part called coronary.

    `artery_right`: of those, the part given to the right artery, by artery and over all. `kappa`: agreement of the four
    tiers, quadratic weights.
    """

    plaques: int
    sensitivity: float
    artery_right: float
    by_artery: Mapping[Artery, tuple[int, float, float]]
    """Number, sensitivity, part right among those found."""
    false_per_scene: float
    false_agatston_per_scene: float
    kappa: float
    scenes: int


def summary_of(results: Sequence[SceneResult], policy: CalciumPolicy) -> CalciumSummary:
    """The figures over the scenes."""
    pairs = [pair for result in results for pair in result.pairs]
    true, given = ([tier_of(result.totals[n], policy) for result in results] for n in (0, 1))
    return CalciumSummary(
        plaques=len(pairs),
        sensitivity=_share([isinstance(b, Artery) for _, b in pairs]),
        artery_right=_share([a is b for a, b in pairs if isinstance(b, Artery)]),
        by_artery={artery: _of_one(artery, pairs) for artery in Artery},
        false_per_scene=float(np.mean([result.false for result in results])),
        false_agatston_per_scene=float(np.mean([result.false_agatston for result in results])),
        kappa=cohen_kappa(confusion(true, given, list(CalciumTier)), Weighting.QUADRATIC),
        scenes=len(results),
    )


def _of_one(artery: Artery, pairs: Sequence[tuple[Artery, Site]]) -> tuple[int, float, float]:
    own = [site for truth, site in pairs if truth is artery]
    found = [site for site in own if isinstance(site, Artery)]
    return len(own), _share([isinstance(site, Artery) for site in own]), _share([site is artery for site in found])


def _share(hits: Sequence[bool]) -> float:
    return float(np.mean(hits)) if hits else float("nan")
