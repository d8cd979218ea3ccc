"""Learning to rate nodules as readers do: samples, batches, loss and loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from cad.domain import Float32Array
from models.detector.rpn3d import on_device
from models.nodules.crop_evaluation import crop_of, suspicion_of
from models.nodules.inputs import MARGIN_SLICES, RATED_SIDE, Crop, rated_part, rating_channels, size_facts
from models.nodules.lidc_crops import RatedNodule
from models.nodules.networks import CHANNELS, MIDDLE_RATING, RATED, RATING_STEP, SIZE_FACTS, RatingNet, TrunkConfig
from models.training.loop import PhaseRecipe, train_network
from models.training.nodules.outlines import flip, in_other_greys, turn

SLICES_PER_BATCH = 200

ABSENT = 6
"""The rating of calcification that stands for none."""

UNSURE_WEIGHT = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class RatingSample:
    """One rated nodule: `contrast` and `outline` 0..1 as a network drew it, float32 [k, j, i].

    `suspicion` is the target 0..1 and how much it counts; `calcified` the share of readers who saw calcium; `rated`
    are the mean ratings of `RATED` in the network's units. `weight` is that of the whole sample.
    """

    patient: str
    contrast: Float32Array
    outline: Float32Array
    spacing_mm: tuple[float, float, float]
    suspicion: tuple[float, float]
    calcified: float
    rated: tuple[float, ...]
    weight: float


def rating_sample(nodule: RatedNodule, outline: Float32Array) -> RatingSample:
    """What a nodule's readers said of it, with an outline [k, j, i] from a network that never saw its patient."""
    decided = suspicion_of(nodule)
    mean = nodule.mean_rating("malignancy")
    # what readers are unsure about still tells order
    target = (mean - 1) / 4 if decided is None else float(decided)
    rated = tuple((nodule.mean_rating(name) - MIDDLE_RATING) / RATING_STEP for name in RATED)
    calcified = float((nodule.ratings["calcification"] < ABSENT).mean())
    suspicion = (target, UNSURE_WEIGHT if decided is None else 1.0)
    weight = min(nodule.readers, 4) / 4
    crop, outline = rated_part(crop_of(nodule), outline)
    return RatingSample(
        nodule.patient,
        crop.contrast,
        outline=outline,
        spacing_mm=nodule.spacing_mm,
        suspicion=suspicion,
        calcified=calcified,
        rated=rated,
        weight=weight,
    )


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Channels [n, 6, k, j, i], facts [n, 4], targets [n, 2 + len(RATED)], weights of suspicion and of the rest [n, 2]."""


def passes(samples: Sequence[RatingSample], seed: int) -> Iterator[Batch]:
    """Endless augmented batches; in each pass every sample comes once."""
    rng = np.random.default_rng(seed)
    while True:
        for group in groups(samples, rng):
            yield batch_of([augment(samples[n], rng) for n in group])


def groups(samples: Sequence[RatingSample], rng: np.random.Generator) -> list[list[int]]:
    """One pass in random order, as groups of samples with about as many slices each."""
    order = rng.permutation(len(samples))
    found: list[list[int]] = []
    for start in range(0, len(order), 128):
        group: list[int] = []
        for n in sorted(order[start : start + 128], key=lambda n: len(samples[n].contrast)):
            if group and (len(group) + 1) * (len(samples[n].contrast) + 2) > SLICES_PER_BATCH:
                found.append(group)
                group = []
            group.append(int(n))
        found.append(group)
    return [found[n] for n in rng.permutation(len(found)) if len(found[n]) > 1]


def batch_of(samples: Sequence[RatingSample]) -> Batch:
    """Samples as tensors, padded along k to the longest."""
    shape = (max(len(s.contrast) for s in samples) + 2 * MARGIN_SLICES, RATED_SIDE, RATED_SIDE)
    channels = np.zeros((len(samples), CHANNELS, *shape), dtype=np.float32)
    facts = np.zeros((len(samples), SIZE_FACTS), dtype=np.float32)
    for n, s in enumerate(samples):
        middle = tuple((m - 1) / 2 for m in s.contrast.shape)
        crop = Crop(s.contrast, s.spacing_mm, (middle[0], middle[1], middle[2]))
        channels[n] = rating_channels(crop, s.outline, shape)
        facts[n] = size_facts(s.outline, s.spacing_mm)
    targets = np.array([(s.suspicion[0], s.calcified, *s.rated) for s in samples], dtype=np.float32)
    weights = np.array([(s.suspicion[1] * s.weight, s.weight) for s in samples], dtype=np.float32)
    return torch.from_numpy(channels), torch.from_numpy(facts), torch.from_numpy(targets), torch.from_numpy(weights)


def augment(sample: RatingSample, rng: np.random.Generator) -> RatingSample:
    """The sample turned, in other grey values, with an outline that is a little too large or too small."""
    image, outline, spacing = sample.contrast, sample.outline, sample.spacing_mm
    if rng.random() < 0.8:
        image, outline, spacing = turn(image, outline, spacing, rng)
    image, outline = flip(image, outline, rng)
    outline = outline ** np.float32(np.exp(rng.normal(scale=0.25)))
    return replace(sample, contrast=in_other_greys(image, rng), outline=outline, spacing_mm=spacing)


def rating_loss(output: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Cross-entropy of suspicion and calcification and the error of the ratings, each weighted by the readers.

    The output is [n, 2 + len(RATED)].
    """
    _, _, targets, weights = batch
    entropy = F.binary_cross_entropy_with_logits(output[:, :2], targets[:, :2], reduction="none")
    suspicion = (entropy[:, 0] * weights[:, 0]).sum() / weights[:, 0].sum().clamp_min(1e-3)
    calcified = (entropy[:, 1] * weights[:, 1]).sum() / weights[:, 1].sum()
    errors = F.smooth_l1_loss(output[:, 2:], targets[:, 2:], reduction="none", beta=0.5).mean(dim=1)
    rated = (errors * weights[:, 1]).sum() / weights[:, 1].sum()
    return suspicion + 0.5 * calcified + 2.0 * rated


@dataclass(frozen=True, slots=True)
class RatingRecipe:
    """How the rating networks are trained."""

    version: str = "0.1.0"
    config: TrunkConfig = field(default_factory=lambda: TrunkConfig((12, 24, 48, 96)))
    member: PhaseRecipe = field(
        default_factory=lambda: PhaseRecipe(
            steps=2500, learning_rate=1.5e-3, weight_decay=5e-2, ema_decay=0.998, mine_every=500
        )
    )


def train_rating_net(
    samples: Sequence[RatingSample], config: TrunkConfig, recipe: PhaseRecipe, checkpoint: Path, device: torch.device
) -> RatingNet:
    """The averaged network after `recipe.steps` steps; resumes from `checkpoint` when it exists."""
    torch.manual_seed(recipe.seed)

    def loss_of(network: RatingNet, batch: Batch) -> torch.Tensor:
        return rating_loss(network(batch[0].to(memory_format=torch.channels_last_3d), batch[1]).float(), batch)

    def batches(step: int) -> Iterator[Batch]:
        return passes(samples, recipe.seed + step)

    return train_network(on_device(RatingNet(config), device), batches, loss_of, recipe, checkpoint)
