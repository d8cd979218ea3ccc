"""Sharp kernels: known by the grain of their noise, and softened before calcium is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from cad.domain import Composition, Float32Array, NoduleMask, PointLps, Side, Volume
from cad.geometry import grid_from
from cad.policy import AttributePolicy, KernelPolicy, NodulePolicy
from cad.science.nodules.attributes import Imaged, attributes_of
from cad.science.nodules.softening import softened, softening_mm
from cad.science.nodules.window import widths_of
from tests.made.nodules import a_nodule, axes

POLICY = KernelPolicy()
PIXEL_MM = 0.7


def sharpened(hu: Float32Array, strength: float) -> Float32Array:
    """An unsharp mask in plane, as edge-enhancing kernels do."""
    soft = ndimage.gaussian_filter(hu, (0, 0.7 / PIXEL_MM, 0.7 / PIXEL_MM))
    return np.asarray(hu + strength * (hu - soft), dtype=np.float32)


def a_chest(
    strength: float, core_hu: float = 40.0, noise_hu: float = 14.0, grain_mm: float = 0.75
) -> tuple[Volume, NoduleMask]:
    """Soft tissue with the grain of a soft kernel, a lung in it, and a nodule of 6 mm in the lung; then sharpened."""
    rng = np.random.default_rng(5)
    hu = np.full((24, 150, 150), 45.0)
    hu[:, 50:110, 40:110] = -860.0
    axes_ = np.ogrid[:24, :150, :150]
    away = np.sqrt(
        sum(((a - c) * mm) ** 2 for a, c, mm in zip(axes_, (12, 80, 75), (1.0, PIXEL_MM, PIXEL_MM), strict=True))
    )
    ball = away <= 3.0
    hu[ball] = core_hu
    blurred = ndimage.gaussian_filter(hu, (0.4, 0.6 / PIXEL_MM, 0.6 / PIXEL_MM))
    noise = ndimage.gaussian_filter(rng.standard_normal(hu.shape), (0, grain_mm / PIXEL_MM, grain_mm / PIXEL_MM))
    shown = sharpened((blurred + noise_hu * noise / noise.std()).astype(np.float32), strength)
    grid = grid_from(hu.shape, (1.0, PIXEL_MM, PIXEL_MM), PointLps(0, 0, 0))
    return Volume(np.rint(shown).astype(np.int16), grid, "f"), NoduleMask(ball, (0, 0, 0), grid)


def calcification(volume: Volume, mask: NoduleMask, soft: Volume | None) -> float:
    nodule = replace(a_nodule(Composition.SOLID, Side.LEFT), mask=mask, diameters=axes(6.0, 6.0))
    imaged = Imaged(volume, False, widths_of(volume, NodulePolicy()), soft)
    found = attributes_of(imaged, nodule, None, AttributePolicy()).calcification
    assert found is not None
    return found


def test_a_soft_kernel_is_left_as_it_is() -> None:
    volume, _ = a_chest(0.0, grain_mm=1.2)
    assert softening_mm(volume, POLICY) == 0.0
    assert softened(volume, POLICY) is volume


@pytest.mark.parametrize("strength", [1.5, 2.0, 2.5])
def test_a_sharp_kernel_is_softened_and_its_nodule_is_not_called_calcified(strength: float) -> None:
    volume, mask = a_chest(strength)
    soft = softened(volume, POLICY)
    assert soft is not volume
    assert calcification(volume, mask, soft) < 0.25


def test_the_overshoot_alone_would_have_called_it_calcified() -> None:
    volume, mask = a_chest(2.5)
    assert calcification(volume, mask, None) > 0.6


@pytest.mark.parametrize("strength", [0.0, 1.5, 2.5])
def test_calcium_stays_calcium_by_any_kernel(strength: float) -> None:
    volume, mask = a_chest(strength, core_hu=500.0)
    assert calcification(volume, mask, softened(volume, POLICY)) > 0.8


def test_without_noise_or_soft_tissue_nothing_is_judged() -> None:
    volume, _ = a_chest(2.5, noise_hu=0.0)
    assert softening_mm(volume, POLICY) == 0.0
    air = replace(volume, hu=np.full_like(volume.hu, -1000))
    assert softening_mm(air, POLICY) == 0.0
