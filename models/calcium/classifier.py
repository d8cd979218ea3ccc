"""The small networks that name a lesion's site from its features."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from cad.domain import Artery, BoolArray, Float32Array, FloatArray, ModelIdentity, OtherCalcium
from models.calcium.features import NAMES
from models.running.cards import CARDS, WEIGHTS, WeightsMismatchError, sha256_of

CLASSIFIER_NAME = "calcium"
Site = Artery | OtherCalcium
SITES: tuple[Site, ...] = (*Artery, *OtherCalcium)
ARTERIES = len(Artery)
REACH_MM = 30.0
"""No artery is expected farther from its course and branches: traces lie within 15 mm but for ends of turned hearts."""

OUTSIDE_MM = 12.0
"""Nor so far outside the drawn outline of the heart."""

TO_ARTERIES = [NAMES.index(f"to {artery}") for artery in Artery]
DEPTH = NAMES.index("depth")


class SiteNet(nn.Module):
    """`forward` takes standardised features [n, features] and returns logits [n, len(SITES)]."""

    def __init__(self, features: int = len(NAMES), hidden: int = 48, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(features, hidden), nn.SiLU(), nn.Dropout(dropout)),
            *(nn.Linear(hidden, hidden), nn.SiLU(), nn.Dropout(dropout)),
            nn.Linear(hidden, len(SITES)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.layers(x))


@dataclass(frozen=True, slots=True, eq=False)
class SiteClassifier:
    """An ensemble of networks with the scale of their features; a lesion is coronary from `threshold` on."""

    members: tuple[SiteNet, ...]
    mean: torch.Tensor
    scale: torch.Tensor
    threshold: float

    def probabilities(self, features: Float32Array) -> FloatArray:
        """The probability [n, len(SITES)] of each site, for features [n, len(NAMES)]."""
        x = ((torch.from_numpy(features) - self.mean) / self.scale).clamp(-6, 6)
        with torch.inference_mode():
            mean = torch.stack([torch.softmax(member(x), dim=1) for member in self.members]).mean(dim=0)
        found: FloatArray = mean.double().numpy()
        found[:, :ARTERIES] *= _possible(features)
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def sites(self, features: Float32Array) -> list[tuple[Site, float]]:
        """The site of each lesion, and how sure: the probability of that artery, or of being no artery's.

        Features are [n, len(NAMES)].
        """
        return [self._site(row) for row in self.probabilities(features)]

    def _site(self, row: FloatArray) -> tuple[Site, float]:
        coronary = float(row[:ARTERIES].sum())
        if coronary >= self.threshold:
            best = int(row[:ARTERIES].argmax())
            return SITES[best], float(row[best])
        best = ARTERIES + int(row[ARTERIES:].argmax())
        return SITES[best], float(row[best])


def _possible(features: Float32Array) -> BoolArray:
    """Which arteries [n, arteries] a lesion may belong to by its place alone."""
    near = features[:, TO_ARTERIES] * 10 <= REACH_MM
    return np.asarray(near & (features[:, [DEPTH]] * 10 >= -OUTSIDE_MM), dtype=np.bool_)


def load_classifier() -> tuple[SiteClassifier, ModelIdentity]:
    """The shipped classifier. Raises WeightsMismatchError when the file is not the card's."""
    card = tomllib.loads((CARDS / f"{CLASSIFIER_NAME}.toml").read_text(encoding="utf-8"))
    file = WEIGHTS / f"{CLASSIFIER_NAME}.safetensors"
    if sha256_of(file) != card["sha256"]:
        raise WeightsMismatchError(f"{file.name} is not the file that its card describes")
    tensors = load_file(file)
    members = tuple(_member(tensors, n, card["network"]["hidden"]) for n in range(card["network"]["members"]))
    found = SiteClassifier(members, tensors["mean"], tensors["scale"], card["network"]["threshold"])
    return found, ModelIdentity(CLASSIFIER_NAME, card["version"], card["sha256"])


def member_prefix(n: int) -> str:
    """The prefix of member n's tensors in the weight file."""
    return f"member{n}."


def _member(tensors: dict[str, torch.Tensor], n: int, hidden: int) -> SiteNet:
    network = SiteNet(hidden=hidden)
    prefix = member_prefix(n)
    network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return network.eval()
