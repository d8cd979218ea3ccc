"""How guidelines round and band sizes."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from cad.domain import AxisLengths, rounded
from cad.report.words.en import guidelines as english
from cad.report.words.phrases import phrase_text
from cad.science.guidelines.sizes import band, inclusive_band, mean_mm


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (5.95, 1, 6.0),
        (5.949, 1, 5.9),
        (0.25, 1, 0.3),
        (2.675, 2, 2.68),
        (5.5, 0, 6.0),
        (6.5, 0, 7.0),
        (8.499, 0, 8.0),
        (112.5, 0, 113.0),
        (7.4 - 5.9, 1, 1.5),
        (-1.55, 1, -1.6),
    ],
)
def test_halves_are_rounded_away_from_zero_as_people_do(value: float, decimals: int, expected: float) -> None:
    assert rounded(value, decimals) == expected


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.integers(0, 2))
def test_rounding_keeps_the_order(a: float, b: float, decimals: int) -> None:
    low, high = sorted((a, b))
    assert rounded(low, decimals) <= rounded(high, decimals)


def test_axes_are_rounded_before_their_mean() -> None:
    assert mean_mm(AxisLengths(6.14, 5.84), 1, 1) == 6.0


@pytest.mark.parametrize(
    ("size", "expected"),
    [(5.9, (0, "<6 mm")), (6.0, (1, "6 to <8 mm")), (7.9, (1, "6 to <8 mm")), (8.0, (2, "8 mm or more"))],
)
def test_a_size_at_a_limit_is_in_the_band_above(size: float, expected: tuple[int, str]) -> None:
    reached, words = band(size, (6.0, 8.0))
    assert (reached, phrase_text(words, english)) == expected


@pytest.mark.parametrize(("size", "expected"), [(5.9, 0), (6.0, 1), (8.0, 1), (8.1, 2)])
def test_an_inclusive_band_holds_both_its_limits(size: float, expected: int) -> None:
    assert inclusive_band(size, (6.0, 8.0)) == expected


@pytest.mark.parametrize("axes", [(5.0, 6.0), (5.0, 0.0), (0.0, 0.0)])
def test_axes_are_positive_and_the_long_one_is_longer(axes: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="short axis"):
        AxisLengths(*axes)
