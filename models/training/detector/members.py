"""The networks that one training makes: members that learn from all scans but those left out.

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
from models.training.detector.network import fit, new_rpn
from models.training.detector.patches import Background, Source, patient_of
from models.training.loop import PhaseRecipe
from models.training.material.scans import Protocol
from models.training.material.shapes import NoduleShape
from models.training.material.transplants import Transplant

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """One network: its name, the patients it leaves out, its recipe, and whom it goes on from."""

    name: str
    left_out: tuple[str, ...]
    recipe: PhaseRecipe
    parent: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What all members draw from: scans, other backgrounds (crops, simulated chests) and nodule shapes.

    `shapes` and whole nodules, `transplants`, are for training; `strange_shapes` and `strange_transplants` are of
    patients that no member learns from, for evaluation. `protocols` say how each scan was made, by name.
    """

    scans: tuple[Background, ...]
    others: tuple[Background, ...]
    shapes: tuple[NoduleShape, ...]
    strange_shapes: tuple[NoduleShape, ...]
    protocols: Mapping[str, Protocol] = field(default_factory=dict)
    transplants: tuple[Transplant, ...] = ()
    strange_transplants: tuple[Transplant, ...] = ()


def source_of(material: Material, left_out: Sequence[str]) -> Source:
    """What a member that leaves out those patients may draw from: none of their scans, crops and nodule shapes."""
    backgrounds = tuple(b for b in (*material.scans, *material.others) if patient_of(b) not in left_out)
    shapes = tuple(s for s in material.shapes if s.patient not in left_out)
    transplants = tuple(t for t in material.transplants if t.patient not in left_out)
    return Source(backgrounds, shapes, (), transplants=transplants)


def train_member(member: Member, material: Material, config: RpnConfig, out: Path, device: torch.device) -> Rpn3d:
    """The member's averaged network; its checkpoint in `out` lets it resume, that of its parent must be there."""
    source = source_of(material, member.left_out)
    state = new_rpn(config, member.recipe, device)
    if member.parent is not None:
        known = load_member(member.parent, config, out).state_dict()
        state.network.load_state_dict(known)
        state.average.load_state_dict(known)
    logger.info("%s: %d backgrounds, %d shapes", member.name, len(source.backgrounds), len(source.shapes))
    return fit(source, config, member.recipe, state, _checkpoint(out, member.name))


def load_member(name: str, config: RpnConfig, out: Path) -> Rpn3d:
    """The averaged network from the checkpoint of a trained member."""
    network = Rpn3d(config)
    network.load_state_dict(torch.load(_checkpoint(out, name), weights_only=True)["average"])
    return network.eval()


def _checkpoint(out: Path, name: str) -> Path:
    return out / f"{name}.pt"
