"""Placed plaques hold the volume they were drawn with, and motion spreads it without losing any."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cad.domain import Artery, FloatArray, PointLps, Volume
from cad.geometry import grid_from
from models.training.calcium.plaques import Plaque, blend_plaques, filling

GRID = grid_from((16, 60, 60), (3.0, 0.8, 0.8), PointLps(-24.0, -24.0, 0.0))
BLOOD = Volume(np.full(GRID.shape, 40, dtype=np.int16), GRID, "1.2")


def a_plaque(radii: tuple[float, float, float], motion: FloatArray, hu: float = 640.0) -> Plaque:
    return Plaque(Artery.LAD, np.array([0.3, -0.2, 22.0]), np.eye(3), np.array(radii), hu, motion)


@pytest.mark.parametrize("motion", [np.zeros(3), np.array([6.0, 2.0, 0.0])])
def test_the_filled_parts_add_up_to_the_ellipsoid(motion: FloatArray) -> None:
    radii = (4.0, 2.5, 3.0)
    _, part = filling(BLOOD, a_plaque(radii, motion), 0.8)
    volume_mm3 = float(part.sum()) * GRID.voxel_volume_mm3
    assert volume_mm3 == pytest.approx(4 / 3 * math.pi * math.prod(radii), rel=0.05)


def test_the_excess_attenuation_is_that_of_the_plaque_and_its_voxels_are_its_own() -> None:
    plaque = a_plaque((4.0, 2.5, 3.0), np.zeros(3))
    volume, owner = blend_plaques(BLOOD, [plaque], 0.8)
    excess = float((volume.hu.astype(float) - 40).sum()) * GRID.voxel_volume_mm3
    expected = (640 - 40) * 4 / 3 * math.pi * 4.0 * 2.5 * 3.0
    assert excess == pytest.approx(expected, rel=0.05)
    assert set(np.unique(owner)) == {0, 1}
    assert owner[7, 30, 30] == 1


def test_motion_lowers_the_peak() -> None:
    still, _ = blend_plaques(BLOOD, [a_plaque((1.5, 1.5, 1.5), np.zeros(3))], 0.8)
    moving, _ = blend_plaques(BLOOD, [a_plaque((1.5, 1.5, 1.5), np.array([7.0, 0.0, 0.0]))], 0.8)
    assert moving.hu.max() < still.hu.max() - 50


def test_a_plaque_outside_the_volume_changes_nothing() -> None:
    plaque = Plaque(Artery.RCA, np.array([500.0, 0.0, 0.0]), np.eye(3), np.ones(3), 900.0, np.zeros(3))
    volume, owner = blend_plaques(BLOOD, [plaque], 0.8)
    assert np.array_equal(volume.hu, BLOOD.hu)
    assert not owner.any()
