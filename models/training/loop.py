"""One training of one network: recipe, place, and the loop with averaged weights and checkpoints.

A checkpoint is two files: all that the training needs, and beside it the averaged weights in half precision, a few MB
that can be kept with the code. A training that finds only the second goes on from it with a fresh optimiser.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar, cast

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from models.running.device import is_bf16_fast

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PhaseRecipe:
    """How long and how fast one phase trains."""

    steps: int
    batch: int = 8
    learning_rate: float = 1.2e-3
    weight_decay: float = 1e-2
    ema_decay: float = 0.998
    warm_up: int = 80
    mine_every: int = 500
    mine_from: int = 500
    save_every: int = 250
    seed: int = 20261122
    loss: Literal["focal", "quality"] = "focal"


@dataclass(frozen=True, slots=True)
class Place:
    """Where networks are trained: checkpoints in `out`, on `device`, by so many processes at once."""

    out: Path
    device: str
    processes: int


KEPT = Path(__file__).parent / "kept"
"""Compact checkpoints of trainings that are not done."""

Net = TypeVar("Net", bound=nn.Module)


Batch = TypeVar("Batch", bound=tuple[torch.Tensor, ...])


@dataclass(slots=True)
class TrainingState(Generic[Net]):
    """What a checkpoint holds: live and averaged network, optimiser and step."""

    network: Net
    average: Net
    optimiser: torch.optim.Optimizer
    step: int = 0


def learning_rate_at(step: int, recipe: PhaseRecipe) -> float:
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


def new_state(network: Net, recipe: PhaseRecipe) -> TrainingState[Net]:
    """The network, freshly initialised or to go on from, with its average and optimiser."""
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return TrainingState(network, average, optimiser)


def run(
    stream: IterableDataset[Batch],
    loss_of: Callable[[Net, Batch], torch.Tensor],
    recipe: PhaseRecipe,
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
    recipe: PhaseRecipe,
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


def train_network(
    network: Net,
    batches: Callable[[int], Iterable[Batch]],
    loss_of: Callable[[Net, Batch], torch.Tensor],
    recipe: PhaseRecipe,
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


def save(state: TrainingState[Net], checkpoint: Path) -> None:
    """Write the checkpoint and its compact form, each complete or not at all."""
    parts = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": state.step,
    }
    temporary = checkpoint.with_suffix(".tmp")
    torch.save(parts, temporary)
    temporary.replace(checkpoint)
    halves = {name: _half(tensor) for name, tensor in state.average.state_dict().items()}
    save_file(halves, temporary, {"step": str(state.step)})
    temporary.replace(compact_of(checkpoint))


def compact_of(checkpoint: Path) -> Path:
    """The compact form of a checkpoint."""
    return checkpoint.with_suffix(".safetensors")


def _fits(weights: Mapping[str, torch.Tensor], network: nn.Module) -> bool:
    own = network.state_dict()
    return weights.keys() == own.keys() and all(weights[name].shape == own[name].shape for name in own)


def _half(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor.half() if tensor.is_floating_point() else tensor).contiguous()


def resume(state: TrainingState[Net], checkpoint: Path, kept: Path | None = None) -> None:
    """Load into `state` the checkpoint, or its compact form beside it or else in the folder `kept`, if there is one.

    A compact form of another network is none.
    """
    if checkpoint.exists():
        parts = torch.load(checkpoint, weights_only=True)
        state.network.load_state_dict(parts["network"])
        state.average.load_state_dict(parts["average"])
        state.optimiser.load_state_dict(parts["optimiser"])
        state.step = int(parts["step"])
        return
    compact = compact_of(checkpoint)
    files = [compact] if kept is None else [compact, kept / compact.name]
    for file in files:
        weights = load_file(file) if file.exists() else {}
        if _fits(weights, state.network):
            # copied into the networks' own precision
            state.network.load_state_dict(weights)
            state.average.load_state_dict(weights)
            with safe_open(file, "pt") as opened:
                state.step = int(opened.metadata()["step"])
            return
