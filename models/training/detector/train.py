"""Training of the region-proposal network: loss, loop with EMA and checkpoints, hard-negative mining."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Literal, TypeVar, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

from models.detector.proposals import propose
from models.detector.rpn3d import Rpn3d, RpnConfig, on_device
from models.running.device import is_bf16_fast
from models.training.detector.patches import Background, Example, PatchStream, Source

logger = logging.getLogger(__name__)

MINING_MIN_LOGIT = -2.5
"""Marks above a score of about 0.08 are worth learning from as hard negatives."""

MINED_PER_SCAN = 40


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how fast one phase trains."""

    steps: int
    batch: int = 8
    learning_rate: float = 1.2e-3
    weight_decay: float = 1e-2
    ema_decay: float = 0.998
    warm_up: int = 80
    mine_every: int = 500
    mine_from: int = 500
    seed: int = 20261122
    loss: Literal["focal", "quality"] = "focal"


Net = TypeVar("Net", bound=nn.Module)
Batch = TypeVar("Batch", bound=tuple[torch.Tensor, ...])


@dataclass(slots=True)
class TrainingState(Generic[Net]):
    """What a checkpoint holds: live and averaged network, optimiser and step."""

    network: Net
    average: Net
    optimiser: torch.optim.Optimizer
    step: int = 0


def heat_loss(logits: torch.Tensor, heat: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Penalty-reduced focal loss over cells, divided by the number of lesions (Zhou et al. 2019, eq. 1)."""
    score = torch.sigmoid(logits)
    positive = (heat == 1).float() * weight
    found = F.logsigmoid(logits) * (1 - score) ** 2 * positive
    quiet = F.logsigmoid(-logits) * score**2 * (1 - heat) ** 4 * (1 - positive) * weight
    return -(found.sum() + quiet.sum()) / positive.sum().clamp_min(1)


def quality_loss(logits: torch.Tensor, heat: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Quality focal loss against the heat itself, so every cell near a centre teaches (Li et al. 2020, eq. 3)."""
    error = (heat - torch.sigmoid(logits)) ** 2 * weight
    entropy = F.binary_cross_entropy_with_logits(logits, heat, reduction="none")
    return 2.0 * (error * entropy).sum() / ((heat == 1).float() * weight).sum().clamp_min(1)


def rpn_loss(output: torch.Tensor, example: Example, kind: Literal["focal", "quality"]) -> torch.Tensor:
    """Objectness plus offset and size losses for a batch."""
    _, heat, weight, geometry, geometry_weight = example
    errors = F.smooth_l1_loss(output[:, 1:], geometry, reduction="none", beta=0.2)
    located = (errors * geometry_weight[:, None]).sum() / geometry_weight.sum().clamp_min(1)
    objectness = heat_loss if kind == "focal" else quality_loss
    return objectness(output[:, 0], heat, weight) + 0.5 * located


def learning_rate_at(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine to 2 % of the peak."""
    if step < recipe.warm_up:
        return recipe.learning_rate * (step + 1) / recipe.warm_up
    progress = (step - recipe.warm_up) / max(1, recipe.steps - recipe.warm_up)
    return recipe.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def _update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)


def new_state(network: Net, recipe: Recipe) -> TrainingState[Net]:
    """The network, freshly initialised or to go on from, with its average and optimiser."""
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return TrainingState(network, average, optimiser)


def new_rpn(config: RpnConfig, recipe: Recipe, device: torch.device) -> TrainingState[Rpn3d]:
    """A randomly initialised region-proposal network, ready to train."""
    torch.manual_seed(recipe.seed)
    return new_state(on_device(Rpn3d(config), device), recipe)


def fit(source: Source, config: RpnConfig, recipe: Recipe, state: TrainingState[Rpn3d], checkpoint: Path) -> Rpn3d:
    """The averaged network after `recipe.steps` steps; resumes from `checkpoint` when it exists."""
    resume(state, checkpoint)

    def loss_of(network: Rpn3d, example: Example) -> torch.Tensor:
        image = example[0].to(memory_format=torch.channels_last_3d)
        return rpn_loss(network(image).float(), example, recipe.loss)

    while state.step < recipe.steps:
        until = min(recipe.steps, (state.step // recipe.mine_every + 1) * recipe.mine_every)
        if state.step >= recipe.mine_from:
            source = with_hard_negatives(source, config, state.average)
        run(PatchStream(source, config, recipe.seed + state.step), loss_of, recipe, state, until)
        save(state, checkpoint)
    return state.average


def run(
    stream: IterableDataset[Batch],
    loss_of: Callable[[Net, Batch], torch.Tensor],
    recipe: Recipe,
    state: TrainingState[Net],
    until: int,
) -> None:
    """Steps on batches of the stream up to step `until`."""
    # beside other trainings a loader of its own would only take their cores
    workers = 1 if torch.get_num_threads() > 1 else 0
    loader = DataLoader(stream, batch_size=recipe.batch, num_workers=workers, prefetch_factor=3 if workers else None)
    steps(loader, loss_of, recipe, state, until)


def steps(
    batches: Iterable[Batch],
    loss_of: Callable[[Net, Batch], torch.Tensor],
    recipe: Recipe,
    state: TrainingState[Net],
    until: int,
) -> None:
    """Steps on ready batches up to step `until`."""
    device = next(state.network.parameters()).device
    started, losses = time.monotonic(), [0.0]
    state.network.train()
    for batch in batches:
        example = cast(Batch, tuple(t.to(device) for t in batch))
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate_at(state.step, recipe)
        with torch.autocast(device.type, torch.bfloat16, enabled=is_bf16_fast(device)):
            loss = loss_of(state.network, example)
        state.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
        state.optimiser.step()
        state.step += 1
        _update_average(state.average, state.network, min(recipe.ema_decay, state.step / (state.step + 10)))
        losses.append(float(loss.detach()))
        if state.step % 50 == 0:
            pace = (time.monotonic() - started) / (len(losses) - 1)
            logger.info("step %d loss %.3f %.2f s/step", state.step, float(np.mean(losses[-50:])), pace)
        if state.step >= until:
            return


def trained(
    network: Net,
    batches: Callable[[int], Iterable[Batch]],
    loss_of: Callable[[Net, Batch], torch.Tensor],
    recipe: Recipe,
    checkpoint: Path,
) -> Net:
    """The averaged network after all steps; resumes from `checkpoint` when it exists, and writes it now and then.

    `batches` gives endless batches from a step on.
    """
    state = new_state(network, recipe)
    resume(state, checkpoint)
    while state.step < recipe.steps:
        until = min(recipe.steps, state.step + recipe.mine_every)
        steps(batches(state.step), loss_of, recipe, state, until)
        save(state, checkpoint)
    return state.average


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


def save(state: TrainingState[Net], checkpoint: Path) -> None:
    """Write the checkpoint, complete or not at all."""
    parts = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
    }
    temporary = checkpoint.with_suffix(".tmp")
    torch.save(parts, temporary)
    temporary.replace(checkpoint)


def resume(state: TrainingState[Net], checkpoint: Path) -> None:
    """Load the checkpoint into `state` when there is one."""
    if not checkpoint.exists():
        return
    parts = torch.load(checkpoint, weights_only=True)
    state.network.load_state_dict(parts["network"])
    state.average.load_state_dict(parts["average"])
    state.optimiser.load_state_dict(parts["optimiser"])
    state.step = int(parts["step"])
