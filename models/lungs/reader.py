"""The installed networks that say where lungs are to be expected, and where masses lie in them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from safetensors.torch import load_file

from cad.domain import ExpectedLungs, LungMask, ModelIdentity, SeenMass, Volume
from models.lungs.masses import find_masses
from models.lungs.network import CLASSES, LungNet, LungNetConfig, expected_lungs
from models.running import cards
from models.running.cards import WeightsMismatchError, sha256_of
from models.running.device import device_named

LUNGS, MASSES = "lungs", "masses"


@dataclass(frozen=True, slots=True, eq=False)
class NetworkLungReader:
    """Where the network expects the lungs of a volume."""

    network: LungNet
    identity: ModelIdentity

    def __call__(self, volume: Volume) -> ExpectedLungs:
        return expected_lungs(self.network, volume)


@dataclass(frozen=True, slots=True, eq=False)
class NetworkMassReader:
    """The masses that the network sees in or on the lungs of a volume."""

    network: LungNet
    identity: ModelIdentity

    def __call__(self, volume: Volume, lungs: LungMask) -> tuple[SeenMass, ...]:
        return find_masses(self.network, volume, lungs)


def load_lung_reader(device: str) -> NetworkLungReader:
    """The shipped network on "cpu" or "cuda". Raises Unavailable, and WeightsMismatchError when a file was changed."""
    return NetworkLungReader(*_loaded(LUNGS, CLASSES, device))


def load_mass_reader(device: str) -> NetworkMassReader:
    """The shipped network on "cpu" or "cuda". Raises Unavailable, and WeightsMismatchError when a file was changed."""
    return NetworkMassReader(*_loaded(MASSES, 1, device))


def _loaded(name: str, classes: int, device: str) -> tuple[LungNet, ModelIdentity]:
    card = tomllib.loads((cards.CARDS / f"{name}.toml").read_text(encoding="utf-8"))
    file = cards.WEIGHTS / f"{name}.safetensors"
    if sha256_of(file) != card["sha256"]:
        raise WeightsMismatchError(f"{file.name} is not the file that its card describes")
    a, b, c, d = card["network"]["channels"]
    network = LungNet(LungNetConfig((a, b, c, d), classes))
    network.load_state_dict(load_file(file))
    return network.eval().to(device_named(device)), ModelIdentity(name, card["version"], card["sha256"])
