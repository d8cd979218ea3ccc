"""Model cards: what a weight file is, how to run it, and the check that it is the file the card speaks of."""

from __future__ import annotations

import hashlib
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from cad.domain import ModelIdentity
from models.detector.rpn3d import Mirrored, Rpn3d, RpnConfig, fold, on_device

PREFIX = "rpn."
"""Begins the name of each of the detector's tensors in its weight file."""

CARDS = Path(__file__).parents[1] / "cards"
WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True, slots=True)
class Score:
    """How a logit becomes a score: the logistic function of `weight` · logit + `intercept`.

    Fitted on scans left out of training.
    """

    weight: float
    intercept: float

    def of(self, logit: float) -> float:
        """The score in 0..1 of one mark."""
        total = self.intercept + self.weight * logit
        return 1 / (1 + math.exp(-min(max(total, -700.0), 700.0)))


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """What a card says that the detector needs.

    Proposals below `floor`, a logit, are not looked at any further. `mirrored`: the network reads each box and its
    mirror image.
    """

    identity: ModelIdentity
    config: RpnConfig
    score: Score
    floor: float
    default_min_score: float
    mirrored: bool = False


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
    return DetectorCard(
        identity,
        config,
        Score(score["weight"], score["intercept"]),
        score["min_logit"],
        score["default_min_score"],
        mirrored=network["mirrored"],
    )


def load_network(card: DetectorCard, device: torch.device) -> torch.nn.Module:
    """The card's network in evaluation mode on `device`, its normalisations folded into its convolutions.

    Raises WeightsMismatchError when the weights' SHA-256 is not the card's.
    """
    file = WEIGHTS / f"{card.identity.name}.safetensors"
    if sha256_of(file) != card.identity.sha256:
        raise WeightsMismatchError(f"{file.name} is not the file that its card describes")
    network = Rpn3d(card.config)
    network.load_state_dict({name.removeprefix(PREFIX): value for name, value in load_file(file).items()})
    return for_inference(card, network, device)


def for_inference(card: DetectorCard, network: Rpn3d, device: torch.device) -> torch.nn.Module:
    """A trained network as the card has it run: on `device`, normalisations folded, mirrored where it says so."""
    proposer = on_device(fold(network), device)
    return Mirrored(proposer) if card.mirrored else proposer
