"""The nodule detector: the region-proposal network and its second stage, as a `Detector` of `cad.domain`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from cad.domain import Candidate, LungMask, ModelIdentity, Volume
from cad.geometry import position_of
from models.detector.proposing import cells_near, lung_boxes, propose
from models.detector.rpn3d import Proposal
from models.detector.verifier import verified
from models.running.cards import DetectorCard, load_networks, read_detector_card
from models.running.resample import WorkingBox, working_box
from models.running.runtimes import Network, Runtime, runtime_named

DETECTOR_NAME = "rpn3d"


MAX_VERIFIED = 80
"""Proposals of one lung that the second stage looks at: far beyond any threshold in use; bounds the time."""


@dataclass(frozen=True, slots=True, eq=False)
class RpnDetector:
    """The loaded networks with their card; callable as a `Detector`.

    A network is ready to run, or a module in evaluation mode, which then runs in float32 where it is. Volumes are
    resampled on `device`.
    """

    first: Network | nn.Module
    second: Network | nn.Module | None
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
        marks = (mark for mark, _ in self.features(volume, lungs) if mark.score >= min_score)
        return tuple(sorted(marks, key=lambda c: -c.score))

    def features(self, volume: Volume, lungs: LungMask) -> list[tuple[Candidate, tuple[float, ...]]]:
        """Every mark with the logits of both stages, from which its score is made."""
        found = []
        for lung in lung_boxes(lungs):
            box = working_box(volume, lung.low, lung.high, self.card.config.spacing_mm, self.device)
            within = cells_near(lungs, lung, self.card.config.spacing_mm)
            proposals = propose(self.first, self.card.config, box.hu, self.card.floor, within)
            if self.second is None or self.card.second is None:
                found += [self._mark(box, p, (p.logit,)) for p in proposals]
                continue
            proposals = proposals[:MAX_VERIFIED]
            configs = (self.card.config, self.card.second)
            seconds = verified(self.second, configs, box.hu, [p.centre for p in proposals])
            found += [self._mark(box, p, (p.logit, s)) for p, s in zip(proposals, seconds, strict=True)]
        return found

    def _mark(
        self, box: WorkingBox, proposal: Proposal, logits: tuple[float, ...]
    ) -> tuple[Candidate, tuple[float, ...]]:
        origin = f"{self.card.identity.name}-{self.card.identity.version}"
        diameter = proposal.diameter * self.card.config.spacing_mm
        centre = position_of(box.grid, proposal.centre)
        return Candidate(centre, diameter, self.card.score.of(logits), origin), logits


def load_detector(device: str, runtime: str = "auto") -> RpnDetector:
    """The shipped detector on "cpu" or "cuda", run by one of `models.running.runtimes.RUNTIMES`. Raises Unavailable."""
    return detector_on(runtime_named(runtime, device), read_detector_card(DETECTOR_NAME))


def detector_on(runtime: Runtime, card: DetectorCard) -> RpnDetector:
    """The detector of a card on a runtime."""
    return detector_of(runtime, card, load_networks(card, runtime.device))


def detector_of(runtime: Runtime, card: DetectorCard, networks: tuple[nn.Module, nn.Module | None]) -> RpnDetector:
    """The detector of networks in evaluation mode, as `models.running.cards.for_inference` gives them."""
    first, second = networks
    return RpnDetector(runtime.ready(first), None if second is None else runtime.ready(second), card, runtime.device)
