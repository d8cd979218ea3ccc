"""The same nodule of a real scan on other grids is measured alike; `lungcad bench-grids` has all scans and copies."""

from __future__ import annotations

from functools import cache

import pytest

from cad.domain import Candidate, Marks, Nodule, PointLps, Volume
from cad.exam.nodules import Scene, imaging_of
from cad.geometry import distance_mm
from cad.policy import Policy
from cad.science.followup.growth import is_same_protocol
from cad.science.lungs import segment_lungs
from cad.science.nodules import characterise
from cad.science.sampling import measured_grid
from models.nodules.reader import load_nodule_networks
from models.running.copies import resampled
from tests.made.real_scans import CT, scan_of

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not CT.is_dir(), reason="the shared CT data are not beside the checkout"),
]

POLICY = Policy()
MASS = ("LIDC-IDRI-0023", PointLps(47.8, -16.6, -81.4), 24.0)
"""Marked by four readers (truth.json)."""


@cache
def on_grid(name: str, spacing: tuple[float | None, float | None]) -> Scene:
    """The scan with slices and pixels of this size, None for its own, as it is measured."""
    own = scan_of(name).volume
    k, j, i = own.grid.spacing_kji_mm
    slice_mm, pixel_mm = spacing
    copy = own if spacing == (None, None) else resampled(own, (slice_mm or k, pixel_mm or j, pixel_mm or i))
    volume: Volume = measured_grid(copy, POLICY.sampling).volume
    return Scene(volume, segment_lungs(volume, POLICY.lungs).lungs, "1.2.3")


def measured(case: tuple[str, PointLps, float], spacing: tuple[float | None, float | None]) -> Nodule:
    name, place, diameter_mm = case
    scene = on_grid(name, spacing)
    candidate = Candidate(place, diameter_mm, 1.0, "readers")
    readings = load_nodule_networks("cpu")(scene.volume, scene.lungs, (candidate,))
    return characterise(scene.volume, scene.lungs, Marks((candidate,), readings), POLICY.nodules, "1.2.3")[0]


@pytest.mark.slow
@pytest.mark.parametrize("spacing", [(1.24, None), (0.42, None), (0.21, None), (None, 0.5), (None, 0.3)])
def test_a_mass_is_the_same_on_finer_grids(spacing: tuple[float | None, float | None]) -> None:
    own, copy = measured(MASS, (None, None)), measured(MASS, spacing)
    assert copy.volume_mm3 == pytest.approx(own.volume_mm3, rel=0.10)
    assert copy.diameters.mean_mm == pytest.approx(own.diameters.mean_mm, abs=1.0)
    assert copy.composition is own.composition
    assert distance_mm(copy.centre, own.centre) < 2
    assert copy.mean_hu == pytest.approx(own.mean_hu, abs=25)
    assert copy.ratings is not None
    assert own.ratings is not None
    assert copy.ratings.suspicion == pytest.approx(own.ratings.suspicion, abs=0.1)


@pytest.mark.slow
def test_interpolated_slices_are_of_the_protocol_that_they_came_from() -> None:
    own, fine = (imaging_of(on_grid(MASS[0], spacing), POLICY.nodules) for spacing in ((None, None), (0.42, None)))
    assert is_same_protocol(own, fine, POLICY.growth.error)
