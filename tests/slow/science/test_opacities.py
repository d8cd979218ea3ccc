"""Dense regions of the lungs: masses by their shape, and what is said of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cad.domain import BoolArray, Candidate, Float32Array, LungMask, PointLps, Side
from cad.geometry import distance_mm, sphere_diameter_mm
from cad.policy import OpacityPolicy
from cad.science.lungs.opacities import Opacity, opacities_of, outline_at, unassessed, with_masses
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
