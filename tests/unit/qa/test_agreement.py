"""Measures of agreement against published worked examples and arithmetic done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from cad.domain import Artery
from cad.qa.agreement import (
    Weighting,
    artery_agreement,
    bland_altman,
    cohen_kappa,
    confusion,
    intraclass_correlation,
)

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
"""Table 2 of Shrout & Fleiss, Psychol Bull 1979: six targets rated by four judges; ICC(2,1) is 0.29."""

COHEN_1960 = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]], dtype=float)
"""The worked example of Cohen, Educ Psychol Meas 1960 (and 1968), as cases of 200: kappa is 0.49."""


def test_kappa_of_cohens_own_example() -> None:
    # observed agreement 140/200 = 0.70; by chance 0.60·0.50 + 0.30·0.30 + 0.10·0.20 = 0.41; (0.70 - 0.41) / 0.59
    assert cohen_kappa(COHEN_1960) == pytest.approx(0.29 / 0.59, abs=1e-12)
    assert round(cohen_kappa(COHEN_1960), 2) == 0.49


def test_weighted_kappas_by_hand() -> None:
    table = np.array([[2, 1, 0], [0, 3, 1], [1, 0, 2]], dtype=float)
    # rows add up to 3, 4, 3 and columns to 3, 4, 3 of 10 cases
    # linear: observed 1 + 1 + 2 = 4; expected (12 + 2·9 + 12 + 12 + 2·9 + 12) / 10 = 8.4
    assert cohen_kappa(table, Weighting.LINEAR) == pytest.approx(1 - 4 / 8.4)
    # quadratic: observed 1 + 1 + 4 = 6; expected (12 + 4·9 + 12 + 12 + 4·9 + 12) / 10 = 12.0
    assert cohen_kappa(table, Weighting.QUADRATIC) == pytest.approx(1 - 6 / 12.0)
    assert cohen_kappa(table) == pytest.approx((0.7 - 0.34) / 0.66)


def test_all_kappas_of_two_categories_are_the_same() -> None:
    table = np.array([[20, 5], [10, 15]], dtype=float)
    # Wikipedia's and most textbooks' example: observed 0.7, by chance 0.5
    assert [cohen_kappa(table, w) for w in Weighting] == pytest.approx([0.4, 0.4, 0.4])


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40))
def test_a_reading_agrees_fully_with_itself(reading: list[int]) -> None:
    table = confusion(reading, reading, range(4))
    for weighting in Weighting:
        kappa = cohen_kappa(table, weighting)
        assert math.isnan(kappa) if len(set(reading)) == 1 else kappa == 1


def test_confusion_counts_pairs_in_the_order_of_the_categories() -> None:
    table = confusion(["0", "1-99", "0"], ["0", "0", "1-99"], ["0", "1-99", ">=400"])
    assert table.tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_an_unknown_category_is_an_error() -> None:
    with pytest.raises(ValueError, match="none of the categories"):
        confusion(["0"], ["2"], ["0", "1"])


def test_icc_of_shrout_and_fleiss() -> None:
    icc = intraclass_correlation(SHROUT_FLEISS)
    # their table 3: mean squares 11.24 between targets, 32.49 between judges, 1.02 of the error; table 4: 0.29
    assert icc.value == pytest.approx((11.24 - 1.02) / (11.24 + 3 * 1.02 + 4 * (32.49 - 1.02) / 6), abs=0.002)
    assert round(icc.value, 2) == 0.29
    # the interval that R's psych and irr packages print for this table: 0.019 to 0.761
    assert (icc.low, icc.high) == pytest.approx((0.019, 0.761), abs=0.001)


def test_a_constant_offset_lowers_absolute_agreement() -> None:
    scores = np.array([1.0, 5.0, 9.0, 20.0, 31.0])
    assert intraclass_correlation(np.stack([scores, scores], axis=1)).value == pytest.approx(1.0)
    assert intraclass_correlation(np.stack([scores, scores + 8], axis=1)).value < 0.9


def test_icc_of_one_case_or_of_equal_ratings_is_not_a_number() -> None:
    assert math.isnan(intraclass_correlation(np.ones((1, 2))).value)
    assert math.isnan(intraclass_correlation(np.ones((5, 2))).value)


BLAND_ALTMAN_1986 = np.array(
    [
        [494, 512], [395, 430], [516, 520], [434, 428], [476, 500], [557, 600], [413, 364], [442, 380], [650, 658],
        [433, 445], [417, 432], [656, 626], [267, 260], [478, 477], [178, 259], [423, 350], [427, 451],
    ],
    dtype=float,
)  # fmt: skip
"""First readings of both peak flow meters, l/min, of 17 people (Bland & Altman, Lancet 1986, table 1)."""


def test_limits_of_agreement_of_bland_and_altman() -> None:
    found = bland_altman(BLAND_ALTMAN_1986[:, 0], BLAND_ALTMAN_1986[:, 1])
    # the paper: mean difference -2.1 l/min, SD 38.8, so limits -79.7 and 75.5 with 2 SD; here 1.96 SD
    assert found.bias.value == pytest.approx(-2.1, abs=0.05)
    assert (found.upper.value - found.lower.value) / (2 * 1.96) == pytest.approx(38.8, abs=0.05)
    # the paper's intervals: bias -22.0 to 17.8, lower limit -114.3 to -45.1, upper limit 40.9 to 110.1 (around 2 SD)
    assert (found.bias.low, found.bias.high) == pytest.approx((-22.0, 17.8), abs=0.1)
    assert found.lower.high - found.lower.low == pytest.approx(-45.1 + 114.3, abs=0.2)
    assert found.upper.high - found.upper.low == pytest.approx(110.1 - 40.9, abs=0.2)
    assert found.pairs == 17


def test_one_pair_has_no_limits() -> None:
    with pytest.raises(ValueError, match="not pairs"):
        bland_altman(np.array([1.0]), np.array([2.0]))


def test_an_artery_is_counted_where_both_readings_speak_of_it() -> None:
    first = [{Artery.LAD: 12.0}, {Artery.LAD: 0.0}, {Artery.LAD: 3.0}, {Artery.LAD: 0.0}, {Artery.RCA: 9.0}]
    second = [{Artery.LAD: 10.0}, {Artery.LAD: 4.0}, {Artery.LAD: 0.0}, {Artery.LAD: 0.0}, {Artery.LAD: 9.0}]
    found = artery_agreement(first, second, Artery.LAD)
    assert (found.both, found.first_only, found.second_only, found.neither) == (1, 1, 1, 1)
    assert found.kappa == pytest.approx(0.0)
    assert found.mean_difference == pytest.approx((2 - 4 + 3 + 0) / 4)


def test_an_artery_that_nobody_speaks_of_has_no_figures() -> None:
    found = artery_agreement([{}], [{}], Artery.LM)
    assert found.both == found.neither == 0
    assert math.isnan(found.kappa)
    assert math.isnan(found.icc)
    assert math.isnan(found.mean_difference)
