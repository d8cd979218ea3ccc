"""Lungs of phantoms made by arithmetic: two ellipsoids with vessels in an elliptic body, and what may disturb them.

Lengths are millimetres from the middle of the chest: x to the left, y to the back, z to the head.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from cad.domain import BoolArray, Float32Array, LungMask, PointLps, Side, Volume
from cad.errors import Reason, Refusal
from cad.geometry import grid_from
from cad.policy import LungPolicy
from cad.science.lungs import SegmentedLungs, segment_lungs

Triple = tuple[float, float, float]

PARENCHYMA_HU, TISSUE_HU, GAS_HU, BONE_HU = -860.0, 40.0, -990.0, 400.0
RIGHT_LUNG: tuple[Triple, Triple] = ((-80.0, 0.0, 0.0), (58.0, 78.0, 112.0))
LEFT_LUNG: tuple[Triple, Triple] = ((80.0, 0.0, 0.0), (52.0, 78.0, 106.0))


@dataclass(frozen=True)
class Space:
    """A field of view: coordinates of its voxels that broadcast to [k, j, i]."""

    x: Float32Array
    y: Float32Array
    z: Float32Array
    spacing_kji_mm: Triple

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.z.shape[0], self.y.shape[1], self.x.shape[2]

    def ellipsoid(self, centre: Triple, radii: Triple) -> BoolArray:
        inside: BoolArray = (
            ((self.x - centre[0]) / radii[0]) ** 2
            + ((self.y - centre[1]) / radii[1]) ** 2
            + ((self.z - centre[2]) / radii[2]) ** 2
        ) <= 1
        return inside

    def ball(self, centre: Triple, radius: float) -> BoolArray:
        return self.ellipsoid(centre, (radius, radius, radius))

    def tube(self, x: float, y: float, radius: float) -> BoolArray:
        """A vertical cylinder over the whole height."""
        return self.ellipsoid((x, y, 0), (radius, radius, 1e6))

    def nearest(self, point: Triple) -> tuple[int, int, int]:
        axes = ((self.z, point[2]), (self.y, point[1]), (self.x, point[0]))
        k, j, i = (int(np.argmin(np.abs(axis.ravel() - value))) for axis, value in axes)
        return k, j, i


def a_space(half: Triple = (200, 150, 135), spacing_kji_mm: Triple = (4.0, 3.0, 3.0)) -> Space:
    z, y, x = ((np.arange(-h, h + s / 2, s, dtype=np.float32)) for h, s in zip(half[::-1], spacing_kji_mm, strict=True))
    return Space(x[None, None, :], y[None, :, None], z[:, None, None], spacing_kji_mm)


def a_body(space: Space) -> Float32Array:
    """An elliptic trunk with a spine, in air."""
    hu = np.full(space.shape, -1000.0, dtype=np.float32)
    hu[space.ellipsoid((0, 0, 0), (180, 125, 1e6))] = TISSUE_HU
    hu[space.tube(0, 90, 18)] = BONE_HU
    return hu


def vessels(space: Space) -> BoolArray:
    """Tubes of 6 mm from front to back, 25 mm apart: about 4 % of the space."""
    x, z = (np.abs((axis + 12.5) % 25 - 12.5) for axis in (space.x, space.z))
    tubes: BoolArray = np.broadcast_to(np.hypot(x, z) <= 3, space.shape)
    return tubes


def a_chest(
    space: Space,
    lungs: tuple[tuple[Triple, Triple], ...] = (RIGHT_LUNG, LEFT_LUNG),
    parenchyma_hu: float = PARENCHYMA_HU,
) -> Float32Array:
    """The body with lungs, vessels in them, and a windpipe from the top to 10 mm above the middle."""
    hu = a_body(space)
    for centre, radii in lungs:
        lung = space.ellipsoid(centre, radii)
        core = space.ellipsoid(centre, (radii[0] - 8, radii[1] - 8, radii[2] - 8))
        hu[lung] = parenchyma_hu
        hu[core & vessels(space)] = TISSUE_HU
    hu[windpipe(space)] = GAS_HU
    return hu


def windpipe(space: Space) -> BoolArray:
    trachea: BoolArray = space.tube(0, 10, 9) & (space.z > 10)
    return trachea


def a_volume(hu: npt.NDArray[np.floating], space: Space) -> Volume:
    grid = grid_from(space.shape, space.spacing_kji_mm, PointLps(0, 0, 0))
    return Volume(np.round(hu).astype(np.int16), grid, "2.25.1")


def segmented(hu: npt.NDArray[np.floating], space: Space) -> SegmentedLungs:
    return segment_lungs(a_volume(hu, space), LungPolicy())


def codes(result: SegmentedLungs) -> set[str]:
    return {caution.code for caution in result.cautions}


def dice(a: BoolArray, b: BoolArray) -> float:
    return 2 * float(np.count_nonzero(a & b)) / float(np.count_nonzero(a) + np.count_nonzero(b))


def ellipsoid_ml(radii: Triple) -> float:
    return 4 / 3 * math.pi * math.prod(radii) / 1000


@pytest.fixture(scope="module")
def space() -> Space:
    return a_space()


@pytest.fixture(scope="module")
def healthy(space: Space) -> SegmentedLungs:
    return segmented(a_chest(space), space)


def test_volumes_are_those_of_the_ellipsoids(healthy: SegmentedLungs) -> None:
    # The voxel count of a solid of this size is exact to 1 %; the closing may add a rim of partial voxels.
    assert healthy.lungs.volume_ml(Side.RIGHT) == pytest.approx(ellipsoid_ml(RIGHT_LUNG[1]), rel=0.02)
    assert healthy.lungs.volume_ml(Side.LEFT) == pytest.approx(ellipsoid_ml(LEFT_LUNG[1]), rel=0.02)


def test_right_is_right_and_left_is_left(healthy: SegmentedLungs, space: Space) -> None:
    assert dice(healthy.lungs.labels == LungMask.RIGHT, space.ellipsoid(*RIGHT_LUNG)) > 0.98
    assert dice(healthy.lungs.labels == LungMask.LEFT, space.ellipsoid(*LEFT_LUNG)) > 0.98


def test_vessels_inside_belong_to_the_lungs(healthy: SegmentedLungs, space: Space) -> None:
    core = space.ellipsoid(RIGHT_LUNG[0], (40, 60, 90)) & vessels(space)
    assert (healthy.lungs.labels[core] == LungMask.RIGHT).all()


def test_windpipe_table_and_air_around_are_outside(healthy: SegmentedLungs, space: Space) -> None:
    assert not healthy.lungs.labels[windpipe(space)].any()
    assert not healthy.lungs.labels[~space.ellipsoid((0, 0, 0), (180, 125, 1e6))].any()


def test_a_healthy_chest_raises_no_caution(healthy: SegmentedLungs) -> None:
    assert healthy.cautions == ()


def test_a_mirrored_chest_swaps_the_sides(healthy: SegmentedLungs, space: Space) -> None:
    mirrored = segmented(a_chest(space)[:, :, ::-1], space)
    assert mirrored.lungs.volume_ml(Side.LEFT) == pytest.approx(healthy.lungs.volume_ml(Side.RIGHT), rel=0.01)
    assert mirrored.lungs.volume_ml(Side.RIGHT) == pytest.approx(healthy.lungs.volume_ml(Side.LEFT), rel=0.01)


def test_a_table_and_a_mattress_change_nothing(healthy: SegmentedLungs, space: Space) -> None:
    hu = a_chest(space)
    below = np.broadcast_to(space.y > 127, space.shape)
    hu[below] = -850
    hu[np.broadcast_to(np.abs(space.y - 138) < 3, space.shape)] = 200
    assert np.array_equal(segmented(hu, space).lungs.labels, healthy.lungs.labels)


def test_arms_beside_the_chest_change_nothing(space: Space) -> None:
    wide = a_space(half=(260, 150, 135))
    hu = a_chest(wide)
    for x in (-215.0, 215.0):
        hu[wide.tube(x, 0, 30)] = TISSUE_HU
        hu[wide.tube(x, 0, 10)] = BONE_HU
    lungs = segmented(hu, wide).lungs
    assert lungs.volume_ml(Side.RIGHT) == pytest.approx(ellipsoid_ml(RIGHT_LUNG[1]), rel=0.02)
    assert lungs.volume_ml(Side.LEFT) == pytest.approx(ellipsoid_ml(LEFT_LUNG[1]), rel=0.02)


def test_lungs_that_touch_are_parted_at_their_narrowest(space: Space) -> None:
    right, left = ((-52.0, -20.0, 0.0), (58.0, 78.0, 112.0)), ((52.0, -20.0, 0.0), (52.0, 78.0, 106.0))
    hu = a_chest(space, lungs=(right, left))
    hu[space.tube(0, 10, 13) & ~space.tube(0, 10, 9)] = TISSUE_HU
    labels = segmented(hu, space).lungs.labels
    trunk = space.tube(0, 10, 20)
    only_right = space.ellipsoid(*right) & ~space.ellipsoid(*left) & ~trunk
    only_left = space.ellipsoid(*left) & ~space.ellipsoid(*right) & ~trunk
    assert np.mean(labels[only_right] == LungMask.RIGHT) > 0.98
    assert np.mean(labels[only_left] == LungMask.LEFT) > 0.98


def test_gas_in_stomach_and_bowel_is_not_lung(space: Space) -> None:
    short = tuple((centre, (radii[0], radii[1], 70.0)) for centre, radii in (RIGHT_LUNG, LEFT_LUNG))
    hu = a_chest(space, lungs=short)
    stomach, bowel = space.ball((70, -30, -108), 26), space.ball((-60, -40, -110), 20)
    hu[stomach | bowel] = GAS_HU
    labels = segmented(hu, space).lungs.labels
    assert not labels[stomach | bowel].any()
    assert labels.any()


def test_the_dome_of_the_diaphragm_stays_out(space: Space) -> None:
    hu = a_chest(space)
    dome = space.ellipsoid((-80, 0, -112), (45, 60, 80))
    hu[dome] = TISSUE_HU
    labels = segmented(hu, space).lungs.labels
    inside = space.ellipsoid((-80, 0, -112), (33, 48, 68)) & space.ellipsoid(*RIGHT_LUNG)
    assert not labels[inside].any()


@pytest.mark.parametrize("diameter_mm", [6.0, 12.0, 20.0, 30.0])
def test_a_nodule_on_the_chest_wall_lies_inside(space: Space, diameter_mm: float) -> None:
    hu = a_chest(space)
    centre = (-80 - 58 + 0.4 * diameter_mm, 0.0, 0.0)  # its outer tenth is in the wall
    hu[space.ball(centre, diameter_mm / 2)] = TISSUE_HU
    assert segmented(hu, space).lungs.labels[space.nearest(centre)] == LungMask.RIGHT


def test_a_mass_within_the_lung_is_filled(space: Space) -> None:
    hu = a_chest(space)
    mass = space.ball((80, 10, 20), 22)
    hu[mass] = TISSUE_HU
    assert (segmented(hu, space).lungs.labels[mass] == LungMask.LEFT).all()


def test_an_effusion_is_left_out_and_reported(space: Space) -> None:
    hu = a_chest(space)
    fluid = space.ellipsoid(*LEFT_LUNG) & (space.y + 0.4 * space.z > -30)
    hu[fluid] = 10
    result = segmented(hu, space)
    assert result.lungs.volume_ml(Side.RIGHT) == pytest.approx(ellipsoid_ml(RIGHT_LUNG[1]), rel=0.02)
    assert result.lungs.volume_ml(Side.LEFT) > 200
    assert "lungs-unequal" in codes(result)


@pytest.mark.parametrize(("lung", "side"), [(RIGHT_LUNG, Side.RIGHT), (LEFT_LUNG, Side.LEFT)])
def test_a_single_lung_keeps_its_side(space: Space, lung: tuple[Triple, Triple], side: Side) -> None:
    hu = a_chest(space, lungs=(lung,))
    hu[windpipe(space)] = TISSUE_HU  # only the spine shows the middle
    result = segmented(hu, space)
    assert result.lungs.volume_ml(side) == pytest.approx(ellipsoid_ml(lung[1]), rel=0.02)
    assert codes(result) == {"one-lung-only"}


def test_a_view_of_one_lung_keeps_its_side(space: Space) -> None:
    hu = a_chest(space)[:, :, : space.nearest((30, 0, 0))[2]]
    grid = grid_from(hu.shape, space.spacing_kji_mm, PointLps(0, 0, 0))
    result = segment_lungs(Volume(hu.astype(np.int16), grid, "2.25.1"), LungPolicy())
    assert result.lungs.volume_ml(Side.RIGHT) == pytest.approx(ellipsoid_ml(RIGHT_LUNG[1]), rel=0.02)
    assert result.lungs.volume_ml(Side.LEFT) < 100


def test_a_view_that_cuts_the_lungs_gives_the_same_lungs(healthy: SegmentedLungs, space: Space) -> None:
    k, j, i = slice(15, 53), slice(27, -25), slice(25, -25)
    cut = a_chest(space)[k, j, i]
    grid = grid_from(cut.shape, space.spacing_kji_mm, PointLps(0, 0, 0))
    result = segment_lungs(Volume(cut.astype(np.int16), grid, "2.25.1"), LungPolicy())
    for label in (LungMask.RIGHT, LungMask.LEFT):
        assert dice(result.lungs.labels == label, healthy.lungs.labels[k, j, i] == label) > 0.97
    assert "lungs-cut" in codes(result)


@pytest.mark.parametrize("padding_hu", [-1024, -2048, -3024])
def test_padding_around_a_round_field_is_not_lung(space: Space, padding_hu: int) -> None:
    hu = a_chest(space)
    field = space.tube(0, 0, 120)
    hu[~field] = padding_hu
    labels = segmented(hu, space).lungs.labels
    truth = (space.ellipsoid(*RIGHT_LUNG) | space.ellipsoid(*LEFT_LUNG)) & field
    assert dice(labels > 0, truth) > 0.96


def test_noise_of_a_low_dose_scan_changes_little(space: Space) -> None:
    noisy = a_chest(space) + np.random.default_rng(7).normal(0, 80, space.shape).astype(np.float32)
    lungs = segmented(noisy, space).lungs
    assert dice(lungs.labels == LungMask.RIGHT, space.ellipsoid(*RIGHT_LUNG)) > 0.97
    assert dice(lungs.labels == LungMask.LEFT, space.ellipsoid(*LEFT_LUNG)) > 0.97
    assert not lungs.labels[space.tube(0, 10, 6) & (space.z > 10)].any()


@pytest.mark.parametrize("spacing_kji_mm", [(5.0, 1.6, 1.6), (1.25, 2.4, 2.4)])
def test_slice_thickness_changes_little(spacing_kji_mm: Triple) -> None:
    other = a_space(half=(190, 130, 125), spacing_kji_mm=spacing_kji_mm)
    lungs = segmented(a_chest(other), other).lungs
    assert lungs.volume_ml(Side.RIGHT) == pytest.approx(ellipsoid_ml(RIGHT_LUNG[1]), rel=0.02)
    assert lungs.volume_ml(Side.LEFT) == pytest.approx(ellipsoid_ml(LEFT_LUNG[1]), rel=0.02)


@pytest.mark.parametrize("parenchyma_hu", [-955, -700])
def test_emphysema_and_haze_are_still_lung(space: Space, parenchyma_hu: float) -> None:
    lungs = segmented(a_chest(space, parenchyma_hu=parenchyma_hu), space).lungs
    assert lungs.volume_ml(Side.RIGHT) == pytest.approx(ellipsoid_ml(RIGHT_LUNG[1]), rel=0.03)
    assert lungs.volume_ml(Side.LEFT) == pytest.approx(ellipsoid_ml(LEFT_LUNG[1]), rel=0.03)


def test_the_input_is_not_changed(space: Space) -> None:
    volume = a_volume(a_chest(space), space)
    before = volume.hu.copy()
    segment_lungs(volume, LungPolicy())
    assert np.array_equal(volume.hu, before)


def air_alone(space: Space) -> Float32Array:
    return np.full(space.shape, -1000, dtype=np.float32)


def water_alone(space: Space) -> Float32Array:
    return np.zeros(space.shape, dtype=np.float32)


def an_abdomen_with_bowel_gas(space: Space) -> Float32Array:
    hu = a_body(space)
    for n, x in enumerate((-100.0, -40.0, 20.0, 90.0)):
        hu[space.ellipsoid((x, -40, 20.0 * n), (24, 24, 70))] = GAS_HU
    return hu


def a_head(space: Space) -> Float32Array:
    """A skull with brain, air in sinuses, mastoids and throat."""
    hu = air_alone(space)
    hu[space.ball((0, 0, 0), 95)] = TISSUE_HU
    hu[space.ball((0, 0, 0), 85)] = 1000
    hu[space.ball((0, 0, 0), 78)] = 30
    for x in (-25.0, 25.0):
        hu[space.ball((x, -50, -40), 17)] = GAS_HU
        hu[space.ball((2.4 * x, 20, -40), 12)] = -500
    hu[space.tube(0, -10, 9) & (space.z < -50)] = GAS_HU
    return hu


def a_calibration_phantom(space: Space) -> Float32Array:
    """A chest phantom: prisms of lung-like plastic without a vessel."""
    hu = a_body(space)
    for x in (-80.0, 80.0):
        hu[space.ellipsoid((x, 0, 0), (55, 75, 1e6)) & (np.abs(space.z) < 75)] = PARENCHYMA_HU
    return hu


@pytest.mark.parametrize("scene", [air_alone, water_alone, a_body, an_abdomen_with_bowel_gas, a_head])
def test_refuses_what_shows_no_lungs(space: Space, scene: Callable[[Space], Float32Array]) -> None:
    noise = np.random.default_rng(3).normal(0, 15, space.shape)
    with pytest.raises(Refusal) as refused:
        segmented(scene(space) + noise, space)
    assert refused.value.reason is Reason.NO_LUNGS_IN_VIEW


def test_refuses_a_phantom_without_vessels(space: Space) -> None:
    noise = np.random.default_rng(3).normal(0, 25, space.shape)
    with pytest.raises(Refusal) as refused:
        segmented(a_calibration_phantom(space) + noise, space)
    assert refused.value.reason is Reason.NO_LUNGS_IN_VIEW
    assert refused.value.facts["vessel_fraction"] == pytest.approx(0, abs=0.004)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 64, 64), (3, 5, 7), (40, 2, 2)])
def test_refuses_the_smallest_volumes(shape: tuple[int, int, int]) -> None:
    grid = grid_from(shape, (2.5, 0.7, 0.7), PointLps(0, 0, 0))
    for hu in (-1024, -850, 0):
        with pytest.raises(Refusal):
            segment_lungs(Volume(np.full(shape, hu, dtype=np.int16), grid, "2.25.1"), LungPolicy())
