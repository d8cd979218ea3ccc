"""The cards of the networks that outline and rate nodules, and their members as the cards describe them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import nn

from cad.domain import ModelIdentity
from models.detector.rpn3d import fold, on_device
from models.nodules.networks import OutlineNet, RatingNet, TrunkConfig
from models.running.cards import CARDS, WEIGHTS, WeightsMismatchError, sha256_of

Net = TypeVar("Net", bound=nn.Module)

OUTLINE_NAME, RATING_NAME = "outline", "rating"


@dataclass(frozen=True, slots=True)
class OutlineCard:
    """An ensemble of outlining networks; member n never saw the patients of fold n (`models.nodules.folds`)."""

    identity: ModelIdentity
    config: TrunkConfig
    members: int
    patients: frozenset[str]
    """Those of whom some member saw something."""


@dataclass(frozen=True, slots=True)
class Line:
    """value = slope * x + intercept."""

    slope: float
    intercept: float

    def of(self, x: float) -> float:
        """The value at x."""
        return self.slope * x + self.intercept


@dataclass(frozen=True, slots=True)
class RatingCalibration:
    """How the mean of the rating networks' outputs becomes what readers say.

    `suspicion` and `calcified` turn logits into calibrated logits; `rated` turns each predicted rating into the mean
    rating of readers, by name. All are fitted on patients that the networks had not seen.
    """

    suspicion: Line
    calcified: Line
    rated: Mapping[str, Line]


@dataclass(frozen=True, slots=True)
class RatingCard:
    """An ensemble of rating networks and its calibration; member n never saw the patients of fold n."""

    identity: ModelIdentity
    config: TrunkConfig
    members: int
    calibration: RatingCalibration


def read_outline_card() -> OutlineCard:
    """The card of the outlining networks."""
    card = _card(OUTLINE_NAME)
    patients = frozenset(card["data"]["patients"])
    return OutlineCard(_identity(OUTLINE_NAME, card), _config(card), card["network"]["members"], patients)


def read_rating_card() -> RatingCard:
    """The card of the rating networks."""
    card = _card(RATING_NAME)
    lines = {name: Line(*pair) for name, pair in card["calibration"].items()}
    suspicion, calcified = lines.pop("suspicion"), lines.pop("calcified")
    identity = _identity(RATING_NAME, card)
    calibration = RatingCalibration(suspicion, calcified, lines)
    return RatingCard(identity, _config(card), card["network"]["members"], calibration)


def load_outline_members(card: OutlineCard, device: torch.device) -> tuple[OutlineNet, ...]:
    """The members in evaluation mode on `device`. Raises WeightsMismatchError when they are not the card's."""
    return tuple(_loaded(OutlineNet(card.config), part, device) for part in _members(card.identity, card.members))


def load_rating_members(card: RatingCard, device: torch.device) -> tuple[RatingNet, ...]:
    """The members in evaluation mode on `device`. Raises WeightsMismatchError when they are not the card's."""
    return tuple(_loaded(RatingNet(card.config), part, device) for part in _members(card.identity, card.members))


def member_prefix(n: int) -> str:
    """The prefix of member n's tensors in a weight file."""
    return f"member{n}."


def _members(identity: ModelIdentity, count: int) -> list[dict[str, torch.Tensor]]:
    file = WEIGHTS / f"{identity.name}.safetensors"
    if sha256_of(file) != identity.sha256:
        raise WeightsMismatchError(f"{file.name} is not the file that its card describes")
    weights = load_file(file)
    return [
        {
            key.removeprefix(member_prefix(n)): v.float()
            for key, v in weights.items()
            if key.startswith(member_prefix(n))
        }
        for n in range(count)
    ]


def _loaded(network: Net, weights: dict[str, torch.Tensor], device: torch.device) -> Net:
    network.load_state_dict(weights)
    return on_device(fold(network), device)


def _card(name: str) -> Mapping[str, Any]:
    card: Mapping[str, Any] = tomllib.loads((CARDS / f"{name}.toml").read_text(encoding="utf-8"))
    return card


def _identity(name: str, card: Mapping[str, Any]) -> ModelIdentity:
    return ModelIdentity(name, card["version"], card["sha256"])


def _config(card: Mapping[str, Any]) -> TrunkConfig:
    c1, c2, c4, c8 = card["network"]["channels"]
    return TrunkConfig((c1, c2, c4, c8))
