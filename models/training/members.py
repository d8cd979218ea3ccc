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

from models.rpn3d import Rpn3d, RpnConfig
from models.training.sampling import Background, Source, patient_of
from models.training.scans import Protocol
from models.training.shapes import NoduleShape
from models.training.train import Recipe, fit, new_rpn
from models.training.verifying import VerifierRecipe, fit_verifier
from models.verifier import Verifier, VerifierConfig

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
    """Of both stages."""

    first: RpnConfig
    second: VerifierConfig


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The averaged networks of a member."""

    first: Rpn3d
    second: Verifier


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
    kept = None
    if member.parent is not None:
        parent = load_member(member.parent, architecture, out)
        kept = parent.second.state_dict()
        state.network.load_state_dict(parent.first.state_dict())
        state.average.load_state_dict(parent.first.state_dict())
    logger.info("%s: %d backgrounds, %d shapes", member.name, len(source.backgrounds), len(source.shapes))
    first = fit(source, architecture.first, member.first, state, _checkpoint(out, member.name, 1))
    recipe = VerifierRecipe(member.second, architecture.second, kept)
    pair = (first, architecture.first)
    return Trained(first, fit_verifier(source, pair, recipe, device, _checkpoint(out, member.name, 2)))


def load_member(name: str, architecture: Architecture, out: Path) -> Trained:
    """The averaged networks from the checkpoints of a trained member."""
    first, second = Rpn3d(architecture.first), Verifier(architecture.second)
    for stage, network in ((1, first), (2, second)):
        network.load_state_dict(torch.load(_checkpoint(out, name, stage), weights_only=True)["average"])
    return Trained(first.eval(), second.eval())


def _checkpoint(out: Path, name: str, stage: int) -> Path:
    return out / f"{name}-stage{stage}.pt"
