"""Change between examinations with its uncertainty, and trends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from cad.domain import ChangeStatus, Composition, Imaging, SizeAt
from cad.policy import GrowthPolicy, NodulePolicy
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


THICK = Imaging(across_mm=2.5, in_plane_mm=0.74, sharp=False, lung_ml=4000.0)


def stated(days: float, volume: float, imaging: Imaging | None, repeated: float = 0.05) -> SizeAt:
    """A size with the interval that is stated with it: what a protocol adds lies in it, as squares."""
    width = math.hypot(repeated, NodulePolicy().error.half_width(volume, Composition.SOLID))
    interval = (volume * math.exp(-width), volume * math.exp(width))
    return SizeAt(days, volume, 8.0, volume, interval, Composition.SOLID, imaging)


def test_growth_by_one_protocol_is_growth() -> None:
    found = size_change(stated(0, 300, THICK), stated(90, 400, THICK), POLICY)
    assert found.status is ChangeStatus.GROWING
    assert not found.by_protocol
    assert found.volume_percent_interval is not None
    low, high = (math.log(1 + end / 100) for end in found.volume_percent_interval)
    assert high - low == pytest.approx(2 * math.hypot(0.05, 0.05))


@pytest.mark.parametrize(
    "other",
    [
        Imaging(0.42, 0.74, sharp=False, lung_ml=4000.0),
        Imaging(2.5, 1.37, sharp=False, lung_ml=4000.0),
        Imaging(2.5, 0.74, sharp=True, lung_ml=4000.0),
        Imaging(2.5, 0.74, sharp=False, lung_ml=2500.0),
    ],
)
def test_what_another_protocol_can_explain_is_not_growth(other: Imaging) -> None:
    found = size_change(stated(0, 300, THICK), stated(90, 400, other), POLICY)
    assert found.status is ChangeStatus.STABLE
    assert found.by_protocol
    assert found.doubling_time_days is None
    beyond = size_change(stated(0, 300, THICK), stated(90, 1200, other), POLICY)
    assert beyond.status is ChangeStatus.GROWING
    assert not beyond.by_protocol


def test_of_an_unknown_protocol_the_stated_intervals_count() -> None:
    found = size_change(stated(0, 300, None), stated(90, 400, THICK), POLICY)
    assert found.status is ChangeStatus.STABLE
    assert not found.by_protocol


def test_a_report_of_before_is_believed_what_it_says() -> None:
    """Its interval is narrower than what a protocol adds, so nothing is taken off."""
    then = SizeAt(0, 300, 8.0, 300, (285.0, 316.0), Composition.SOLID, THICK)
    found = size_change(then, stated(90, 400, THICK), POLICY)
    assert found.status is ChangeStatus.GROWING
