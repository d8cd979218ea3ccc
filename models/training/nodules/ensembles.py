"""Ensembles whose member n never learns from the patients of fold n: their training side by side, and their files.

So every nodule of the members' folds is read by a network that never saw its patient, and what is published is measured
on those readings; all members together are shipped.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file
from torch import nn

from models.nodules.cards import member_prefix
from models.nodules.folds import MEMBERS
from models.training.loop import Place

Net = TypeVar("Net", bound=nn.Module)

TrainMember = Callable[[int, Path, torch.device], object]
"""Trains the member of a fold, its checkpoint at a path, on a device; resumes what is there. Can be pickled."""


def train_members(train: TrainMember, place: Place) -> None:
    """Trains every member, several at once, each in a process of its own with one core."""
    place.out.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(place.processes, spawn, initializer=_start, initargs=(place.processes,)) as pool:
        list(pool.map(partial(_trained, train, place), range(MEMBERS)))


def checkpoint_of(fold: int, out: Path) -> Path:
    """Where the training of a fold's member is kept."""
    return out / f"member{fold}.pt"


def _start(processes: int) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    if processes > 1:
        torch.set_num_threads(1)


def _trained(train: TrainMember, place: Place, fold: int) -> None:
    train(fold, checkpoint_of(fold, place.out), torch.device(place.device))


def load_average(network: Net, checkpoint: Path) -> Net:
    """The averaged network of a checkpoint in evaluation mode, with kernels rounded as they are stored."""
    network.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    network.load_state_dict(
        {k: v if v.dtype == torch.int64 else halve(v).float() for k, v in network.state_dict().items()}
    )
    return network.eval()


def save_members(members: Sequence[nn.Module], file: Path) -> None:
    """All members in one safetensors file."""
    tensors = {member_prefix(n) + k: halve(v) for n, m in enumerate(members) for k, v in m.state_dict().items()}
    save_file(tensors, file)


def halve(value: torch.Tensor) -> torch.Tensor:
    """Kernels [out, in, k, j, i] in half precision, which halves the file; the rest as it is."""
    value = value.detach().cpu().contiguous()
    return value.half() if value.ndim > 1 else value
