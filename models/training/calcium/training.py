"""From scans to the mean chest, its courses, and the classifier of calcified lesions, each with its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from cad.domain import Artery, LungMask, ModelIdentity, OtherCalcium, Volume
from cad.policy import CalciumPolicy
from cad.science.calcium.candidates import region_of
from models.calcium.atlas import HEART_NAME, Atlas, read_drawings
from models.calcium.classifier import CLASSIFIER_NAME, Site, SiteClassifier, member_prefix
from models.calcium.features import Place
from models.calcium.fit import MeanChest
from models.calcium.frames import HeartMap, see
from models.calcium.heart import FittedHeart, find_heart
from models.running.cards import sha256_of
from models.training.calcium.cards import classifier_card, heart_card, heart_tensors
from models.training.calcium.classifier import SiteRecipe, samples_of, train_classifier
from models.training.calcium.evaluation import CalciumSummary, SceneResult, result_of, summary_of
from models.training.calcium.mean_chest import FRAME, ChestScan, align, average
from models.training.calcium.scenes import (
    COUNTS,
    HeartScan,
    Rules,
    Scene,
    crop,
    read_lesions,
    scene,
    without_contrast,
)
from models.training.calcium.traces import mean_courses, read_traces

LEAST_LIKENESS = 0.8
"""Scans of the heart have 0.95 and more; see docs/heart.md."""

PLAIN: Mapping[Site, int] = {Artery.LM: 1, Artery.LAD: 3, Artery.LCX: 3, Artery.RCA: 3}
CROWDED: Mapping[Site, int] = {
    **PLAIN,
    OtherCalcium.AORTA: 2,
    OtherCalcium.AORTIC_VALVE: 1,
    OtherCalcium.MITRAL_VALVE: 1,
    OtherCalcium.OTHER: 3,
}
"""What is placed in the scenes that are judged: arteries alone, and with look-alikes."""


@dataclass(frozen=True, slots=True, eq=False)
class CalciumScan:
    """A scan on the slices that are scored, with its lungs."""

    name: str
    volume: Volume
    lungs: LungMask


@dataclass(frozen=True, slots=True)
class CalciumRecipe:
    """How many scenes are made of each scan to learn from and to judge by, and how sites are learnt."""

    scenes: int = 8
    judged: int = 4
    crowded: int = 2
    seed: int = 5
    sites: SiteRecipe = field(default_factory=SiteRecipe)


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    """A scan that was left out of mean chest and courses: the atlas without it, its place there, scenes to judge by."""

    atlas: Atlas
    place: Place
    plain: tuple[Scene, ...]
    crowded: tuple[Scene, ...]
    empty: tuple[Scene, ...]


Say = Callable[[str], None]


def train_calcium(scans: Sequence[CalciumScan], recipe: CalciumRecipe, out: Path, say: Say) -> Path:
    """Writes weights and cards of the mean chest and of the classifier to `out`; the path of the classifier's card."""
    out.mkdir(parents=True, exist_ok=True)
    policy = CalciumPolicy()
    say("averaging chests")
    chests = {scan.name: ChestScan(see(scan.volume, FRAME.spacing_mm), scan.lungs) for scan in scans}
    maps = align(chests)
    atlas = atlas_of(chests, maps, list(chests))
    _write_heart(atlas, out)
    scenes: list[Scene] = []
    hearts: dict[str, FittedHeart] = {}
    folds: dict[str, _Fold] = {}
    for scan in scans:
        say(f"placing plaques in {scan.name}")
        rng = np.random.default_rng([recipe.seed, len(folds)])
        hearts[scan.name] = _found(scan, atlas)
        plain = _prepared(scan, hearts[scan.name], rng)
        scenes += [scene(plain, Rules(atlas, policy), COUNTS, rng) for _ in range(recipe.scenes)]
        rest = atlas_of(chests, maps, [name for name in chests if name != scan.name])
        folds[scan.name] = _fold(scan, rest, recipe, rng)
    say(f"learning sites, and leaving out each of {len(scans)} scans")
    summaries = judge(scenes, hearts, folds, recipe.sites, policy)
    places = {name: Place(heart.map, heart.axis) for name, heart in hearts.items()}
    return _write_classifier(
        train_classifier(samples_of(scenes, places, atlas, recipe.sites), recipe.sites), summaries, recipe, out
    )


def atlas_of(chests: Mapping[str, ChestScan], maps: Mapping[str, HeartMap], names: Sequence[str]) -> Atlas:
    """The atlas of some of the scans."""
    chest = _rounded(average({name: chests[name] for name in names}, maps))
    traces = read_traces()
    courses = mean_courses({name: traces[name] for name in names}, maps)
    identity = ModelIdentity(HEART_NAME, "0", "0" * 64)
    return Atlas(identity, chest, read_drawings(), tuple((a, courses[a]) for a in Artery), LEAST_LIKENESS)


def _rounded(chest: MeanChest) -> MeanChest:
    """As it is stored."""
    return replace(chest, views=(chest.views * 255).round() / 255, weight=(chest.weight * 255).round() / 255)


def _found(scan: CalciumScan, atlas: Atlas) -> FittedHeart:
    heart = find_heart(scan.volume, atlas)
    assert heart is not None, f"no heart was found in {scan.name}"
    return heart


def _prepared(scan: CalciumScan, heart: FittedHeart, rng: np.random.Generator) -> HeartScan:
    known = HeartScan(scan.name, scan.volume, heart, read_traces()[scan.name], read_lesions().get(scan.name, ()))
    ready = without_contrast(crop(known), rng)
    return replace(ready, region=region_of(ready.heart, CalciumPolicy()))


def _fold(scan: CalciumScan, rest: Atlas, recipe: CalciumRecipe, rng: np.random.Generator) -> _Fold:
    """The scenes of a scan with the heart as the atlas of the others finds it; plaques lie on its own traces."""
    heart = _found(scan, rest)
    ready = _prepared(scan, heart, rng)
    rules = Rules(rest, CalciumPolicy(), traced=1.0)
    plain, crowded, empty = (
        tuple(scene(ready, rules, counts, rng) for _ in range(number))
        for counts, number in ((PLAIN, recipe.judged), (CROWDED, recipe.crowded), ({}, 1))
    )
    return _Fold(rest, Place(heart.map, heart.axis), plain, crowded, empty)


def judge(
    scenes: Sequence[Scene],
    hearts: Mapping[str, FittedHeart],
    folds: Mapping[str, _Fold],
    recipe: SiteRecipe,
    policy: CalciumPolicy,
) -> dict[str, CalciumSummary]:
    """The figures on scenes of each scan, read by a classifier, a mean chest and courses that left the scan out."""
    results: dict[str, list[SceneResult]] = {"plain": [], "crowded": [], "empty": []}
    for name, fold in folds.items():
        others = [s for s in scenes if s.scan != name]
        places = {other: Place(heart.map, heart.axis) for other, heart in hearts.items()}
        classifier = train_classifier(samples_of(others, places, fold.atlas, recipe), recipe)
        for kind, made in (("plain", fold.plain), ("crowded", fold.crowded), ("empty", fold.empty)):
            results[kind] += [result_of(s, fold.place, fold.atlas, classifier) for s in made]
    return {kind: summary_of(found, policy) for kind, found in results.items()}


def _write_heart(atlas: Atlas, out: Path) -> None:
    weights = out / f"{HEART_NAME}.safetensors"
    save_file(heart_tensors(atlas), weights)
    (out / f"{HEART_NAME}.toml").write_text(heart_card(atlas, sha256_of(weights)), encoding="utf-8")


def _write_classifier(
    classifier: SiteClassifier, summaries: Mapping[str, CalciumSummary], recipe: CalciumRecipe, out: Path
) -> Path:
    tensors = {"mean": classifier.mean, "scale": classifier.scale}
    for n, member in enumerate(classifier.members):
        tensors |= {member_prefix(n) + key: value.contiguous() for key, value in member.state_dict().items()}
    weights = out / f"{CLASSIFIER_NAME}.safetensors"
    save_file(tensors, weights)
    card = out / f"{CLASSIFIER_NAME}.toml"
    card.write_text(classifier_card(summaries, recipe.sites, sha256_of(weights)), encoding="utf-8")
    return card
