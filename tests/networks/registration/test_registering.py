"""Registration recovers known deformations of a made-up lung, and tells when it did not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cad.domain import FloatArray, LungMask
from models.registration.deformable import Level
from models.registration.images import Scan
from models.registration.registrar import Registration, RegistrationSettings, TorchRegistrar, register
from tests.made.breathing_lung import QUICK, RADII, a_scan, inner_points, scan_grid, unmoved

CPU = torch.device("cpu")
VOXEL_MM = 2.5
TURN = np.array([[0.996, -0.087, 0.0], [0.087, 0.996, 0.0], [0.0, 0.0, 1.0]]) @ np.diag([1.04, 0.97, 1.1])
SHIFT = np.array([6.0, -4.0, 12.0])


def affinely(positions: FloatArray) -> FloatArray:
    """Turned by 5 degrees, stretched by up to 10 % and shifted by 14 mm."""
    moved: FloatArray = positions @ TURN.T + SHIFT
    return moved


def wavily(positions: FloatArray) -> FloatArray:
    """Moved smoothly by up to 9 mm, in z most."""
    phase = positions[:, [1, 2, 0]] / np.array([25.0, 28.0, 26.0])
    moved: FloatArray = positions + np.sin(phase) * np.array([4.0, 4.0, 7.0])
    return moved


def errors(found: FloatArray, wanted: FloatArray) -> FloatArray:
    distances: FloatArray = np.linalg.norm(found - wanted, axis=1)
    return distances


@pytest.fixture(scope="module")
def lung() -> Scan:
    return a_scan()


@pytest.fixture(scope="module")
def from_waves(lung: Scan) -> Registration:
    """The map from the lung under waves to the lung."""
    return register(a_scan(wavily), lung, CPU, QUICK)


def test_an_affine_map_is_recovered_within_a_fraction_of_a_voxel(lung: Scan) -> None:
    # inside the lung of the fixed scan: where the inverse of the map brings the lung's own points
    points = (inner_points() - SHIFT) @ np.linalg.inv(TURN).T
    found = register(a_scan(affinely), lung, CPU, QUICK)
    assert found.quality.method == "deformable"
    assert errors(found.to_moving(points), affinely(points)).mean() < 0.4 * VOXEL_MM


def test_a_smooth_warp_is_recovered_within_a_fraction_of_a_voxel(from_waves: Registration) -> None:
    points = inner_points(0.75)
    assert errors(points, wavily(points)).mean() > 2 * VOXEL_MM
    assert errors(from_waves.to_moving(points), wavily(points)).mean() < 0.4 * VOXEL_MM
    assert from_waves.quality.folding_fraction == 0
    assert from_waves.quality.cautions == ()


def test_positions_of_the_moving_scan_are_carried_back_to_where_they_came_from(from_waves: Registration) -> None:
    points = inner_points(0.75)
    assert errors(from_waves.to_fixed(from_waves.to_moving(points)), points).max() < 0.01


def test_identical_scans_stay_where_they_are_and_are_trusted(lung: Scan) -> None:
    points = inner_points()
    found = register(lung, lung, CPU, QUICK)
    assert found.quality.cautions == ()
    assert found.quality.similarity > 0.95
    assert errors(found.to_moving(points), points).max() < 0.2 * VOXEL_MM


def test_the_same_scans_give_the_same_map(lung: Scan, from_waves: Registration) -> None:
    points = inner_points()
    again = register(a_scan(wavily), lung, CPU, QUICK)
    np.testing.assert_array_equal(again.to_moving(points), from_waves.to_moving(points))


def test_an_earlier_scan_of_the_upper_half_is_matched_where_it_shows_the_lung(lung: Scan) -> None:
    half = a_scan(unmoved, scan_grid(first=-5.0))
    points = inner_points(0.75)
    upper = points[wavily(points)[:, 2] > 10]
    found = register(a_scan(wavily), half, CPU, QUICK)
    assert found.quality.seen_fraction < 0.8
    assert errors(found.to_moving(upper), wavily(upper)).mean() < 0.6 * VOXEL_MM


def test_other_spacings_do_not_matter(lung: Scan) -> None:
    thick = a_scan(wavily, scan_grid((4.0, 1.7, 1.7)))
    points = inner_points(0.75)
    assert errors(register(thick, lung, CPU, QUICK).to_moving(points), wavily(points)).mean() < 0.5 * VOXEL_MM


def test_another_patients_lung_is_not_trusted(lung: Scan) -> None:
    found = register(a_scan(seed=9), lung, CPU, QUICK)
    (caution,) = found.quality.cautions
    assert (found.quality.method, caution.code) == ("affine", "registration-affine")
    assert "unlike" in caution.text


def test_lungs_without_anything_to_see_are_not_trusted() -> None:
    found = register(a_scan(wavily, vessels=0), a_scan(vessels=0, seed=2), CPU, QUICK)
    assert found.quality.method == "affine"
    assert found.quality.residual_mm is None


def test_a_deformation_that_folds_is_not_used(lung: Scan) -> None:
    loose = replace(QUICK, levels=(Level(4.0, 6.0, 30, 15_000, 12.0, 0.0),))
    found = register(a_scan(wavily), lung, CPU, loose)
    (caution,) = found.quality.cautions
    assert "fold" in caution.text
    assert found.quality.folding_fraction == 0


def test_the_way_back_and_the_change_of_volume_are_reported(lung: Scan) -> None:
    settings = replace(QUICK, levels_back=QUICK.levels)
    quality = register(a_scan(affinely), lung, CPU, settings).quality
    assert quality.inverse_consistency_mm is not None
    assert 0 < quality.inverse_consistency_mm < 0.5 * VOXEL_MM
    assert quality.volume_ratios is not None
    low, high = quality.volume_ratios
    assert low < np.linalg.det(TURN) < high


def test_the_way_back_is_optional(lung: Scan) -> None:
    assert register(lung, lung, CPU, QUICK).quality.inverse_consistency_mm is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_finds_the_same_places(lung: Scan) -> None:
    points = inner_points(0.75)
    warped = a_scan(wavily)
    here, there = (register(warped, lung, torch.device(name), QUICK).to_moving(points) for name in ("cpu", "cuda"))
    assert errors(here, there).mean() < 0.2


def test_the_registrar_takes_volumes_and_lungs(lung: Scan) -> None:
    left = LungMask(np.where(lung.lungs.labels > 0, LungMask.LEFT, 0).astype(np.uint8), lung.lungs.grid)
    registrar = TorchRegistrar(settings=QUICK)
    found = registrar(lung.volume, left, lung.volume, lung.lungs)
    assert found.quality.overlap > 0.98
    assert found.fixed.size_mm[0] > 2 * RADII[2]


def test_every_default_limit_is_a_share() -> None:
    settings = RegistrationSettings()
    assert 0 < settings.similarity_noise < settings.least_similarity < 1
    assert 0 < settings.most_folding < 0.002
