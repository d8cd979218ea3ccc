"""Model cards: what a weight file is, how to run it, and the check that it is the file the card speaks of."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from cad.domain import ModelIdentity
from models.rpn3d import Rpn3d, RpnConfig, folded, on_device

CARDS = Path(__file__).parent / "cards"
WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """What a card says that the detector needs.

    A proposal's score is the logistic function of `slope` × logit + `intercept`, fitted on scans left out of training.
    """

    identity: ModelIdentity
    config: RpnConfig
    slope: float
    intercept: float
    default_min_score: float


class WeightsMismatchError(Exception):
    """The weight file is not the one that the card describes; the installation is broken."""


def sha256_of(file: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def read_detector_card(name: str) -> DetectorCard:
    """The card `name`.toml beside this module."""
    card = tomllib.loads((CARDS / f"{name}.toml").read_text(encoding="utf-8"))
    network = card["network"]
    channels, blocks = network["channels"], network["blocks"]
    config = RpnConfig(
        (channels[0], channels[1], channels[2], channels[3], channels[4]),
        (blocks[0], blocks[1], blocks[2]),
        network["spacing_mm"],
        network["low_hu"],
        network["high_hu"],
    )
    score = card["score"]
    identity = ModelIdentity(name, card["version"], card["sha256"])
    return DetectorCard(identity, config, score["slope"], score["intercept"], score["default_min_score"])


def load_rpn(card: DetectorCard, device: torch.device) -> Rpn3d:
    """The card's network in evaluation mode on `device`.

    Raises WeightsMismatchError when the weights' SHA-256 is not the card's.
    """
    file = WEIGHTS / f"{card.identity.name}.safetensors"
    if sha256_of(file) != card.identity.sha256:
        raise WeightsMismatchError(f"{file.name} is not the file that its card describes")
    network = Rpn3d(card.config)
    network.load_state_dict(load_file(file))
    return on_device(folded(network), device)
