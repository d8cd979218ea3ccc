"""The installed lung network, as a second opinion beside thresholds and morphology."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from safetensors.torch import load_file

from cad.domain import ExpectedLungs, ModelIdentity, Volume
from models.lungs.network import LungNet, LungNetConfig, expected_lungs
from models.running import cards
from models.running.cards import WeightsMismatchError, sha256_of
from models.running.device import device_named

NAME = "lungs"


@dataclass(frozen=True, slots=True, eq=False)
class NetworkLungReader:
    """Where the network expects the lungs of a volume."""

    network: LungNet
    identity: ModelIdentity

    def __call__(self, volume: Volume) -> ExpectedLungs:
        return expected_lungs(self.network, volume)


def load_lung_reader(device: str) -> NetworkLungReader:
    """The shipped network on "cpu" or "cuda". Raises Unavailable, and WeightsMismatchError when a file was changed."""
    card = tomllib.loads((cards.CARDS / f"{NAME}.toml").read_text(encoding="utf-8"))
    file = cards.WEIGHTS / f"{NAME}.safetensors"
    if sha256_of(file) != card["sha256"]:
        raise WeightsMismatchError(f"{file.name} is not the file that its card describes")
    a, b, c, d = card["network"]["channels"]
    network = LungNet(LungNetConfig((a, b, c, d)))
    network.load_state_dict(load_file(file))
    on = device_named(device)
    return NetworkLungReader(network.eval().to(on), ModelIdentity(NAME, card["version"], card["sha256"]))
