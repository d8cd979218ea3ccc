"""The nodule detector: the region-proposal network behind the `Detector` protocol of `cad.domain`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from cad.domain import Candidate, LungMask, ModelIdentity, Volume
from cad.geometry import position_of
from models.cards import DetectorCard, load_rpn, read_detector_card
from models.inference import device_named
from models.proposing import box_bounds, propose
from models.resample import WorkingBox, working_box
from models.rpn3d import Proposal, Rpn3d

DETECTOR_NAME = "rpn3d"


@dataclass(frozen=True, slots=True, eq=False)
class RpnDetector:
    """A loaded network with its card; callable as a `Detector`."""

    network: Rpn3d
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
        found: list[Candidate] = []
        for low, high in box_bounds(lungs):
            box = working_box(volume, low, high, self.card.config.spacing_mm, self.device)
            proposals = propose(self.network, self.card.config, box.hu, self._logit_of(min_score))
            found.extend(self._candidate(box, p) for p in proposals)
        return tuple(sorted(found, key=lambda c: -c.score))

    def _candidate(self, box: WorkingBox, proposal: Proposal) -> Candidate:
        spacing = self.card.config.spacing_mm
        score = 1 / (1 + math.exp(-(self.card.slope * proposal.logit + self.card.intercept)))
        origin = f"{self.card.identity.name}-{self.card.identity.version}"
        return Candidate(position_of(box.grid, proposal.centre), proposal.diameter * spacing, score, origin)

    def _logit_of(self, score: float) -> float:
        bounded = float(np.clip(score, 1e-6, 1 - 1e-6))
        return (math.log(bounded / (1 - bounded)) - self.card.intercept) / self.card.slope


def load_detector(device: str) -> RpnDetector:
    """The detector that is shipped, on "cpu" or "cuda"."""
    card = read_detector_card(DETECTOR_NAME)
    target = device_named(device)
    return RpnDetector(load_rpn(card, target), card, target)
