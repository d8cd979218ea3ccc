"""Delineation and measurement against digital nodules of known size, and against readers' outlines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cad.domain import Candidate, Composition, Delineation, LungMask, Marks, PointLps, Side, Volume
from cad.geometry import distance_mm, grid_from, index_of, sphere_volume_mm3
from cad.policy import NodulePolicy
from cad.science.nodules import axial_diameters, characterise
from tests.made.nodule_phantoms import LUNG_HU, a_phantom, ball, ellipsoid, vessel, wall

THIN = (0.6, 0.6, 0.6)
USUAL = (1.25, 0.7, 0.7)
THICK = (2.5, 0.75, 0.75)
SPACINGS = pytest.mark.parametrize("spacing_mm", [THIN, USUAL, THICK], ids=["0.6 mm", "1.25 mm", "2.5 mm"])


def diameter_tolerance_mm(diameter_mm: float, spacing_mm: tuple[float, float, float], blur_mm: float = 0.6) -> float:
    """Half a pixel, plus what the nearest slice can miss of a ball, plus the shift of a curved blurred border.

    The nearest slice is at most half a slice off the centre, so it shows √(d² - dk²) instead of d at its far face;
    the half-maximum of a border of radius r blurred by σ lies σ²/r inside.
    """
    missed = diameter_mm - math.sqrt(diameter_mm**2 - spacing_mm[0] ** 2)
    return spacing_mm[1] / 2 + missed + 2 * blur_mm**2 / (diameter_mm / 2)


@SPACINGS
@pytest.mark.parametrize("diameter_mm", [6.0, 8.0, 12.0])
def test_measures_a_solid_ball(diameter_mm: float, spacing_mm: tuple[float, float, float]) -> None:
    nodule = a_phantom((ball(diameter_mm), 40), spacing_mm=spacing_mm).nodule(diameter_mm)
    tolerance = diameter_tolerance_mm(diameter_mm, spacing_mm)
    assert nodule.volume_mm3 == pytest.approx(sphere_volume_mm3(diameter_mm), rel=0.08)
    assert nodule.diameters.long_axis_mm == pytest.approx(diameter_mm, abs=tolerance)
    assert nodule.diameters.short_axis_mm == pytest.approx(diameter_mm, abs=tolerance)
    assert nodule.composition is Composition.SOLID
    assert nodule.delineation is Delineation.SEGMENTED


@pytest.mark.parametrize("shift_mm", [(0.6, 0.3, 0.0), (0.3, 0.1, 0.3)])
@SPACINGS
def test_a_shifted_grid_gives_the_same_ball(
    spacing_mm: tuple[float, float, float], shift_mm: tuple[float, float, float]
) -> None:
    shift = (shift_mm[0] * spacing_mm[0] / 1.25, shift_mm[1], shift_mm[2])
    nodule = a_phantom((ball(8), 40), spacing_mm=spacing_mm, shift_mm=shift).nodule(8)
    assert nodule.volume_mm3 == pytest.approx(sphere_volume_mm3(8), rel=0.08)
    assert nodule.diameters.mean_mm == pytest.approx(8, abs=diameter_tolerance_mm(8, spacing_mm))
    assert distance_mm(nodule.centre, PointLps(0, 0, 0)) < 0.5 * spacing_mm[0]


def test_measures_the_axes_of_an_ellipsoid() -> None:
    nodule = a_phantom((ellipsoid((8, 14, 8)), 40)).nodule(10)
    assert nodule.diameters.long_axis_mm == pytest.approx(14, abs=0.35 + 0.2)
    assert nodule.diameters.short_axis_mm == pytest.approx(8, abs=0.35 + 0.2)
    assert nodule.volume_mm3 == pytest.approx(math.pi / 6 * 8 * 14 * 8, rel=0.08)


def test_axes_lie_on_the_slice_that_they_name() -> None:
    phantom = a_phantom((ellipsoid((8, 14, 8)), 40))
    diameters = phantom.nodule(10).diameters
    for axis in (diameters.long_axis, diameters.short_axis):
        for end in (axis.start, axis.end):
            assert index_of(phantom.volume.grid, end)[0] == pytest.approx(diameters.slice_k, abs=1e-6)
    along = diameters.long_axis.end.as_array() - diameters.long_axis.start.as_array()
    across = diameters.short_axis.end.as_array() - diameters.short_axis.start.as_array()
    assert float(along @ across) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("off_by", [0.8, 1.2])
@pytest.mark.parametrize("at", [(0.0, 1.4, -1.4), (2.0, 0.0, 0.0)])
def test_an_inexact_candidate_gives_the_same_volume(off_by: float, at: tuple[float, float, float]) -> None:
    nodule = a_phantom((ball(9), 40)).nodule(9 * off_by, at)
    assert nodule.volume_mm3 == pytest.approx(sphere_volume_mm3(9), rel=0.08)


@pytest.mark.parametrize("spacing_mm", [USUAL, THICK], ids=["1.25 mm", "2.5 mm"])
@pytest.mark.parametrize("diameter_mm", [8.0, 12.0])
def test_measures_ground_glass(diameter_mm: float, spacing_mm: tuple[float, float, float]) -> None:
    nodule = a_phantom((ball(diameter_mm), -600), spacing_mm=spacing_mm, noise_hu=25).nodule(diameter_mm)
    # noise of a tenth of the contrast: twice the tolerance of solid nodules
    assert nodule.volume_mm3 == pytest.approx(sphere_volume_mm3(diameter_mm), rel=0.16)
    assert nodule.diameters.mean_mm == pytest.approx(
        diameter_mm, abs=2 * diameter_tolerance_mm(diameter_mm, spacing_mm)
    )
    assert nodule.composition is Composition.GROUND_GLASS


def test_measures_the_whole_of_a_part_solid_nodule() -> None:
    nodule = a_phantom((ball(14), -600), (ball(7), 20)).nodule(14)
    assert nodule.composition is Composition.PART_SOLID
    assert nodule.volume_mm3 == pytest.approx(sphere_volume_mm3(14), rel=0.12)


def test_names_a_calcified_nodule() -> None:
    nodule = a_phantom((ball(9), 40), (ball(5), 500)).nodule(9)
    assert nodule.composition is Composition.CALCIFIED
    assert nodule.volume_mm3 == pytest.approx(sphere_volume_mm3(9), rel=0.08)


def test_names_fat_only_where_the_blur_cannot_have_made_it() -> None:
    assert a_phantom((ball(12), -90)).nodule(12).composition is Composition.FAT
    assert a_phantom((ball(5), 40), spacing_mm=THICK).nodule(5).composition is not Composition.FAT


@pytest.mark.parametrize("vessel_mm", [2.0, 3.0])
def test_cuts_a_vessel_off(vessel_mm: float) -> None:
    nodule = a_phantom((vessel(vessel_mm), 40), (ball(10), 40)).nodule(10)
    # the stubs inside the opening's slack remain: one voxel at each end
    stubs = 2 * 1.3 * math.pi * vessel_mm**2 / 4
    assert nodule.volume_mm3 == pytest.approx(sphere_volume_mm3(10) + stubs / 2, rel=0.1)


def test_measures_a_ball_on_the_chest_wall() -> None:
    phantom = a_phantom((ball(10), 40), (wall(4.0), 40), lung_to_x_mm=4.0)
    cap_mm = 1.0
    in_lung = sphere_volume_mm3(10) - math.pi * cap_mm**2 * (3 * 5 - cap_mm) / 3
    assert phantom.nodule(10).volume_mm3 == pytest.approx(in_lung, rel=0.1)


def test_reaches_into_a_nodule_that_the_lung_mask_left_out() -> None:
    phantom = a_phantom((ball(10), 40), (wall(4.0), 40), lung_to_x_mm=-1.0)
    nodule = phantom.nodule(10)
    assert nodule.volume_mm3 == pytest.approx(sphere_volume_mm3(10), rel=0.5)
    assert nodule.diameters.long_axis_mm < 16


def test_a_candidate_in_the_wall_does_not_leak() -> None:
    phantom = a_phantom((wall(-6.0), 40), lung_to_x_mm=-8.0)
    nodule = phantom.nodule(8)
    assert nodule.delineation is not Delineation.SEGMENTED
    assert nodule.volume_mm3 < 2 * sphere_volume_mm3(8)


def test_nothing_to_see_gives_the_candidates_ball() -> None:
    nodule = a_phantom().nodule(6)
    assert nodule.delineation is Delineation.BALL
    assert nodule.volume_mm3 == pytest.approx(sphere_volume_mm3(6), rel=0.05)


def test_a_candidate_in_the_corner_of_the_volume_is_measured() -> None:
    nodule = a_phantom((ball(8, at=(17, 17, 17)), 40)).nodule(8, (17, 17, 17))
    assert 0 < nodule.volume_mm3 < sphere_volume_mm3(8)


def test_every_candidate_becomes_a_nodule_in_order() -> None:
    places = [(-8.0, -8.0, -8.0), (0.0, 9.0, 0.0), (9.0, -6.0, 8.0)]
    phantom = a_phantom(*((ball(6, at), 40) for at in places))
    candidates = tuple(Candidate(PointLps(x, y, z), 6, 0.9 - 0.1 * n, "t") for n, (z, y, x) in enumerate(places))
    nodules = characterise(phantom.volume, phantom.lungs, Marks(candidates), NodulePolicy(), "series")
    assert [n.label for n in nodules] == ["Nodule 1", "Nodule 2", "Nodule 3"]
    assert [n.score for n in nodules] == [c.score for c in candidates]
    for nodule, candidate in zip(nodules, candidates, strict=True):
        assert distance_mm(nodule.centre, candidate.centre) < 1
    assert len({n.tracking_uid for n in nodules}) == 3


def test_two_candidates_in_one_lesion_become_one_nodule() -> None:
    phantom = a_phantom((ball(12), 40))
    candidates = (Candidate(PointLps(2, 0, 0), 10, 0.9, "t"), Candidate(PointLps(-2, 0, 0), 9, 0.5, "t"))
    (nodule,) = characterise(phantom.volume, phantom.lungs, Marks(candidates), NodulePolicy(), "series")
    assert nodule.score == 0.9


def test_tracking_uids_depend_on_the_seed_and_place_alone() -> None:
    phantom = a_phantom((ball(8), 40))
    candidate = (Candidate(PointLps(0, 0, 0), 8, 0.9, "t"),)
    first, again, other = (
        characterise(phantom.volume, phantom.lungs, Marks(candidate), NodulePolicy(), seed)[0].tracking_uid
        for seed in ("a", "a", "b")
    )
    assert first == again != other
    assert first.startswith("2.25.")
    assert len(first) <= 64


def test_doubling_the_spacing_doubles_diameters() -> None:
    small = a_phantom((ball(8), 40), noise_hu=0)
    grid = grid_from(small.volume.grid.shape, (2.5, 1.4, 1.4), PointLps(0, 0, 0))
    k, j, i = ((n - 1) / 2 for n in grid.shape)
    centre = PointLps(1.4 * i, 1.4 * j, 2.5 * k)
    # the fine grid must divide source voxels alike for the results to scale exactly
    policy = NodulePolicy(fine_spacing_range_mm=(0.6, 0.6), smoothing_range_mm=(0.5, 0.5))
    double = NodulePolicy(
        fine_spacing_range_mm=(1.2, 1.2),
        surround_mm=2 * policy.surround_mm,
        centring_slack_mm=2 * policy.centring_slack_mm,
        blurs_mm=tuple(2 * blur_mm for blur_mm in policy.blurs_mm),
        usual_blur_mm=2 * policy.usual_blur_mm,
        blur_spread_mm=2 * policy.blur_spread_mm,
        enhanced_blur_mm=2 * policy.enhanced_blur_mm,
        shift_spread_mm=2 * policy.shift_spread_mm,
        rim_depth_mm=2 * policy.rim_depth_mm,
    )
    volume = Volume(small.volume.hu.copy(), grid, "1.2.3")
    lungs = LungMask(small.lungs.labels.copy(), grid)
    (large,) = characterise(volume, lungs, Marks((Candidate(centre, 16, 0.9, "t"),)), double, "s")
    reference = small.nodule(8, policy=policy)
    assert large.diameters.long_axis_mm == pytest.approx(2 * reference.diameters.long_axis_mm, rel=1e-3)
    assert large.volume_mm3 == pytest.approx(8 * reference.volume_mm3, rel=0.01)


def test_side_is_that_of_the_nearest_lung() -> None:
    phantom = a_phantom((ball(8), 40))
    assert phantom.nodule(8).side is Side.LEFT
    halves = np.where(np.arange(phantom.lungs.labels.shape[2]) < 20, LungMask.RIGHT, 0).astype(np.uint8)
    right = LungMask(np.broadcast_to(halves, phantom.lungs.labels.shape).copy(), phantom.lungs.grid)
    candidate = (Candidate(PointLps(0, 0, 0), 8, 0.9, "t"),)
    assert characterise(phantom.volume, right, Marks(candidate), NodulePolicy(), "s")[0].side is Side.RIGHT


def test_the_core_is_free_of_the_border() -> None:
    nodule = a_phantom((ball(10), 40), noise_hu=0).nodule(10)
    assert nodule.measures is not None
    assert nodule.measures.core_hu == pytest.approx(40, abs=5)
    assert nodule.mean_hu < 0


def test_mean_hu_is_that_of_the_mask() -> None:
    phantom = a_phantom((ball(10), 40))
    nodule = phantom.nodule(10)
    assert nodule.mean_hu == pytest.approx(float(phantom.volume.hu[nodule.mask.full()].mean()))
    assert nodule.mask.voxels[
        tuple(
            round(v) - o for v, o in zip(index_of(phantom.volume.grid, nodule.centre), nodule.mask.offset, strict=True)
        )
    ]


@settings(max_examples=25, deadline=None)
@given(
    length=st.floats(6, 20),
    ratio=st.floats(0.4, 1),
    angle=st.floats(0, math.pi),
    pixel=st.sampled_from([0.5, 0.7, 0.9]),
)
def test_axial_axes_of_any_ellipse_are_right_within_half_a_pixel(
    length: float, ratio: float, angle: float, pixel: float
) -> None:
    n = int(24 / pixel)
    y, x = np.mgrid[:n, :n] * pixel - 12
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    signed = (np.hypot(u / (length / 2), v / (length * ratio / 2)) - 1) * length * ratio / 2
    occupancy = np.clip(0.5 - signed / pixel, 0, 1).astype(np.float32)
    long_ji, short_ji = axial_diameters(occupancy, (pixel, pixel))
    assert np.linalg.norm(long_ji[1] - long_ji[0]) * pixel == pytest.approx(length, abs=pixel / 2)
    assert np.linalg.norm(short_ji[1] - short_ji[0]) * pixel == pytest.approx(length * ratio, abs=pixel / 2)


def test_the_short_axis_is_never_longer_than_the_long_axis_in_noise() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        occupancy = rng.random((12, 12)).astype(np.float32)
        long_ji, short_ji = axial_diameters(occupancy, (0.7, 0.7))
        assert np.linalg.norm(long_ji[1] - long_ji[0]) >= np.linalg.norm(short_ji[1] - short_ji[0])


def test_phantoms_hold_the_volume_that_they_claim() -> None:
    phantom = a_phantom((ball(8), 40), noise_hu=0)
    excess = (phantom.volume.hu - LUNG_HU).sum() / (40 - LUNG_HU) * phantom.volume.grid.voxel_volume_mm3
    assert excess == pytest.approx(sphere_volume_mm3(8), rel=0.01)
