"""Volume doubling time, significant growth and mass."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from cad.domain import GrowthVerdict, VolumeGrowth, mass_mg
from cad.policy import GrowthPolicy
from cad.science.followup.growth import (
    diameter_doubling_time_days,
    growth_from_diameters,
    volume_doubling_time_days,
    volume_growth,
)

SIZES = st.floats(1.0, 1e5)
DAYS = st.floats(1.0, 4000.0)


@pytest.mark.parametrize(
    ("earlier_mm3", "now_mm3", "interval_days", "doubling_days"),
    [
        (100, 200, 365, 365.0),
        (100, 125, 90, 279.5655),
        (100, 150, 90, 153.856),
        (80, 120, 365, 623.9716),
        (300, 250, 180, -684.3211),
        (100, 118.92071, 100, 400.0),
    ],
)
def test_doubling_time_of_volumes(
    earlier_mm3: float, now_mm3: float, interval_days: float, doubling_days: float
) -> None:
    assert volume_doubling_time_days(earlier_mm3, now_mm3, interval_days) == pytest.approx(doubling_days, abs=5e-4)


@pytest.mark.parametrize(
    ("earlier_mm", "now_mm", "interval_days", "doubling_days"), [(6, 7.5, 180, 186.377), (8, 10, 365, 377.9312)]
)
def test_doubling_time_of_diameters(
    earlier_mm: float, now_mm: float, interval_days: float, doubling_days: float
) -> None:
    assert diameter_doubling_time_days(earlier_mm, now_mm, interval_days) == pytest.approx(doubling_days, abs=5e-4)


def test_the_same_volume_never_doubles() -> None:
    assert volume_doubling_time_days(100, 100, 90) == math.inf


@pytest.mark.parametrize(
    ("now_mm3", "verdict"),
    [
        (124.9, GrowthVerdict.STABLE),
        (125.0, GrowthVerdict.INCREASE),
        (100.0, GrowthVerdict.STABLE),
        (75.1, GrowthVerdict.STABLE),
        (75.0, GrowthVerdict.DECREASE),
    ],
)
def test_a_change_below_a_quarter_of_the_volume_is_stable(now_mm3: float, verdict: GrowthVerdict) -> None:
    assert volume_growth(100.0, now_mm3, 90, GrowthPolicy()).verdict is verdict


def test_a_change_at_the_limit_counts_whatever_the_volume() -> None:
    assert volume_growth(0.7, 0.7 * 1.25, 90, GrowthPolicy()).verdict is GrowthVerdict.INCREASE


def test_growth_from_diameters_says_so() -> None:
    growth = growth_from_diameters(6.0, 7.5, 180, GrowthPolicy())
    assert growth.from_diameters
    assert growth.change_percent == pytest.approx(95.3125)
    assert growth.verdict is GrowthVerdict.INCREASE


@pytest.mark.parametrize("volumes", [(0, 100, 90), (100, 0, 90), (100, 100, 0), (-1, 100, 90), (100, math.inf, 90)])
def test_refuses_sizes_and_intervals_that_are_not_positive(volumes: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        volume_doubling_time_days(*volumes)


def test_an_interval_of_growth_is_positive() -> None:
    with pytest.raises(ValueError, match="interval"):
        VolumeGrowth(0, 10, 100, GrowthVerdict.STABLE)


@given(SIZES, SIZES, DAYS)
def test_the_sign_of_the_doubling_time_is_that_of_the_change(before: float, now: float, days: float) -> None:
    doubling_days = volume_doubling_time_days(before, now, days)
    assert (doubling_days > 0) == (now >= before) or math.isinf(doubling_days)


@given(st.floats(1.0, 50.0), st.floats(1.01, 3.0), DAYS)
def test_spheres_double_as_their_volumes_do(diameter_mm: float, factor: float, days: float) -> None:
    by_diameter = diameter_doubling_time_days(diameter_mm, diameter_mm * factor, days)
    by_volume = volume_doubling_time_days(diameter_mm**3, (diameter_mm * factor) ** 3, days)
    assert by_diameter == pytest.approx(by_volume, rel=1e-6)


@pytest.mark.parametrize(
    ("volume_mm3", "mean_hu", "mass"), [(500.0, -600.0, 200.0), (1000.0, 0.0, 1000.0), (500.0, -1024.0, 0.0)]
)
def test_mass_is_volume_times_density(volume_mm3: float, mean_hu: float, mass: float) -> None:
    assert mass_mg(volume_mm3, mean_hu) == pytest.approx(mass)
