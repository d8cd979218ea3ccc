"""Dense regions of the lungs: masses by their shape, and what is said of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cad.domain import BoolArray, Candidate, Float32Array, LungMask, NoduleMask, PointLps, SeenMass, Side
from cad.geometry import distance_mm, sphere_diameter_mm
from cad.policy import OpacityPolicy
from cad.science.lungs.opacities import Opacity, holding, opacities_of, outline_at, unassessed, with_masses, without
from tests.slow.science.test_lungs import LEFT_LUNG, RIGHT_LUNG, TISSUE_HU, Space, a_chest, a_space, a_volume

POLICY = OpacityPolicy()


@pytest.fixture(scope="module")
def space() -> Space:
    return a_space()


def found_in(hu: Float32Array, space: Space) -> tuple[Opacity, ...]:
    volume = a_volume(hu, space)
    labels = np.zeros(space.shape, dtype=np.uint8)
    labels[space.ellipsoid(*RIGHT_LUNG)] = LungMask.RIGHT
    labels[space.ellipsoid(*LEFT_LUNG)] = LungMask.LEFT
    return opacities_of(volume, LungMask(labels, volume.grid), POLICY)


def right(space: Space) -> BoolArray:
    return space.ellipsoid(*RIGHT_LUNG)


@pytest.mark.parametrize("diameter_mm", [30.0, 45.0, 70.0, 95.0])
@pytest.mark.parametrize("x", [-80.0, -110.0])
def test_a_mass_is_found_with_its_size_and_place(space: Space, diameter_mm: float, x: float) -> None:
    hu, inside = a_chest(space), space.ball((x, 0, 20), diameter_mm / 2) & right(space)
    hu[inside] = TISSUE_HU
    (found,) = found_in(hu, space)
    assert found.is_mass
    assert found.side is Side.RIGHT
    true_ml = float(np.count_nonzero(inside)) * float(np.prod(space.spacing_kji_mm)) / 1000
    assert found.volume_ml == pytest.approx(true_ml, rel=0.12)
    assert found.extent_mm == pytest.approx(diameter_mm, rel=0.12)


def test_a_healthy_chest_has_no_opacity(space: Space) -> None:
    assert found_in(a_chest(space), space) == ()


def test_fluid_behind_a_lung_is_no_mass_and_is_said(space: Space) -> None:
    hu = a_chest(space)
    hu[right(space) & np.broadcast_to(space.y > 45, space.shape)] = 10
    (found,) = found_in(hu, space)
    assert not found.is_mass
    (caution,) = unassessed((found,), POLICY)
    assert caution.code == "opacity-not-assessed"
    assert f"{found.volume_ml:.0f} ml" in caution.text
    assert "right lung" in caution.text


def test_a_mass_is_not_said_to_be_unassessed(space: Space) -> None:
    hu = a_chest(space)
    hu[space.ball((-80, 0, 20), 25)] = TISSUE_HU
    assert unassessed(found_in(hu, space), POLICY) == ()


def a_mass(space: Space) -> Opacity:
    hu = a_chest(space)
    hu[space.ball((-80, 0, 20), 30)] = TISSUE_HU
    return found_in(hu, space)[0]


def mark(mass: Opacity, diameter_mm: float, score: float, x: float = 0.0) -> Candidate:
    return Candidate(PointLps(mass.centre.x + x, mass.centre.y, mass.centre.z), diameter_mm, score, "detector")


def test_a_mass_without_a_mark_becomes_a_candidate(space: Space) -> None:
    mass = a_mass(space)
    (found,) = with_masses((), (mass,), POLICY)
    assert found.diameter_mm == pytest.approx(sphere_diameter_mm(mass.volume_ml * 1000))
    assert distance_mm(found.centre, mass.centre) == 0
    outline = outline_at(found, (mass,))
    assert outline is not None
    assert outline.probability.sum() == mass.mask.voxel_count


def test_small_marks_on_a_mass_are_parts_of_it(space: Space) -> None:
    mass = a_mass(space)
    inside, elsewhere = mark(mass, 6.0, 0.95, x=10.0), mark(mass, 6.0, 0.5, x=170.0)
    found = with_masses((inside, elsewhere), (mass,), POLICY)
    assert [c.score for c in found] == [0.95, 0.5]
    assert found[0].diameter_mm > 50
    assert found[1] == elsewhere


def test_a_mark_of_the_size_of_the_mass_stands(space: Space) -> None:
    mass = a_mass(space)
    good = mark(mass, 55.0, 0.97)
    assert with_masses((good,), (mass,), POLICY) == (good,)
    assert outline_at(mark(mass, 55.0, 0.97, x=3.0), (mass,)) is None


@pytest.mark.parametrize("values", [{"dense_hu": 100.0}, {"min_thickness_mm": 80.0}, {"min_volume_ml": 500.0}])
def test_each_limit_decides(space: Space, values: dict[str, Any]) -> None:
    hu = a_chest(space)
    hu[space.ball((-80, 0, 20), 30)] = TISSUE_HU
    volume = a_volume(hu, space)
    labels = np.zeros(space.shape, dtype=np.uint8)
    labels[right(space)] = LungMask.RIGHT
    assert opacities_of(volume, LungMask(labels, volume.grid), OpacityPolicy(**values)) == ()


def seen_ball(space: Space, lungs: LungMask, x: float, diameter_mm: float) -> SeenMass:
    voxels = space.ball((x, 0, 20), diameter_mm / 2)
    return SeenMass(NoduleMask(voxels, (0, 0, 0), lungs.grid), 0.8)


def lungs_of(space: Space) -> LungMask:
    labels = np.zeros(space.shape, dtype=np.uint8)
    labels[space.ellipsoid(*RIGHT_LUNG)] = LungMask.RIGHT
    labels[space.ellipsoid(*LEFT_LUNG)] = LungMask.LEFT
    return LungMask(labels, a_volume(a_chest(space), space).grid)


def test_a_mass_that_a_network_sees_is_a_mass_and_counted_once(space: Space) -> None:
    lungs, hu = lungs_of(space), a_chest(space)
    mass = seen_ball(space, lungs, -80.0, 50.0)
    hu[mass.mask.voxels] = TISSUE_HU
    (found,) = opacities_of(a_volume(hu, space), lungs, POLICY, (mass,))
    assert found.is_mass
    assert found.score == 0.8
    assert found.side is Side.RIGHT
    assert found.extent_mm == pytest.approx(50.0, rel=0.18)  # cells of 4 mm
    (candidate,) = with_masses((), (found,), POLICY)
    assert candidate.score == 0.8
    assert candidate.diameter_mm == pytest.approx(50.0, rel=0.15)
    assert outline_at(candidate, (found,)) is not None


def test_what_is_dense_beside_a_seen_mass_is_still_said(space: Space) -> None:
    lungs, hu = lungs_of(space), a_chest(space)
    mass = seen_ball(space, lungs, -80.0, 40.0)
    hu[mass.mask.voxels] = TISSUE_HU
    hu[(lungs.labels == LungMask.LEFT) & np.broadcast_to(space.y > 45, space.shape)] = 10
    found = opacities_of(a_volume(hu, space), lungs, POLICY, (mass,))
    assert sorted(o.score is None for o in found) == [False, True]
    assert [caution.code for caution in unassessed(found, POLICY)] == ["opacity-not-assessed"]


def test_a_mass_on_the_border_becomes_part_of_the_lung_that_it_touches(space: Space) -> None:
    lungs = lungs_of(space)
    mass = seen_ball(space, lungs, -145.0, 40.0)
    outside = mass.mask.voxels & (lungs.labels == 0)
    assert outside.any()
    whole = holding(lungs, (mass,))
    assert (whole.labels[mass.mask.voxels] == LungMask.RIGHT).all()
    assert np.array_equal(whole.labels[~mass.mask.voxels], lungs.labels[~mass.mask.voxels])
    assert not without(whole, (mass,)).labels[mass.mask.voxels].any()
    assert holding(lungs, ()) is lungs


def test_what_is_larger_than_a_mass_is_an_opacity(space: Space) -> None:
    lungs = lungs_of(space)
    mass = seen_ball(space, lungs, -80.0, POLICY.largest_mass_mm + 20)
    (found,) = opacities_of(a_volume(a_chest(space), space), lungs, POLICY, (mass,))
    assert not found.is_mass
    assert unassessed((found,), POLICY)


def test_a_network_that_sees_a_part_of_a_mass_means_all_of_it(space: Space) -> None:
    lungs, hu = lungs_of(space), a_chest(space)
    hu[space.ball((-80.0, 0, 20), 35.0)] = TISSUE_HU
    part = NoduleMask(space.ball((-70.0, 0, 20), 18.0), (0, 0, 0), lungs.grid)
    (found,) = opacities_of(a_volume(hu, space), lungs, POLICY, (SeenMass(part, 0.7),))
    assert found.extent_mm == pytest.approx(70.0, rel=0.18)
    assert found.score == 0.7


def test_fluid_that_a_seen_mass_lies_in_is_not_made_part_of_it(space: Space) -> None:
    lungs, hu = lungs_of(space), a_chest(space)
    fluid = (lungs.labels == LungMask.RIGHT) & np.broadcast_to(space.y > 40, space.shape)
    hu[fluid] = 10
    part = NoduleMask(space.ball((-80.0, 55, 0), 16.0), (0, 0, 0), lungs.grid)
    found = opacities_of(a_volume(hu, space), lungs, POLICY, (SeenMass(part, 0.7),))
    seen = [o for o in found if o.score is not None]
    assert [o.extent_mm for o in seen] == [pytest.approx(32.0, rel=0.1)]
    assert unassessed(found, POLICY)
