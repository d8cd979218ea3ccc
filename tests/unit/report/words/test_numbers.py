"""Numbers as the report prints them."""

from __future__ import annotations

import pytest

from cad.domain import AxisLengths
from cad.report.words.numbers import axes_mm, percent, percent_range, volume_mm3, whole


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.0, "0.0 %"),
        (0.0004, "<0.1 %"),
        (0.0119, "1.2 %"),
        (0.0994, "9.9 %"),
        (0.1, "10 %"),
        (0.724, "72 %"),
        (0.996, ">99 %"),
        (1.0, "100 %"),
    ],
)
def test_a_probability_has_the_digits_that_matter(probability: float, expected: str) -> None:
    assert percent(probability) == expected


def test_a_range_that_prints_as_one_number_is_one() -> None:
    assert percent_range(0.301, 0.303) == "30 %"
    assert percent_range(0.08, 0.21) == "8.0–21 %"


def test_sizes_and_volumes() -> None:
    assert axes_mm(AxisLengths(14.04, 6.0)) == "14.0 × 6.0"
    assert volume_mm3(890.4, (780.0, 1009.6)) == "890 [780–1010]"
    assert volume_mm3(890.4, None) == "890"
    assert whole(-0.2) == "0"
    assert whole(-321.4) == "-321"
