"""Surface, sphericity, largest diameter and solid part of digital nodules, against arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cad.domain import Candidate, Composition, Delineation, FloatArray, Marks, Nodule, NoduleReading, PointLps
from cad.geometry import sphere_volume_mm3
from cad.policy import NodulePolicy
from cad.science.nodules import characterise
from tests.made.nodule_phantoms import Part, Phantom, a_phantom, ball, ellipsoid, wall

ISOTROPIC = (0.7, 0.7, 0.7)


def thomsen_mm2(axes_mm: tuple[float, float, float]) -> float:
    """Surface of an ellipsoid of three diameters by Thomsen's formula, right within 1.1 %."""
    a, b, c = ((axis / 2) ** 1.6075 for axis in axes_mm)
    return float(4 * math.pi * ((a * b + a * c + b * c) / 3) ** (1 / 1.6075))


def turned(part: Part, degrees: float) -> Part:
    """A part turned in the plane of z and y."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def filled(z: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
        return part(z * cos + y * sin, y * cos - z * sin, x)

    return filled


@pytest.mark.parametrize("diameter_mm", [8.0, 14.0])
def test_a_ball_has_the_surface_and_sphericity_of_a_ball(diameter_mm: float) -> None:
    measures = a_phantom((ball(diameter_mm), 40)).nodule(diameter_mm).measures
    assert measures is not None
    assert measures.surface_mm2 == pytest.approx(math.pi * diameter_mm**2, rel=0.06)
    assert 0.95 < measures.sphericity <= 1.0


@pytest.mark.parametrize("axes_mm", [(8.0, 14.0, 8.0), (8.0, 16.0, 12.0)])
def test_an_ellipsoid_has_the_surface_of_thomsens_formula(axes_mm: tuple[float, float, float]) -> None:
    measures = a_phantom((ellipsoid(axes_mm), 40), spacing_mm=ISOTROPIC).nodule(11).measures
    assert measures is not None
    surface_mm2 = thomsen_mm2(axes_mm)
    ball_mm2 = math.pi * math.prod(axes_mm) ** (2 / 3)
    assert measures.surface_mm2 == pytest.approx(surface_mm2, rel=0.06)
    assert measures.sphericity == pytest.approx(ball_mm2 / surface_mm2, abs=0.03)


@pytest.mark.parametrize("degrees", [0.0, 35.0, 90.0])
def test_the_largest_diameter_is_that_of_a_tilted_ellipsoid(degrees: float) -> None:
    nodule = a_phantom((turned(ellipsoid((16, 8, 8)), degrees), 40), spacing_mm=ISOTROPIC).nodule(10)
    assert nodule.measures is not None
    # a voxel of tolerance: the surface's own smoothing rounds the tip, noise carries the farthest point outwards
    assert nodule.measures.max_3d_diameter_mm == pytest.approx(16, abs=0.7)
    # the axial long axis shows less of it, unless the ellipsoid lies in the plane
    in_plane = 1 / math.hypot(math.cos(math.radians(degrees)) / 8, math.sin(math.radians(degrees)) / 16)
    assert nodule.diameters.long_axis_mm == pytest.approx(in_plane, abs=0.7)


@pytest.mark.parametrize("core_mm", [7.0, 9.0])
def test_measures_the_solid_part(core_mm: float) -> None:
    nodule = a_phantom((ball(16), -600), (ball(core_mm, at=(0, 2, 1)), 30)).nodule(16)
    assert nodule.composition is Composition.PART_SOLID
    assert nodule.measures is not None
    assert nodule.measures.solid is not None
    solid = nodule.measures.solid
    # half a pixel, and what the slice nearest to the middle misses
    assert solid.diameters.long_axis_mm == pytest.approx(core_mm, abs=0.7)
    assert solid.diameters.short_axis_mm == pytest.approx(core_mm, abs=0.7)
    assert solid.volume_mm3 == pytest.approx(sphere_volume_mm3(core_mm), rel=0.15)
    assert solid.volume_mm3 < nodule.volume_mm3


def test_other_nodules_have_no_solid_part() -> None:
    for hu in (40, -600):
        measures = a_phantom((ball(10), hu)).nodule(10).measures
        assert measures is not None
        assert measures.solid is None


def test_the_interval_holds_the_volume_and_widens_with_slices_and_noise() -> None:
    thin, thick, noisy = (
        relative_width(a_phantom((ball(8), 40), spacing_mm=spacing_mm, noise_hu=noise_hu).nodule(8))
        for spacing_mm, noise_hu in ((ISOTROPIC, 30), ((2.5, 0.7, 0.7), 30), (ISOTROPIC, 90))
    )
    assert thick > thin
    assert noisy > thin


def relative_width(nodule: Nodule) -> float:
    assert nodule.measures is not None
    low, high = nodule.measures.volume_interval_mm3
    assert low < nodule.volume_mm3 < high
    return math.log(high / low)


def test_a_reading_keeps_a_part_solid_nodule_on_the_pleura_whole() -> None:
    phantom = a_phantom((ball(16), -550), (ball(7, at=(0, 0, -2)), 30), (wall(7.0), 40), lung_to_x_mm=7.0)
    nodule = read_with_outline_of_a_ball(phantom, 16.0, to_x_mm=7.0)
    cap_mm = 1.0
    in_lung = sphere_volume_mm3(16) - math.pi * cap_mm**2 * (3 * 8 - cap_mm) / 3
    assert nodule.delineation is Delineation.NETWORK
    assert nodule.composition is Composition.PART_SOLID
    assert nodule.volume_mm3 == pytest.approx(in_lung, rel=0.15)
    assert nodule.measures is not None
    assert nodule.measures.solid is not None
    assert nodule.measures.solid.volume_mm3 == pytest.approx(sphere_volume_mm3(7), rel=0.2)


def read_with_outline_of_a_ball(phantom: Phantom, diameter_mm: float, to_x_mm: float) -> Nodule:
    """The nodule at the origin, where a network outlined a ball as far as the wall at `to_x_mm`."""
    grid = phantom.volume.grid
    z, y, x = ((np.arange(n) - (n - 1) / 2) * s for n, s in zip(grid.shape, grid.spacing_kji_mm, strict=True))
    away = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    probability = np.clip(0.5 + (diameter_mm / 2 - away) / 1.4, 0, 1) * (x <= to_x_mm)
    reading = NoduleReading(probability.astype(np.float32), (0, 0, 0), 0.9)
    marks = Marks((Candidate(PointLps(0, 0, 0), diameter_mm, 0.9, "phantom"),), (reading,))
    (nodule,) = characterise(phantom.volume, phantom.lungs, marks, NodulePolicy(), "series")
    return nodule
