"""Training of the second stage: cubes about nodules against the first stage's own false marks.

What the first stage marks by mistake - vessel crossings, bronchi, costochondral joints, scars, the dome of the
diaphragm - is what the second stage is for, so most of its negatives are those marks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import IterableDataset

from models.detector.rpn3d import Rpn3d, RpnConfig, normalised, on_device
from models.detector.verifier import Verifier, VerifierConfig
from models.training.detector.sampling import (
    Patch,
    Source,
    augmented,
    blended_patch,
    drawn_sides,
    negative_patch,
    real_patch,
)
from models.training.detector.train import Recipe, false_marks, new_state, resume, run, save

logger = logging.getLogger(__name__)

MINED_MIN_LOGIT = -6.0
"""The second stage must reject whatever the first may pass on."""

MINED_PER_SCAN = 120
REACH = 2.5
"""How far a proposal may lie from the nodule's centre, in voxels."""

SHARES = {"blended": 0.42, "real": 0.06, "hard": 0.4}
"""The rest are places where nodules are put, without one."""

Cube = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def label_of(patch: Patch) -> tuple[float, float]:
    """Target and weight of a cube: 1 when its middle hits a lesion, 0 far from all; near misses weigh nothing."""
    middle = (np.array(patch.hu.shape) - 1) / 2
    weight = 1.0
    for lesion in (*patch.lesions, *patch.unsure):
        away = float(np.linalg.norm(np.array(lesion.centre) - middle))
        radius = max(lesion.diameter_mm, 5.0) / 2
        if away <= radius and lesion in patch.lesions:
            return 1.0, 1.0
        if away <= radius + 4:
            weight = 0.0
    return 0.0, weight


def drawn_cube(source: Source, side: int, rng: np.random.Generator) -> Patch:
    """One augmented cube about a nodule, a false mark or nothing in particular."""
    sides = drawn_sides(side, rng)
    draw = rng.random()
    if draw < SHARES["blended"]:
        patch = blended_patch(source, sides, rng, reach=REACH, count=1 + int(rng.integers(0, 2)))
    elif draw < SHARES["blended"] + SHARES["real"]:
        patch = real_patch(source, sides, rng, reach=REACH)
    else:
        patch = negative_patch(source, sides, rng, reach=REACH, hard=draw < sum(SHARES.values()))
    return augmented(patch, side, rng)


class CubeStream(IterableDataset[Cube]):
    """An endless, seeded stream of (cube [1, k, j, i], target, weight)."""

    def __init__(self, source: Source, configs: tuple[RpnConfig, VerifierConfig], seed: int) -> None:
        self._source = source
        self._window, self._config = configs
        self._seed = seed

    def __iter__(self) -> Iterator[Cube]:
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self._seed, worker.id if worker else 0])
        while True:
            patch = drawn_cube(self._source, self._config.side, rng)
            image = normalised(torch.from_numpy(patch.hu), self._window)[None]
            target, weight = label_of(patch)
            yield image, torch.tensor(target), torch.tensor(weight)


def verifier_loss(network: torch.nn.Module, cube: Cube) -> torch.Tensor:
    """Weighted binary cross-entropy with a little smoothing of the labels."""
    image, target, weight = cube
    logits = network(image.to(memory_format=torch.channels_last_3d)).float()
    smooth = target * 0.96 + 0.02
    entropy = F.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    return (entropy * weight).sum() / weight.sum().clamp_min(1)


@dataclass(frozen=True, slots=True, eq=False)
class VerifierRecipe:
    """The recipe of the second stage, its architecture, and the weights it goes on from, if any."""

    recipe: Recipe
    config: VerifierConfig
    kept: Mapping[str, torch.Tensor] | None = None


def fit_verifier(
    source: Source, first: tuple[Rpn3d, RpnConfig], second: VerifierRecipe, device: torch.device, checkpoint: Path
) -> Verifier:
    """The averaged second stage for a trained first stage; resumes from `checkpoint` when it exists."""
    network, window = first
    mined = tuple(
        false_marks(network, window, b, MINED_MIN_LOGIT)[:MINED_PER_SCAN] if b.sites is not None else ()
        for b in source.backgrounds
    )
    logger.info("false marks for the second stage: %s", [len(m) for m in mined])
    torch.manual_seed(second.recipe.seed)
    started = on_device(Verifier(second.config), device)
    if second.kept is not None:
        started.load_state_dict(second.kept)
    state = new_state(started, second.recipe)
    resume(state, checkpoint)
    stream = CubeStream(replace(source, hard_negatives=mined), (window, second.config), second.recipe.seed + state.step)
    while state.step < second.recipe.steps:
        run(stream, verifier_loss, second.recipe, state, min(second.recipe.steps, state.step + 250))
        save(state, checkpoint)
    return state.average
