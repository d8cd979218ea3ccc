"""Trains the networks that name a lesion's site, on regions of scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from cad.domain import Float32Array
from models.calcium.atlas import Atlas
from models.calcium.classifier import SITES, SiteClassifier, SiteNet
from models.calcium.features import Place, features_of
from models.training.calcium.scenes import Scene, Seen

OWN_WEIGHT = 0.4
"""What a region of the scan itself counts: it comes back in every scene of that scan."""


NOISE = 0.05
"""Spread of the noise on standardised features."""


@dataclass(frozen=True, slots=True)
class SiteRecipe:
    """How the classifier is trained.

    Each region is learnt under `copies` maps that miss the heart by `shift_mm` and its size and turn by `stretch`.
    """

    members: int = 4
    hidden: int = 48
    epochs: int = 25
    batch: int = 256
    rate: float = 3e-3
    decay: float = 3e-3
    copies: int = 4
    shift_mm: float = 3.0
    stretch: float = 0.035
    smoothing: float = 0.03
    threshold: float = 0.3
    seed: int = 11


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Features [n, features], sites [n] (index of `SITES`) and weights [n]."""

    features: Float32Array
    sites: torch.Tensor
    weights: torch.Tensor


def samples_of(scenes: Sequence[Scene], places: Mapping[str, Place], atlas: Atlas, recipe: SiteRecipe) -> Samples:
    """The regions of scenes under shaken maps."""
    rng = np.random.default_rng(recipe.seed)
    features, sites, weights = [], [], []
    for scene in scenes:
        for copy in range(recipe.copies):
            place = places[scene.scan] if copy == 0 else _shaken(places[scene.scan], recipe, rng)
            features.append(features_of(place, atlas, [region.look for region in scene.regions]))
            sites += [SITES.index(region.site) for region in scene.regions]
            weights += [_weight(region) for region in scene.regions]
    return Samples(np.concatenate(features), torch.tensor(sites), torch.tensor(weights))


def _weight(region: Seen) -> float:
    return 1.0 if region.placed else OWN_WEIGHT


def _shaken(place: Place, recipe: SiteRecipe, rng: np.random.Generator) -> Place:
    stretch = torch.eye(3) + torch.tensor(rng.normal(0, recipe.stretch, (3, 3)), dtype=torch.float32)
    shift = torch.tensor(rng.normal(0, recipe.shift_mm, 3), dtype=torch.float32)
    return Place(replace(place.map, matrix=place.map.matrix @ stretch, offset=place.map.offset + shift), place.axis)


def train_classifier(samples: Samples, recipe: SiteRecipe) -> SiteClassifier:
    """The ensemble; the same for the same samples and seed."""
    x = torch.from_numpy(samples.features)
    mean, scale = x.mean(dim=0), x.std(dim=0).clamp_min(0.05)
    balance = torch.bincount(samples.sites, weights=samples.weights, minlength=len(SITES)).clamp_min(1.0) ** -0.5
    weights = samples.weights * balance[samples.sites]
    standard = Samples(((x - mean) / scale).clamp(-6, 6).numpy(), samples.sites, weights / weights.mean())
    members = tuple(_member(standard, recipe, recipe.seed + n) for n in range(recipe.members))
    return SiteClassifier(members, mean, scale, recipe.threshold)


def _member(samples: Samples, recipe: SiteRecipe, seed: int) -> SiteNet:
    torch.manual_seed(seed)
    network = SiteNet(hidden=recipe.hidden)
    adam = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    x = torch.from_numpy(samples.features)
    steps = recipe.epochs * (len(x) // recipe.batch + 1)
    falling = torch.optim.lr_scheduler.OneCycleLR(adam, recipe.rate, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(x), (recipe.batch,))
        noise = torch.randn(recipe.batch, x.shape[1]) * NOISE
        logits = network(x[chosen] + noise)
        losses = torch.nn.functional.cross_entropy(
            logits, samples.sites[chosen], reduction="none", label_smoothing=recipe.smoothing
        )
        loss = (losses * samples.weights[chosen]).mean()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        falling.step()
    return network.eval()
