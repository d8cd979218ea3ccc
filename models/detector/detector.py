"""The nodule detector: the region-proposal network as a `Detector` of `cad.domain`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from cad.domain import Candidate, LungMask, ModelIdentity, Volume
from cad.geometry import position_of
from models.detector.proposals import LungBox, cells_near, lung_boxes, propose
from models.detector.rpn3d import Proposal
from models.running.cards import DetectorCard, load_network, read_detector_card
from models.running.resample import WorkingBox, working_box
from models.running.runtimes import Network, Runtime, runtime_named

DETECTOR_NAME = "rpn3d"


@dataclass(frozen=True, slots=True, eq=False)
class RpnDetector:
    """The loaded network with its card; callable as a `Detector`.

    The network is ready to run, or a module in evaluation mode, which then runs in float32 where it is. Volumes are
    resampled on `device`.
    """

    network: Network | nn.Module
    card: DetectorCard
    device: torch.device

    @property
    def identity(self) -> ModelIdentity:
        """Name, version and weights' SHA-256."""
        return self.card.identity

    @property
    def default_min_score(self) -> float:
        """The threshold that the card chose on left-out scans."""
        return self.card.default_min_score

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:
        """Marks with a score of at least `min_score`, best first; marks in both lungs' boxes may come twice."""
        marks = (mark for lung in lung_boxes(lungs) for mark in self._marks(volume, lungs, lung))
        return tuple(sorted((m for m in marks if m.score >= min_score), key=lambda m: -m.score))

    def _marks(self, volume: Volume, lungs: LungMask, lung: LungBox) -> list[Candidate]:
        box = working_box(volume, lung.low, lung.high, self.card.config.spacing_mm, self.device)
        within = cells_near(lungs, lung, self.card.config.spacing_mm)
        proposals = propose(self.network, self.card.config, box.hu, self.card.floor, within)
        return [self._mark(box, proposal) for proposal in proposals]

    def _mark(self, box: WorkingBox, proposal: Proposal) -> Candidate:
        origin = f"{self.card.identity.name}-{self.card.identity.version}"
        diameter = proposal.diameter * self.card.config.spacing_mm
        centre = position_of(box.grid, proposal.centre)
        return Candidate(centre, diameter, self.card.score.of(proposal.logit), origin)


def load_detector(device: str, runtime: str = "auto") -> RpnDetector:
    """The shipped detector on "cpu" or "cuda", run by one of `models.running.runtimes.RUNTIMES`. Raises Unavailable."""
    return detector_on(runtime_named(runtime, device), read_detector_card(DETECTOR_NAME))


def detector_on(runtime: Runtime, card: DetectorCard) -> RpnDetector:
    """The detector of a card on a runtime."""
    return detector_of(runtime, card, load_network(card, runtime.device))


def detector_of(runtime: Runtime, card: DetectorCard, network: nn.Module) -> RpnDetector:
    """The detector of a network in evaluation mode, as `models.running.cards.for_inference` gives it."""
    return RpnDetector(runtime.ready(network), card, runtime.device)
