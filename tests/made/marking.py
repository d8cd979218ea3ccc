"""A detector that marks what it is told to, and the chest that it is told of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cad.case.choices import NetworkChoice
from cad.case.networks import CaseTools
from cad.domain import Candidate, LungMask, ModelIdentity, Networks, PointLps, Volume
from tests.made.series import Sphere

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPHERES = (Sphere((-60.0, 8.0, 5.0), 12.0), Sphere((62.0, -6.0, -12.0), 18.0))
VESSELS = tuple(Sphere((x, -10.0, float(z)), 8.0) for x in (-40.0, 42.0) for z in range(-48, 49, 6))
"""A row of beads in each lung: space without vessels is not taken for lung."""
MARKER = ModelIdentity("marker", "1", "ab" * 32)


@dataclass(frozen=True)
class MarkingDetector:
    """Marks the given spheres, the first with the highest score."""

    spheres: tuple[Sphere, ...] = SPHERES
    identity: ModelIdentity = MARKER
    default_min_score: float = 0.5

    def __call__(self, volume: Volume, lungs: LungMask, min_score: float) -> tuple[Candidate, ...]:  # noqa: ARG002
        marks = [
            Candidate(PointLps(*sphere.centre), sphere.diameter_mm, 0.9 - 0.3 * number, "marker")
            for number, sphere in enumerate(self.spheres)
        ]
        return tuple(mark for mark in marks if mark.score >= min_score)


def marking_tools(machinery: NetworkChoice) -> CaseTools:
    """Tools whose clock stands still."""
    return CaseTools(Networks(MarkingDetector()), clock=lambda: NOW, software_version="1.2.3", host_cores=2)


def no_tools(machinery: NetworkChoice) -> CaseTools:
    """For inputs that must be refused before any network is loaded."""
    raise AssertionError("the networks were loaded")
