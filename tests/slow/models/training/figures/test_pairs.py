"""Pairs of examinations with known truth: what is put in has the volume that the truth says, at the place it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cad.domain import Composition, LungMask, PointLps, Volume
from cad.geometry import grid_from, index_of, position_of, sphere_volume_mm3
from models.training.figures.pairs import BlendedPair, PairPlan, Sketch, Visit, blend_pair, render_on, to_breathed
from models.training.material.blend import Optics
from models.training.material.breath import breath_of
from models.training.material.scans import LabelledNodule, TrainingScan
from models.training.material.shapes import NoduleShape

SPACING = (2.0, 0.9, 0.9)
LUNG_HU, TISSUE_HU = -860, 40


def a_ball_shape() -> NoduleShape:
    axis = np.arange(-9, 10)
    k, j, i = np.meshgrid(axis, axis, axis, indexing="ij")
    solid = np.clip(5.5 - np.sqrt(k * k + j * j + i * i), 0, 1).astype(np.float32)
    diameter = float((6 * solid.sum() / np.pi) ** (1 / 3))
    return NoduleShape("ball", solid, solid, diameter, 5.0)


def a_scan() -> TrainingScan:
    """One lung of 120 mm across in soft tissue, with noise of 8 HU and one real nodule at its middle."""
    shape = (70, 150, 150)
    grid = grid_from(shape, SPACING, PointLps(-67, -67, -70))
    labels = np.zeros(shape, dtype=np.uint8)
    labels[5:65, 8:142, 8:142] = LungMask.RIGHT
    hu = np.where(labels > 0, LUNG_HU, TISSUE_HU) + np.random.default_rng(1).normal(0, 8, shape)
    real = LabelledNodule(PointLps(0, 0, 0), 12.0, sure=True)
    volume = Volume(hu.round().astype(np.int16), grid, "1.2.3")
    return TrainingScan("made-up", volume, LungMask(labels, grid), 2.0, (real,))


@pytest.fixture(scope="module")
def pair() -> BlendedPair:
    return blend_pair(a_scan(), [a_ball_shape()], PairPlan(followed=2, new=1, gone=1, depth_mm=6, seed=5))


def core_hu(volume: Volume, centre: PointLps) -> float:
    k, j, i = np.rint(index_of(volume.grid, centre)).astype(int)
    return float(volume.hu[k : k + 1, j - 1 : j + 2, i - 1 : i + 2].mean())


def test_the_truth_names_what_stayed_what_is_new_and_what_is_gone(pair: BlendedPair) -> None:
    assert [c.then is None for c in pair.courses] == [False] * 2 + [True, False]
    assert [c.now is None for c in pair.courses] == [False] * 3 + [True]


def test_a_nodule_attenuates_where_the_truth_says_in_both_scans(pair: BlendedPair) -> None:
    for course in pair.courses:
        for volume, place in ((pair.current, course.now), (pair.prior, course.then)):
            if place is not None:
                assert core_hu(volume, place) > LUNG_HU + 140


@pytest.mark.parametrize("diameter_mm", [4.0, 8.0, 14.0])
@pytest.mark.parametrize("spacing", [(0.7, 0.7, 0.7), (2.5, 0.8, 0.8)])
def test_a_nodule_fills_the_volume_that_the_truth_says(diameter_mm: float, spacing: tuple[float, float, float]) -> None:
    """Blur and averaging into voxels keep the integral of the opacity."""
    grid = grid_from((80, 80, 80), spacing, PointLps(0, 0, 0))
    visit = Visit(np.zeros(grid.shape, dtype=np.float32), grid, Optics(0.45, 0.32 * spacing[0], 10.0))
    sketch = Sketch(a_ball_shape(), np.eye(3, dtype=np.float32), Composition.SOLID, 0.0, 0.0, 0.5)
    volume = sphere_volume_mm3(diameter_mm)
    place = np.array([30.2, 29.7, 40 * spacing[0] + 0.3])
    nodule, corner = render_on(sketch, visit, place, sketch.scale(volume))
    assert float(nodule.opacity.sum()) * grid.voxel_volume_mm3 == pytest.approx(volume, rel=0.02)
    centre = position_of(grid, tuple(np.add(corner, nodule.centre)))
    assert np.abs(centre.as_array() - place).max() < 0.1


def test_nothing_touches_the_real_nodule(pair: BlendedPair) -> None:
    for course in pair.courses:
        if course.now is not None:
            assert np.linalg.norm(course.now.as_array()) > 6


def test_the_same_plan_gives_the_same_pair(pair: BlendedPair) -> None:
    again = blend_pair(a_scan(), [a_ball_shape()], PairPlan(followed=2, new=1, gone=1, depth_mm=6, seed=5))
    assert (again.current.hu == pair.current.hu).all()
    assert (again.prior.hu == pair.prior.hu).all()


def test_the_inverse_of_a_breath_leads_back() -> None:
    breath = breath_of(a_scan().lungs, 20.0, 3)
    places = np.random.default_rng(2).uniform(-50, 50, (200, 3))
    assert np.abs(breath.to_real(to_breathed(breath, places)) - places).max() < 1e-3


def test_lungs_without_room_are_named() -> None:
    scan = a_scan()
    narrow = np.zeros_like(scan.lungs.labels)
    narrow[2:4, 2:9, 2:9] = LungMask.RIGHT
    with pytest.raises(ValueError, match="no room"):
        blend_pair(replace(scan, lungs=LungMask(narrow, scan.lungs.grid)), [a_ball_shape()], PairPlan())


def test_sizes_are_those_that_were_asked_for(pair: BlendedPair) -> None:
    for course in pair.courses:
        for volume in (course.volume_now_mm3, course.volume_then_mm3):
            if volume is not None:
                assert sphere_volume_mm3(4.0) - 1 <= volume <= sphere_volume_mm3(20.0) + 1
