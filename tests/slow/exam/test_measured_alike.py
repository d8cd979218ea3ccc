"""A nodule that a network outlined in one examination alone is measured in one way at both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from cad.domain import (
    Candidate,
    ChangeStatus,
    Delineation,
    FollowUp,
    LungMask,
    ModelIdentity,
    Networks,
    NoduleReading,
    PriorNodule,
    Volume,
)
from cad.exam.analyze import Request, analyze
from cad.exam.followup.examination import prior_nodule
from cad.geometry import positions_of, sphere_volume_mm3
from tests.made.compared_chests import (
    POLICY,
    TODAY,
    Chest,
    Compared,
    KnowingRegistrar,
    MarkingDetector,
    no_stage,
    prior_of,
    volume_of,
)
from tests.made.series import Sphere

BALL = Sphere((-60.0, 8.0, 5.0), 16.0)
WHOLE_MM3 = sphere_volume_mm3(16.0)
PART_MM3 = 0.8 * WHOLE_MM3
"""Above what the half ball is measured as: its cut may move outward by most of a slice of 2 mm."""

SURE, UNSURE, LOST = 0.9, 0.6, 0.2
"""Certainties: enough to measure by, enough only when the other is sure, and not enough."""


@dataclass(frozen=True)
class UpperHalves:
    """Outlines the upper half of the ball at every candidate, with the certainty of each scan."""

    certainties: dict[str, float]
    identities: tuple[ModelIdentity, ...] = ()

    def __call__(self, volume: Volume, lungs: LungMask, candidates: tuple[Candidate, ...]) -> tuple[NoduleReading, ...]:
        del lungs  # say nothing here
        grid = volume.grid
        places = positions_of(grid, np.indices(grid.shape).reshape(3, -1).T.astype(np.float64))
        moved = grid.affine[:3, 3] - REFERENCE.affine[:3, 3]
        away = places - np.array(BALL.centre) - moved
        upper = (np.linalg.norm(away, axis=1) <= BALL.diameter_mm / 2) & (away[:, 2] >= 0)
        outline = upper.reshape(grid.shape).astype(np.float32)
        reading = NoduleReading(outline, (0, 0, 0), self.certainties[volume.frame_of_reference_uid])
        return (reading,) * len(candidates)


REFERENCE = volume_of(Chest([]), "reference").grid


def followed(now: float, then: float, nodules: tuple[PriorNodule, ...] | None = None) -> Compared:
    """The same ball in both scans, outlined by halves with these certainties."""
    chest = Chest([BALL])
    name, there, scan = prior_of(chest, 200, nodules=nodules)
    detector = MarkingDetector({"now": chest, name: there})
    networks = Networks(detector, UpperHalves({"now": now, name: then}), KnowingRegistrar())
    request = Request("2.25.2now", priors=(scan,), acquired=TODAY)
    return Compared(analyze(volume_of(chest, "now"), networks, POLICY, request, no_stage), detector.asked)


def volumes(found: Compared) -> tuple[float, float]:
    """Of the one nodule, now and then."""
    (change,) = found.followup.changes
    assert change.prior is not None
    assert change.current == 0
    return found.nodules[0].volume_mm3, change.prior.volume_mm3


@pytest.mark.parametrize(("now", "then"), [(SURE, UNSURE), (UNSURE, SURE)])
def test_outlines_are_taken_where_they_are_sure_enough_of_both(now: float, then: float) -> None:
    found = followed(now, then)
    assert found.nodules[0].delineation is Delineation.NETWORK
    now_mm3, then_mm3 = volumes(found)
    assert now_mm3 < PART_MM3
    assert then_mm3 == pytest.approx(now_mm3, rel=0.05)
    assert found.statuses() == [ChangeStatus.STABLE]


@pytest.mark.parametrize(("now", "then"), [(SURE, LOST), (LOST, SURE)])
def test_else_the_attenuation_decides_at_both(now: float, then: float) -> None:
    found = followed(now, then)
    assert found.nodules[0].delineation is Delineation.SEGMENTED
    now_mm3, then_mm3 = volumes(found)
    assert now_mm3 == pytest.approx(WHOLE_MM3, rel=0.1)
    assert then_mm3 == pytest.approx(now_mm3, rel=0.05)
    assert found.statuses() == [ChangeStatus.STABLE]


def test_what_was_found_in_one_way_is_left_as_it_was() -> None:
    found = followed(SURE, SURE)
    assert found.nodules[0].delineation is Delineation.NETWORK
    assert volumes(found)[0] < PART_MM3


def test_what_a_report_says_of_then_stands() -> None:
    alone = followed(SURE, LOST)
    (change,) = alone.followup.changes
    assert change.prior is not None
    reported = replace(prior_nodule(alone.nodules[0]), centre=change.prior.centre, volume_mm3=WHOLE_MM3)
    found = followed(SURE, LOST, nodules=(reported,))
    assert isinstance(found.findings.followup, FollowUp)
    now_mm3, then_mm3 = volumes(found)
    assert now_mm3 < PART_MM3
    assert then_mm3 == WHOLE_MM3
