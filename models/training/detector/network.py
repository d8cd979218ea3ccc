"""Training of the region-proposal network: losses, and hard negatives mined from its own false marks."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.nn import functional as F

from models.detector.proposals import propose
from models.detector.rpn3d import Rpn3d, RpnConfig, on_device
from models.training.detector.patches import Background, Example, PatchStream, Source
from models.training.loop import KEPT, PhaseRecipe, TrainingState, new_state, resume, run, save

logger = logging.getLogger(__name__)

MINING_MIN_LOGIT = -2.5
"""Marks above a score of about 0.08 are worth learning from as hard negatives."""


MINED_PER_SCAN = 40


def heat_loss(logits: torch.Tensor, heat: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Penalty-reduced focal loss over cells [n, k, j, i], divided by the lesions' number (Zhou et al. 2019, eq. 1)."""
    score = torch.sigmoid(logits)
    positive = (heat == 1).float() * weight
    found = F.logsigmoid(logits) * (1 - score) ** 2 * positive
    quiet = F.logsigmoid(-logits) * score**2 * (1 - heat) ** 4 * (1 - positive) * weight
    return -(found.sum() + quiet.sum()) / positive.sum().clamp_min(1)


def quality_loss(logits: torch.Tensor, heat: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Quality focal loss against the heat itself, so every cell near a centre teaches (Li et al. 2020, eq. 3).

    All three are [n, k, j, i], in cells.
    """
    error = (heat - torch.sigmoid(logits)) ** 2 * weight
    entropy = F.binary_cross_entropy_with_logits(logits, heat, reduction="none")
    return 2.0 * (error * entropy).sum() / ((heat == 1).float() * weight).sum().clamp_min(1)


def rpn_loss(output: torch.Tensor, example: Example, kind: Literal["focal", "quality"]) -> torch.Tensor:
    """Objectness plus offset and size losses for the outputs [n, 5, k, j, i] of a batch."""
    _, heat, weight, geometry, geometry_weight = example
    errors = F.smooth_l1_loss(output[:, 1:], geometry, reduction="none", beta=0.2)
    located = (errors * geometry_weight[:, None]).sum() / geometry_weight.sum().clamp_min(1)
    objectness = heat_loss if kind == "focal" else quality_loss
    return objectness(output[:, 0], heat, weight) + 0.5 * located


def new_rpn(config: RpnConfig, recipe: PhaseRecipe, device: torch.device) -> TrainingState[Rpn3d]:
    """A randomly initialised region-proposal network, ready to train."""
    torch.manual_seed(recipe.seed)
    return new_state(on_device(Rpn3d(config), device), recipe)


def fit(source: Source, config: RpnConfig, recipe: PhaseRecipe, state: TrainingState[Rpn3d], checkpoint: Path) -> Rpn3d:
    """The averaged network after `recipe.steps` steps; resumes from `checkpoint` or from one that is kept, if any."""
    resume(state, checkpoint, KEPT)

    def loss_of(network: Rpn3d, example: Example) -> torch.Tensor:
        image = example[0].to(memory_format=torch.channels_last_3d)
        return rpn_loss(network(image).float(), example, recipe.loss)

    mined = -1
    while state.step < recipe.steps:
        if state.step >= recipe.mine_from and mined != state.step // recipe.mine_every:
            source, mined = with_hard_negatives(source, config, state.average), state.step // recipe.mine_every
        until = min(recipe.steps, *(_next(state.step, every) for every in (recipe.mine_every, recipe.save_every)))
        run(PatchStream(source, config, recipe.seed + state.step), loss_of, recipe, state, until)
        save(state, checkpoint)
    return state.average


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every


def with_hard_negatives(source: Source, config: RpnConfig, network: Rpn3d) -> Source:
    """The source with the network's current false marks in each scan as hard negatives."""
    mined = tuple(
        false_marks(network, config, b, MINING_MIN_LOGIT)[:MINED_PER_SCAN] if b.sites is not None else ()
        for b in source.backgrounds
    )
    logger.info("hard negatives per scan: %s", [len(m) for m in mined])
    return replace(source, hard_negatives=mined)


def false_marks(
    network: Rpn3d, config: RpnConfig, background: Background, min_logit: float
) -> tuple[tuple[float, float, float], ...]:
    """Centres (k, j, i) of the marks in one scan that are on none of its lesions, best first."""
    marks = propose(network, config, torch.from_numpy(np.array(background.hu)).float(), min_logit)
    known = (*background.lesions, *background.untaught)
    return tuple(
        m.centre
        for m in marks
        if all(np.linalg.norm(np.subtract(m.centre, s.centre)) > s.diameter_mm / 2 + 4 for s in known)
    )
