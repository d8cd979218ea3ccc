"""The grid on which a series is measured, and the way back to its images."""

from __future__ import annotations

import numpy as np
import pytest

from cad.domain import AxialAxis, Diameters, LungMask, PointLps, Volume
from cad.geometry import distance_mm, grid_from, index_of, mask_of, position_of, sphere_volume_mm3
from cad.policy import SamplingPolicy
from cad.science.sampling import Measured, measured_grid
from models.running.copies import resampled
from tests.unit.science.sampling.test_slices import scanned

POLICY = SamplingPolicy()


def test_a_series_is_measured_as_it_is() -> None:
    scan = scanned()
    measured = measured_grid(scan, POLICY)
    assert measured.volume is scan
    assert measured.is_own
    assert not measured.is_interpolated


def test_interpolated_slices_are_undone() -> None:
    scan = scanned()
    measured = measured_grid(resampled(scan, (0.5, 0.7, 0.7)), POLICY)
    assert measured.is_interpolated
    assert measured.volume.grid.shape == scan.grid.shape
    assert measured.volume.grid.spacing_kji_mm == pytest.approx(scan.grid.spacing_kji_mm, rel=0.01)
    off = np.abs(measured.volume.hu[:40].astype(int) - scan.hu[:40])
    assert np.quantile(off, 0.9) <= 4


def test_what_is_finer_than_what_is_measured_is_averaged() -> None:
    rng = np.random.default_rng(3)
    hu = np.rint(rng.normal(-800, 30, (40, 60, 61))).astype(np.int16)
    volume = Volume(hu, grid_from((40, 60, 61), (0.5, 0.3, 0.3), PointLps(0, 0, 0)), "1.2")
    measured = measured_grid(volume, POLICY)
    assert measured.volume.grid.shape == (20, 30, 30)
    assert measured.volume.grid.spacing_kji_mm == pytest.approx((1.0, 0.6, 0.6))
    assert measured.volume.hu[3, 4, 5] == pytest.approx(hu[6:8, 8:10, 10:12].mean(), abs=0.51)
    first = position_of(measured.volume.grid, (0, 0, 0))
    assert index_of(volume.grid, first) == pytest.approx((0.5, 0.5, 0.5))
    assert not measured.is_interpolated


def _ball(measured: Measured, centre: PointLps, diameter_mm: float) -> np.ndarray:
    grid = measured.volume.grid
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    at = index_of(grid, centre)
    axes = zip((k, j, i), at, grid.spacing_kji_mm, strict=True)
    return np.asarray(sum(((n - c) * s) ** 2 for n, c, s in axes) <= (diameter_mm / 2) ** 2)


@pytest.mark.parametrize("spacing", [(0.42, 0.7, 0.7), (1.25, 0.35, 0.35), (0.5, 0.3, 0.3)])
@pytest.mark.parametrize("diameter_mm", [6.0, 15.0])
def test_a_region_is_drawn_on_the_images_with_its_volume(
    spacing: tuple[float, float, float], diameter_mm: float
) -> None:
    images = resampled(scanned(), spacing)
    measured = measured_grid(images, POLICY)
    centre = PointLps(2.0, 1.0, 170.0)
    volume_mm3 = sphere_volume_mm3(diameter_mm)
    region = mask_of(_ball(measured, centre, diameter_mm), (0, 0, 0), measured.volume.grid)
    drawn = measured.drawn(region, volume_mm3)
    assert drawn.grid is images.grid
    assert drawn.voxel_count * images.grid.voxel_volume_mm3 == pytest.approx(volume_mm3, rel=0.03)
    middle = np.argwhere(drawn.voxels).mean(axis=0) + drawn.offset
    found = position_of(images.grid, (float(middle[0]), float(middle[1]), float(middle[2])))
    assert distance_mm(found, centre) < 1.3
    nearest = measured.nearest(region)
    own = region.voxel_count * measured.volume.grid.voxel_volume_mm3
    assert nearest.voxel_count * images.grid.voxel_volume_mm3 == pytest.approx(own, rel=0.1)


def test_lungs_and_axes_come_back_to_the_images() -> None:
    images = resampled(scanned(), (0.5, 0.35, 0.35))
    measured = measured_grid(images, POLICY)
    labels = np.zeros(measured.volume.grid.shape, dtype=np.uint8)
    labels[10:20, 20:60, 30:90] = LungMask.RIGHT
    lungs = measured.lungs(LungMask(labels, measured.volume.grid))
    own = np.count_nonzero(labels) * measured.volume.grid.voxel_volume_mm3
    assert np.count_nonzero(lungs.labels) * images.grid.voxel_volume_mm3 == pytest.approx(own, rel=0.03)
    start, end = (position_of(measured.volume.grid, (12.0, 30.0, i)) for i in (40.0, 60.0))
    across = position_of(measured.volume.grid, (12.0, 40.0, 60.0))
    moved = measured.axes(Diameters(AxialAxis(start, end), AxialAxis(end, across), 12))
    assert moved.long_axis_mm == pytest.approx(distance_mm(start, end))
    assert index_of(images.grid, moved.long_axis.start)[0] == pytest.approx(moved.slice_k)
    assert abs(moved.long_axis.start.z - start.z) <= images.grid.spacing_kji_mm[0] / 2 + 1e-6
