"""Agreement with readers, against direct counting over readers who are known and against worked values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from cad.geometry import dice
from cad.qa.readers import rank_correlation, ranking_auc, reader_dice, resampled


def test_dice_is_twice_the_shared_part_over_both() -> None:
    a, b = np.zeros(10, dtype=bool), np.zeros(10, dtype=bool)
    a[:4], b[2:8] = True, True
    assert dice(a, b) == pytest.approx(2 * 2 / 10)
    assert dice(a & ~a, b & ~b) == 1.0


@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_reader_dice_needs_no_names(readers: int, seed: int) -> None:
    masks = np.random.default_rng(seed).random((readers, 4, 5)) < 0.5
    sizes = shared = 0
    for n in range(readers):
        others = np.delete(masks, n, axis=0).sum(axis=0)
        consensus = (2 * others >= readers - 1) & (others > 0)
        sizes += int(masks[n].sum()) + int(consensus.sum())
        shared += int((masks[n] & consensus).sum())
    expected = 2 * shared / sizes if sizes else float("nan")
    if sizes:
        assert reader_dice(masks.sum(axis=0), readers) == pytest.approx(expected)


def test_readers_who_agree_have_full_overlap_and_one_reader_has_none() -> None:
    votes = np.zeros((3, 4, 4), dtype=np.uint8)
    votes[1, 1:3, 1:3] = 4
    assert reader_dice(votes, 4) == 1.0
    assert np.isnan(reader_dice(votes, 1))


def test_auc_is_the_share_of_pairs_in_order_with_ties_as_half() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.8])
    assert ranking_auc(scores, np.array([False, False, True, True])) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert np.isnan(ranking_auc(scores, np.ones(4, dtype=bool)))


def test_rank_correlation_sees_order_alone() -> None:
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1.0)
    assert rank_correlation(a, np.array([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)  # 1 - 6 * 2 / (4 * 15)
    assert np.isnan(rank_correlation(a, np.ones(4)))


def test_patients_are_resampled_as_a_whole() -> None:
    values = np.array([0.0, 0.0, 0.0, 1.0])
    low, high = resampled(["a", "a", "a", "b"], lambda at: float(values[at].mean()), seed=1)
    assert (low, high) == (0.0, 1.0)  # only a, or only b, is drawn in a quarter of the resamples each
    steady = resampled(["a", "b"], lambda at: float(len(at)), seed=1)
    assert steady == (2.0, 2.0)
