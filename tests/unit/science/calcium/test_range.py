"""What another place of the slices could have scored."""

from __future__ import annotations

import math

import pytest

from cad.domain import CalciumTier
from cad.policy import CalciumPolicy
from tests.made.hearts import Index, a_row, a_volume
from tests.unit.science.calcium.test_stage import scored


def caveats(row: dict[Index, int]) -> dict[str, str]:
    return {caveat.code: caveat.text for caveat in scored(a_volume(row)).caveats}


def test_a_lesion_of_one_slice_could_have_been_missed() -> None:
    """Half-way between its slice and the next its 250 HU are about 150 with 50 HU around: a weight less or nothing."""
    score = scored(a_volume(a_row(10, 250, k=3)))
    assert score.agatston_range is not None
    low, high = score.agatston_range
    assert low == 0
    assert high >= 2 * score.agatston


def test_a_tall_lesion_keeps_its_score_within_what_a_repeat_scatters() -> None:
    tall: dict[Index, int] = {}
    for k in range(2, 9):
        tall |= a_row(24, 600, k=k)
    score = scored(a_volume(tall))
    assert score.agatston_range is not None
    low, high = score.agatston_range
    assert score.agatston - low == pytest.approx(
        max(CalciumPolicy().repeat_limit * math.sqrt(score.agatston), score.agatston / 7), rel=0.35
    )
    assert low < score.agatston < high


def test_a_tier_that_the_slices_could_change_is_given_with_both() -> None:
    row: dict[Index, int] = {}
    for k in range(2, 6):
        row |= a_row(28, 450, k=k)
    score = scored(a_volume(row))
    assert score.tier is CalciumTier.MODERATE
    text = {caveat.code: caveat.text for caveat in score.caveats}["score-range"]
    assert "1-99 or 100-399" in text


def test_no_calcium_has_no_range() -> None:
    score = scored(a_volume({}))
    assert score.agatston_range == (0.0, 0.0)
    assert "score-range" not in {caveat.code for caveat in score.caveats}
