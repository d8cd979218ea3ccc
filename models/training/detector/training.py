"""The detector's training, from data to weights, card and document, and the comparison of its variants."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from cad.qa.reliability import logistic_fit
from models.detector.verifier import VerifierConfig
from models.running.cards import Score
from models.training.detector.card import Shipped, write_card
from models.training.detector.evaluate import Labelled
from models.training.detector.members import Architecture, Member, load_member
from models.training.detector.plan import (
    SHIPPED,
    DetectorRecipe,
    Place,
    TrainingData,
    branches,
    material_of,
    roots,
    second_half,
)
from models.training.detector.report import Variant, write_document
from models.training.detector.sampling import patient_of
from models.training.detector.summary import Summary, summary
from models.training.detector.workers import FIRST_FLOOR, Compared, Held, branch, compared, cross, grow, pool_of

logger = logging.getLogger(__name__)

VARIANTS = "variants.json"
BOOTSTRAP_SEED = 5
WIDE = (24, 32, 64, 96, 128)


def train_detector(data: TrainingData, recipe: DetectorRecipe, place: Place, docs: Path) -> Path:
    """The path of the card in `place.out`, with the weights beside it; detector.md and its plots go to `docs`.

    Checkpoints and readings in `place.out` let it resume.
    """
    place.out.mkdir(parents=True, exist_ok=True)
    material = material_of(data, recipe)
    with pool_of(Held(material, recipe, place)) as pool:
        grown = list(pool.map(grow, roots(recipe, [patient_of(b) for b in material.scans])))
        scores = {m.name: fitted_score(seen) for m, seen in zip(grown, pool.map(cross, grown), strict=True)}
        logger.info("weights of the stages: %s", scores)
        tasks = [(m, scores[m.parent or ""]) for m in branches(recipe)]
        results = [fold for fold in pool.map(branch, tasks) if fold is not None]
    found = summary(results, BOOTSTRAP_SEED)
    variants = read_variants(place.out)
    write_document(found, variants, docs)
    return write_card(shipped_of(found, scores, recipe, place), found, variants, place.out)


def fitted_score(labelled: Sequence[Labelled]) -> Score:
    """Weights of both stages' logits, from marks in unseen scans; without any, the logit of the only stage."""
    if not labelled:
        return Score((1.0,), 0.0)
    logits = np.array([values for values, _ in labelled], dtype=float)
    return Score(*logistic_fit(logits, np.array([float(hit) for _, hit in labelled])))


def shipped_of(found: Summary, scores: Mapping[str, Score], recipe: DetectorRecipe, place: Place) -> Shipped:
    """The shipped member with the mean of the roots' weights, calibrated as all folds' readings ask."""
    weights = np.mean([s.weights for s in scores.values()], axis=0)
    intercept = float(np.mean([s.intercept for s in scores.values()]))
    slope, shift = found.calibration.slope, found.calibration.intercept
    score = Score(tuple(float(slope * w) for w in weights), slope * intercept + shift)
    trained = load_member(SHIPPED, recipe.architecture, place.out)
    return Shipped(trained, recipe.architecture, score, FIRST_FLOOR, recipe.version, recipe_lines(recipe))


def recipe_lines(recipe: DetectorRecipe) -> tuple[str, ...]:
    """The recipe as lines of TOML; lists hold one entry for each stage."""
    stages = 1 if recipe.architecture.second is None else 2
    named = {"root": recipe.root[:stages], "fold": recipe.branch[:stages], "shipped": recipe.shipped[:stages]}
    lines = [f"{name}_steps = {[r.steps for r in pair]}" for name, pair in named.items()]
    lines += [f"{name}_batch = {[r.batch for r in pair]}" for name, pair in named.items()]
    lines += [f"{name}_seeds = {[r.seed for r in pair]}" for name, pair in named.items()]
    lines.append(f"folds = {json.dumps([list(fold) for fold in recipe.folds])}")
    return tuple(lines)


def compare_variants(data: TrainingData, recipe: DetectorRecipe, place: Place) -> Path:
    """Trains and measures each variant; the path of the table in `place.out`, which `train_detector` publishes."""
    place.out.mkdir(parents=True, exist_ok=True)
    material = material_of(data, recipe)
    left_out = second_half(recipe, [patient_of(b) for b in material.scans])
    with pool_of(Held(material, recipe, place)) as pool:
        rows = [row for pair in pool.map(compared, variants_of(recipe, left_out)) for row in pair]
    file = place.out / VARIANTS
    file.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    return file


def variants_of(recipe: DetectorRecipe, left_out: tuple[str, ...]) -> tuple[Compared, ...]:
    """The variants: the loss and the width of the first stage, and whether there is a second stage."""
    first, second = recipe.compared
    plain = recipe.architecture
    wide = Architecture(replace(plain.first, channels=WIDE), None)
    both = Architecture(plain.first, VerifierConfig())
    quality = Member("variant-quality", left_out, replace(first, loss="quality"), second)
    return (
        Compared("focal loss", Member("variant-focal", left_out, first, second), both),
        Compared("quality focal loss", quality, plain),
        Compared("wide, focal loss", Member("variant-wide", left_out, first, second), wide),
    )


def read_variants(out: Path) -> tuple[Variant, ...]:
    """The comparison that was written to `out`; empty when there is none."""
    file = out / VARIANTS
    return tuple(Variant(**row) for row in json.loads(file.read_text(encoding="utf-8"))) if file.exists() else ()
