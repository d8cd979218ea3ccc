"""Model cards: what a weight file is, how to run it, and the check that it is the file the card speaks of."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from cad.domain import ModelIdentity
from models.detector.rpn3d import Mirrored, Rpn3d, RpnConfig, folded, on_device
from models.detector.verifier import Verifier, VerifierConfig

FIRST, SECOND = "rpn.", "verifier."
"""Prefixes of the two stages' tensors in the weight file."""

CARDS = Path(__file__).parents[1] / "cards"
WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True, slots=True)
class Score:
    """How logits become a score: the logistic function of `weights` · logits + `intercept`.

    One weight for each stage of the detector; fitted on scans left out of training.
    """

    weights: tuple[float, ...]
    intercept: float

    def of(self, logits: Sequence[float]) -> float:
        """The score in 0..1 of one mark."""
        total = self.intercept + sum(w * x for w, x in zip(self.weights, logits, strict=True))
        return 1 / (1 + math.exp(-min(max(total, -700.0), 700.0)))


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """What a card says that the detector needs.

    Proposals below `floor`, a logit of the first stage, are not looked at any further. `second` is absent where the
    detector has one stage. `mirrored`: the first stage reads each box and its mirror image.
    """

    identity: ModelIdentity
    config: RpnConfig
    second: VerifierConfig | None
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
    calibration = Score(tuple(score["weights"]), score["intercept"])
    floor, threshold = score["first_stage_min_logit"], score["default_min_score"]
    return DetectorCard(identity, config, _second_of(card), calibration, floor, threshold, network["mirrored"])


def _second_of(card: Mapping[str, Any]) -> VerifierConfig | None:
    if "second_stage" not in card:
        return None
    second = card["second_stage"]
    c1, c2, c4, c8 = second["channels"]
    return VerifierConfig(second["side"], (c1, c2, c4, c8))


def load_networks(card: DetectorCard, device: torch.device) -> tuple[torch.nn.Module, Verifier | None]:
    """The card's networks in evaluation mode on `device`, their normalisations folded into their convolutions.

    Raises WeightsMismatchError when the weights' SHA-256 is not the card's.
    """
    file = WEIGHTS / f"{card.identity.name}.safetensors"
    if sha256_of(file) != card.identity.sha256:
        raise WeightsMismatchError(f"{file.name} is not the file that its card describes")
    weights = load_file(file)
    first = Rpn3d(card.config)
    first.load_state_dict(_under(FIRST, weights))
    if card.second is None:
        return for_inference(card, first, None, device)
    second = Verifier(card.second)
    second.load_state_dict(_under(SECOND, weights))
    return for_inference(card, first, second, device)


def for_inference(
    card: DetectorCard, first: Rpn3d, second: Verifier | None, device: torch.device
) -> tuple[torch.nn.Module, Verifier | None]:
    """Trained networks as the card has them run: on `device`, normalisations folded, mirrored where it says so."""
    proposer = on_device(folded(first), device)
    verifier = None if second is None else on_device(folded(second), device)
    return (Mirrored(proposer) if card.mirrored else proposer), verifier


def _under(prefix: str, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
