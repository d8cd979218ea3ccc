"""What every case of one installation shares: trained networks, the policy, the clock, the version."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from cad.case.choices import MONAI_BUNDLE, NetworkChoice
from cad.domain import Candidate, Detector, LungMask, ModelIdentity, Networks, Volume
from cad.policy import Policy


def usable_cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0))


def software_version() -> str:
    """The installed version of lungcad."""
    return version("lungcad")


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class CaseTools:
    """What every case of one installation shares."""

    networks: Networks
    policy: Policy = field(default_factory=Policy)
    clock: Callable[[], datetime] = utc_now
    software_version: str = field(default_factory=software_version)
    host_cores: int = field(default_factory=usable_cores)


class DetectorOnDemand:
    """A detector that is loaded when something is asked of it: by nobody, when nodules are not."""

    def __init__(self, load: Callable[[], Detector]) -> None:
        self._load = load

    @cached_property
    def _detector(self) -> Detector:
        return self._load()

    @property
    def identity(self) -> ModelIdentity:
        """That of the detector."""
        return self._detector.identity

    @property
    def default_min_score(self) -> float:
        """That of the detector."""
        return self._detector.default_min_score

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:
        return self._detector(volume, lungs, min_score)


def load_tools(choice: NetworkChoice) -> CaseTools:
    """The tools with trained networks. Raises Unavailable when device, runtime or bundle cannot be used."""
    from models.calcium.reader import load_calcium_reader
    from models.lungs.reader import load_lung_reader, load_mass_reader

    if not choice.nodules:
        on_demand = DetectorOnDemand(lambda: _detector(choice))
        lungs = load_lung_reader(choice.device)
        return CaseTools(Networks(on_demand, calcium=load_calcium_reader(), lungs=lungs))
    from models.nodules.reader import load_nodule_networks
    from models.registration.registrar import TorchRegistrar

    device = choice.device
    return CaseTools(
        Networks(
            _detector(choice),
            load_nodule_networks(device),
            TorchRegistrar(device),
            calcium=load_calcium_reader(),
            lungs=load_lung_reader(device),
            masses=load_mass_reader(device),
        )
    )


def _detector(choice: NetworkChoice) -> Detector:
    # torch takes seconds to import; refusals do not need it
    if choice.detector.startswith(MONAI_BUNDLE):
        from models.detector.monai_bundle import load_monai_bundle
        from models.running.device import device_named

        return load_monai_bundle(Path(choice.detector.removeprefix(MONAI_BUNDLE)), device_named(choice.device))
    from models.detector.detector import load_detector
    from models.detector.masses import MassDetector

    return MassDetector(load_detector(choice.device, choice.runtime))
