"""The detector's training, from data to weights, card and document, and the comparison of its variants."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from models.running.cards import Score
from models.training.detector.card import Shipped, write_card
from models.training.detector.members import Member, load_member
from models.training.detector.patches import patient_of
from models.training.detector.plan import (
    SHIPPED,
    DetectorRecipe,
    TrainingData,
    branches,
    material_of,
    roots,
    second_half,
)
from models.training.detector.report import Variant, write_document
from models.training.detector.summary import Summary, summary
from models.training.detector.workers import FLOOR, Compared, Held, branch, compare, grow, pool_of
from models.training.loop import Place

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
        # branches go on from the roots' checkpoints
        list(pool.map(grow, roots(recipe, [patient_of(b) for b in material.scans])))
        results = [fold for fold in pool.map(branch, branches(recipe)) if fold is not None]
    found = summary(results, BOOTSTRAP_SEED)
    variants = read_variants(place.out)
    write_document(found, variants, docs)
    return write_card(shipped_of(found, recipe, place), found, variants, place.out)


def shipped_of(found: Summary, recipe: DetectorRecipe, place: Place) -> Shipped:
    """The shipped member, calibrated as all folds' readings ask."""
    score = Score(found.calibration.slope, found.calibration.intercept)
    network = load_member(SHIPPED, recipe.config, place.out)
    return Shipped(network, score, FLOOR, recipe.version, recipe_lines(recipe))


def recipe_lines(recipe: DetectorRecipe) -> tuple[str, ...]:
    """The recipe as lines of TOML."""
    named = {"root": recipe.root, "fold": recipe.branch, "shipped": recipe.shipped}
    lines = [f"{name}_steps = {r.steps}" for name, r in named.items()]
    lines += [f"{name}_batch = {r.batch}" for name, r in named.items()]
    lines += [f"{name}_seed = {r.seed}" for name, r in named.items()]
    lines.append(f"folds = {json.dumps([list(fold) for fold in recipe.folds])}")
    return tuple(lines)


def compare_variants(data: TrainingData, recipe: DetectorRecipe, place: Place) -> Path:
    """Trains and measures each variant; the path of the table in `place.out`, which `train_detector` publishes."""
    place.out.mkdir(parents=True, exist_ok=True)
    material = material_of(data, recipe)
    left_out = second_half(recipe, [patient_of(b) for b in material.scans])
    with pool_of(Held(material, recipe, place)) as pool:
        rows = list(pool.map(compare, variants_of(recipe, left_out)))
    file = place.out / VARIANTS
    file.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    return file


def variants_of(recipe: DetectorRecipe, left_out: tuple[str, ...]) -> tuple[Compared, ...]:
    """The variants: the loss and the width of the network."""
    plain, config = recipe.compared, recipe.config
    wide = replace(config, channels=WIDE)
    return (
        Compared("focal loss", Member("variant-focal", left_out, plain), config),
        Compared("quality focal loss", Member("variant-quality", left_out, replace(plain, loss="quality")), config),
        Compared("wide, focal loss", Member("variant-wide", left_out, plain), wide),
    )


def read_variants(out: Path) -> tuple[Variant, ...]:
    """The comparison that was written to `out`; empty when there is none."""
    file = out / VARIANTS
    return tuple(Variant(**row) for row in json.loads(file.read_text(encoding="utf-8"))) if file.exists() else ()
