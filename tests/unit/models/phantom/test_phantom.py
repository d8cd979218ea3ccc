"""The synthetic chest: its truth is what was drawn, and the second visit shows the same tissue."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cad.domain import Composition, FloatArray
from cad.geometry import sphere_volume_mm3
from models.phantom.anatomy import AIR_HU, Build, Positions, chest, lungs
from models.phantom.coronaries import Plaque, agatston, place_plaques
from models.phantom.deformation import random_deformation
from models.phantom.image import scan_grid
from models.phantom.nodules import TRUTH_STEP_MM, SyntheticNodule, place_nodules, sample_points, true_size
from models.phantom.simulation import StudyRecipe
from models.phantom.vessels import grow_tree

BUILD = Build()


def at(*points: tuple[float, float, float]) -> Positions:
    x, y, z = np.array(points, dtype=np.float32).T
    return Positions(x, y, z)


def a_round_nodule(diameter_mm: float) -> SyntheticNodule:
    return SyntheticNodule(
        name="N1",
        centre=np.array([60.0, 10.0, 180.0]),
        diameter_mm=diameter_mm,
        kind=Composition.SOLID,
        location="intraparenchymal",
        turn=np.eye(3),
        stretch=np.ones(3),
        bumps=np.array([[0.0, 0.0, 1.0]]),
        heights=np.zeros(1),
        hu=30.0,
    )


def test_air_is_outside_lungs_within_and_soft_tissue_between() -> None:
    places = at((0, -160, 150), (65, 0, 200), (-65, 0, 200), (26, -22, 112), (0, 62, 144), (0, 13, 250))
    tissue = chest(places, BUILD)
    outside, _, _, heart, spine, trachea = tissue.hu
    assert outside == AIR_HU
    assert (tissue.lungs[1:3] < 0).all()
    assert (tissue.lungs[[0, 3, 4]] > 0).all()
    assert 20 < heart < 80
    assert spine > 100
    assert trachea == AIR_HU


def test_lungs_hold_about_four_and_a_half_litres() -> None:
    step = 5.0
    x, y, z = (np.arange(low, high, step, dtype=np.float32) for low, high in ((-150, 150), (-110, 110), (0, 300)))
    field = lungs(Positions(x[None, None, :], y[None, :, None], z[:, None, None]), BUILD)
    assert 3500 < np.count_nonzero(field < 0) * step**3 / 1000 < 6000


def test_true_volume_of_a_ball_is_that_of_geometry() -> None:
    ball = a_round_nodule(8.0)
    points = sample_points(ball)
    size = true_size(ball, np.full(points.shape[:-1], -1, dtype=np.float32), points)
    assert size.volume_mm3 == pytest.approx(sphere_volume_mm3(8.0), rel=0.02)
    assert size.centre_lps_mm == pytest.approx((60.0, 10.0, 180.0), abs=0.1)


def test_true_volume_counts_only_what_lies_in_the_lung() -> None:
    ball = a_round_nodule(8.0)
    points = sample_points(ball)
    left_of_centre = np.where(points[..., 0] < 60.0, -1, 1).astype(np.float32)
    half = true_size(ball, left_of_centre, points)
    one_layer = TRUTH_STEP_MM * math.pi * 4.0**2
    assert half.volume_mm3 == pytest.approx(sphere_volume_mm3(8.0) / 2, abs=one_layer)


def test_grown_nodule_has_the_asked_volume() -> None:
    assert a_round_nodule(8.0).grown(2.0).diameter_mm == pytest.approx(8.0 * 2 ** (1 / 3))


def test_nodules_lie_apart_in_the_lungs_and_go_through_all_kinds() -> None:
    rng = np.random.default_rng(1)
    tree = grow_tree(np.array([46.0, 13.0, 165.0]), 6.8, rng.uniform((30, -40, 120), (100, 40, 230), (300, 3)), rng)
    nodules = place_nodules(6, BUILD, [tree], rng)
    assert {nodule.kind for nodule in nodules} == {Composition.SOLID, Composition.PART_SOLID, Composition.GROUND_GLASS}
    assert {nodule.location for nodule in nodules} == {"intraparenchymal", "juxtapleural", "juxtavascular"}
    centres = np.array([nodule.centre for nodule in nodules])
    distances = np.linalg.norm(centres[:, None] - centres, axis=-1)[np.triu_indices(6, 1)]
    assert distances.min() > 25
    assert (lungs(at(*(tuple(c) for c in centres)), BUILD) < 0).all()
    assert all(5 <= nodule.diameter_mm <= 20 for nodule in nodules)


def test_tree_ends_in_every_target_and_thins_outwards() -> None:
    rng = np.random.default_rng(2)
    targets = rng.uniform(0, 100, (50, 3))
    tree = grow_tree(np.zeros(3), 6.0, targets, rng)
    near = np.linalg.norm(tree.ends[:, None] - targets, axis=-1).min(axis=0)
    assert np.median(near) < 5
    assert tree.radii_mm[0] == pytest.approx(6.0)
    assert tree.radii_mm.min() == pytest.approx(6.0 * (1 / 50) ** (1 / 2.7))


def test_deformation_and_its_inverse_meet_within_a_hundredth_of_a_millimetre() -> None:
    deformation = random_deformation(np.random.default_rng(3))
    earlier: FloatArray = np.random.default_rng(4).uniform(-100, 250, (200, 3))
    later = deformation.to_later(earlier)
    assert np.abs(deformation.earlier_points(later) - earlier).max() < 0.01
    assert 0.5 < np.linalg.norm(later - earlier, axis=1).max() < 25


@pytest.mark.parametrize(("hu", "weight"), [(120.0, 0), (150.0, 1), (250.0, 2), (350.0, 3), (800.0, 4)])
def test_agatston_score_of_a_block_is_area_times_weight(hu: float, weight: int) -> None:
    grid = scan_grid(pixels=32, slices=8, pixel_mm=1.0, slice_mm=3.0)
    image = np.zeros(grid.shape, dtype=np.float32)
    image[3, 14:17, 14:18] = hu
    centre = grid.affine[:3] @ np.array([3, 15, 15.5, 1])
    plaque = Plaque("LAD", centre, np.array([1.0, 0, 0]), 4.0, 3.0, hu)
    assert agatston(image, grid, (plaque,)) == pytest.approx(12 * weight)


def test_plaques_lie_in_the_heart_sac() -> None:
    plaques = place_plaques(BUILD, np.random.default_rng(5))
    assert [plaque.artery for plaque in plaques] == ["LAD", "LAD", "LCX", "RCA"]
    assert (lungs(at(*(tuple(p.centre) for p in plaques)), BUILD) > 0).all()


@pytest.mark.parametrize(("seed", "nodules", "days"), [(0, 21, None), (0, -1, None), (-1, 3, None), (0, 3, 0)])
def test_refuses_an_impossible_recipe(seed: int, nodules: int, days: int | None) -> None:
    with pytest.raises(ValueError, match="must"):
        StudyRecipe(seed, nodules, days)


def test_recipes_with_equal_truth_share_a_patient() -> None:
    assert StudyRecipe(3, 2, followup_days=90).patient == StudyRecipe(3, 2).patient
