"""The training of the networks that outline and rate nodules, from crops and scans to weights and cards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from models.nodules.cards import OUTLINE_NAME, RATING_NAME
from models.nodules.crop_evaluation import CropReading, evaluation, measurable
from models.nodules.folds import MEMBERS, fold_of
from models.nodules.inputs import MIN_PROBABILITY
from models.nodules.lidc_crops import RatedNodule
from models.nodules.networks import OutlineNet, RatingNet
from models.running.cards import sha256_of
from models.training.loop import Place
from models.training.nodules.cards import outline_card_text, rating_card_text
from models.training.nodules.ensembles import checkpoint_of, load_average, save_members, train_members
from models.training.nodules.measurement import RatedCrops, honest, honest_outlines
from models.training.nodules.outlines import OutlineRecipe, OutlineSample, train_outline_net
from models.training.nodules.ratings import RatingRecipe, RatingSample, rating_sample, train_rating_net


def train_outline_member(
    samples: Sequence[OutlineSample], recipe: OutlineRecipe, fold: int, checkpoint: Path, device: torch.device
) -> OutlineNet:
    """The member that learns from every sample none of whose patients is of the fold."""
    seen = [s for s in samples if all(fold_of(p) != fold for p in s.patients)]
    return train_outline_net(seen, recipe, checkpoint, device)


def train_rating_member(
    samples: Sequence[RatingSample], recipe: RatingRecipe, fold: int, checkpoint: Path, device: torch.device
) -> RatingNet:
    """The member that learns from the patients outside of the fold."""
    seen = [s for s in samples if fold_of(s.patient) != fold]
    return train_rating_net(seen, recipe.config, recipe.member, checkpoint, device)


def train_outlines(
    samples: Sequence[OutlineSample], nodules: Sequence[RatedNodule], recipe: OutlineRecipe, place: Place
) -> Path:
    """The path of the outlining networks' card in `place.out`, with the weights beside it; resumes what is there.

    `nodules` are measured, each by the member that never saw its patient.
    """
    train_members(partial(train_outline_member, samples, recipe), place)
    members = [load_average(OutlineNet(recipe.config), checkpoint_of(fold, place.out)) for fold in range(MEMBERS)]
    weights = place.out / f"{OUTLINE_NAME}.safetensors"
    save_members(members, weights)
    measured = honest(measurable(nodules))
    found = evaluation(measured, [CropReading(o >= MIN_PROBABILITY) for o in honest_outlines(members, measured, place)])
    card = place.out / f"{OUTLINE_NAME}.toml"
    card.write_text(outline_card_text(recipe, nodules, found, sha256_of(weights)), encoding="utf-8")
    return card


def train_ratings(
    outlines: Sequence[OutlineNet], nodules: Sequence[RatedNodule], recipe: RatingRecipe, place: Place
) -> Path:
    """The path of the rating networks' card in `place.out`, with the weights beside it; resumes what is there.

    `outlines` are the members of the outlining ensemble: the rating networks learn from outlines such as they will be
    given, drawn by the member that never saw the nodule's patient.
    """
    drawn = honest_outlines(outlines, nodules, place)
    samples = [rating_sample(n, o) for n, o in zip(nodules, drawn, strict=True)]
    train_members(partial(train_rating_member, samples, recipe), place)
    members = [load_average(RatingNet(recipe.config), checkpoint_of(fold, place.out)) for fold in range(MEMBERS)]
    weights = place.out / f"{RATING_NAME}.safetensors"
    save_members(members, weights)
    rated_nodules = RatedCrops.read(members, nodules, drawn, torch.device(place.device))
    card = place.out / f"{RATING_NAME}.toml"
    text = rating_card_text(recipe, nodules, rated_nodules, sha256_of(weights))
    card.write_text(text, encoding="utf-8")
    return card
