"""Change between examinations with its uncertainty, and trends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from cad.domain import ChangeStatus, SizeAt
from cad.policy import GrowthPolicy
from cad.science.followup.growth import size_change, volume_trend

POLICY = GrowthPolicy()


def size(days: float, volume: float, percent: float | None = None) -> SizeAt:
    interval = None if percent is None else (volume * (1 - percent / 100), volume * (1 + percent / 100))
    return SizeAt(days, volume, (6 * volume / math.pi) ** (1 / 3), volume * 0.8, interval)


def test_a_doubling_in_a_year() -> None:
    found = size_change(size(0, 100), size(365, 200), POLICY)
    assert found.status is ChangeStatus.GROWING
    assert found.volume_percent == pytest.approx(100)
    assert found.mass_percent == pytest.approx(100)
    assert found.doubling_time_days == pytest.approx(365)
    assert found.mean_diameter_mm == pytest.approx((600 / math.pi) ** (1 / 3) * (2 ** (1 / 3) - 1))
    assert found.volume_percent_interval is None
    assert found.doubling_time_interval_days is None


@pytest.mark.parametrize(("volume", "status"), [(124, "stable"), (125, "growing"), (76, "stable"), (75, "shrinking")])
def test_a_quarter_of_the_volume_is_the_limit(volume: float, status: str) -> None:
    found = size_change(size(0, 100), size(90, volume), POLICY)
    assert found.status == status
    assert (found.doubling_time_days is None) == (status != "growing")


def test_growth_within_the_error_of_measurement_is_not_growth() -> None:
    assert size_change(size(0, 100, 10), size(90, 140, 10), POLICY).status is ChangeStatus.GROWING
    unsure = size_change(size(0, 100, 30), size(90, 140, 30), POLICY)
    assert unsure.status is ChangeStatus.STABLE
    assert unsure.volume_percent == pytest.approx(40)
    assert unsure.doubling_time_days is None


def test_the_interval_of_the_ratio_adds_relative_errors_as_squares() -> None:
    now = SizeAt(100, 200, 7, 160, (200 / math.exp(0.3), 200 * math.exp(0.3)))
    earlier = SizeAt(0, 100, 6, 80, (100 / math.exp(0.4), 100 * math.exp(0.4)))
    found = size_change(earlier, now, POLICY)
    assert found.volume_percent_interval == pytest.approx(
        ((2 / math.exp(0.5) - 1) * 100, (2 * math.exp(0.5) - 1) * 100)
    )
    low, high = math.log(2) - 0.5, math.log(2) + 0.5
    assert found.doubling_time_interval_days == pytest.approx((100 * math.log(2) / high, 100 * math.log(2) / low))


@given(st.floats(10, 5000), st.floats(10, 5000), st.floats(1, 40), st.floats(1, 40))
def test_the_intervals_hold_the_figures(before: float, after: float, a: float, b: float) -> None:
    found = size_change(size(0, before, a), size(100, after, b), POLICY)
    assert found.volume_percent_interval is not None
    low, high = found.volume_percent_interval
    assert low <= found.volume_percent <= high
    if found.doubling_time_interval_days is not None and found.doubling_time_days is not None:
        assert found.doubling_time_interval_days[0] <= found.doubling_time_days
        assert found.doubling_time_days <= found.doubling_time_interval_days[1]


def test_the_same_day_is_no_interval() -> None:
    with pytest.raises(ValueError, match="positive"):
        size_change(size(10, 100), size(10, 200), POLICY)


def test_a_trend_of_exact_doublings() -> None:
    found = volume_trend([size(0, 100), size(180, 200), size(360, 400)])
    assert found is not None
    assert found.doubling_time_days == pytest.approx(180)
    assert found.spread == pytest.approx(0, abs=1e-9)


def test_a_level_trend_never_doubles_and_a_falling_one_halves() -> None:
    level = volume_trend([size(0, 100), size(180, 100), size(360, 100)])
    falling = volume_trend([size(0, 400), size(180, 200), size(360, 100)])
    assert level is not None
    assert falling is not None
    assert level.doubling_time_days == math.inf
    assert falling.doubling_time_days == pytest.approx(-180)


def test_two_time_points_are_no_trend() -> None:
    assert volume_trend([size(0, 100), size(180, 200)]) is None
    assert volume_trend([size(0, 100), size(180, 200), size(180, 210)]) is None
