"""The networks that one training makes: members, each of two stages, that learn from all scans but those left out.

A member may go on from another one, its parent, that has seen none of the scans that the member leaves out. So several
members share what they learnt from the scans they all may see, and each scan is read by a member that never saw it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from models.detector.rpn3d import Rpn3d, RpnConfig
from models.detector.verifier import Verifier, VerifierConfig
from models.training.detector.sampling import Background, Source, patient_of
from models.training.detector.train import Recipe, fit, new_rpn
from models.training.detector.verifying import VerifierRecipe, fit_verifier
from models.training.material.scans import Protocol
from models.training.material.shapes import NoduleShape

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """One pair of networks: its name, the patients it leaves out, both stages' recipes, and whom it goes on from."""

    name: str
    left_out: tuple[str, ...]
    first: Recipe
    second: Recipe
    parent: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What all members draw from: scans, other backgrounds (crops, simulated chests) and nodule shapes.

    `shapes` are for training; `strange_shapes` are of patients that no member learns from, for evaluation. `protocols`
    say how each scan was made, by name.
    """

    scans: tuple[Background, ...]
    others: tuple[Background, ...]
    shapes: tuple[NoduleShape, ...]
    strange_shapes: tuple[NoduleShape, ...]
    protocols: Mapping[str, Protocol] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Architecture:
    """Of both stages; the second one is optional."""

    first: RpnConfig
    second: VerifierConfig | None


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The averaged networks of a member."""

    first: Rpn3d
    second: Verifier | None


def source_of(material: Material, left_out: Sequence[str]) -> Source:
    """What a member that leaves out those patients may draw from: none of their scans, crops and nodule shapes."""
    backgrounds = tuple(b for b in (*material.scans, *material.others) if patient_of(b) not in left_out)
    return Source(backgrounds, tuple(s for s in material.shapes if s.patient not in left_out), ())


def train_member(
    member: Member, material: Material, architecture: Architecture, out: Path, device: torch.device
) -> Trained:
    """Both stages of the member; its checkpoints in `out` let it resume, those of its parent must be there."""
    source = source_of(material, member.left_out)
    state = new_rpn(architecture.first, member.first, device)
    parent = None if member.parent is None else load_member(member.parent, architecture, out)
    if parent is not None:
        state.network.load_state_dict(parent.first.state_dict())
        state.average.load_state_dict(parent.first.state_dict())
    logger.info("%s: %d backgrounds, %d shapes", member.name, len(source.backgrounds), len(source.shapes))
    first = fit(source, architecture.first, member.first, state, _checkpoint(out, member.name, 1))
    if architecture.second is None:
        return Trained(first, None)
    kept = parent.second.state_dict() if parent is not None and parent.second is not None else None
    recipe = VerifierRecipe(member.second, architecture.second, kept)
    pair = (first, architecture.first)
    return Trained(first, fit_verifier(source, pair, recipe, device, _checkpoint(out, member.name, 2)))


def load_member(name: str, architecture: Architecture, out: Path) -> Trained:
    """The averaged networks from the checkpoints of a trained member."""
    first = Rpn3d(architecture.first)
    first.load_state_dict(_averaged(_checkpoint(out, name, 1)))
    if architecture.second is None:
        return Trained(first.eval(), None)
    second = Verifier(architecture.second)
    second.load_state_dict(_averaged(_checkpoint(out, name, 2)))
    return Trained(first.eval(), second.eval())


def _averaged(checkpoint: Path) -> dict[str, torch.Tensor]:
    averaged: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["average"]
    return averaged


def _checkpoint(out: Path, name: str, stage: int) -> Path:
    return out / f"{name}-stage{stage}.pt"
