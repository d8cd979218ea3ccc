"""Matching and FROC against hand-made cases and a brute-force count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from cad.domain import Candidate, PointLps
from cad.qa.froc import (
    CPM_POINTS,
    Reference,
    ScanMatch,
    cluster_draws,
    clusters_of,
    cpm,
    false_marks_per_scan,
    froc,
    froc_estimate,
    match_marks,
    narrowed,
    paired_change,
    resampled_above,
    resampled_false_marks,
    resampled_sensitivities,
    sensitivity_above,
    sensitivity_at,
    sensitivity_estimate,
    threshold_at,
)


def _mark(x: float, score: float) -> Candidate:
    return Candidate(PointLps(x, 0, 0), 6.0, score, "test")


def _reference(x: float, diameter_mm: float = 8.0, *, ignore: bool = False) -> Reference:
    return Reference(PointLps(x, 0, 0), diameter_mm, ignore)


def test_a_mark_inside_the_radius_hits_and_one_outside_is_false() -> None:
    match = match_marks([_mark(3.9, 0.9), _mark(4.1, 0.8)], [_reference(0.0)])
    assert match.hits == (0.9,)
    assert match.false_scores == (0.8,)


def test_several_marks_on_one_nodule_count_once_with_the_best_score() -> None:
    match = match_marks([_mark(0.0, 0.3), _mark(1.0, 0.7)], [_reference(0.0)])
    assert match.hits == (0.7,)
    assert match.false_scores == ()


def test_ignored_references_count_neither_way() -> None:
    match = match_marks([_mark(0.0, 0.9)], [_reference(0.0, ignore=True), _reference(50.0)])
    assert match.hits == (None,)
    assert match.false_scores == ()


def test_sensitivity_rises_with_allowed_false_marks() -> None:
    first = ScanMatch((_reference(0.0),), (0.6,), (0.9, 0.5))
    second = ScanMatch((_reference(0.0),), (0.8,), ())
    assert sensitivity_at([first, second], 0.0) == 0.0
    assert sensitivity_at([first, second], 0.5) == 1.0


def test_the_threshold_never_lets_more_false_marks_pass_even_with_ties() -> None:
    matches = [ScanMatch((), (), (0.5, 0.5, 0.5)), ScanMatch((), (), (0.5,))]
    threshold = threshold_at(matches, 1.0)
    assert sum(s >= threshold for m in matches for s in m.false_scores) <= 2


@given(
    st.lists(
        st.tuples(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=4), st.lists(st.floats(0, 1), max_size=6)),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(CPM_POINTS),
)
def test_no_better_operating_point_exists_within_the_allowed_false_marks(
    scans: list[tuple[list[float | None], list[float]]], allowed: float
) -> None:
    matches = [
        ScanMatch(tuple(_reference(0.0) for _ in hits), tuple(hits), tuple(sorted(false, reverse=True)))
        for hits, false in scans
    ]
    hits = [h for m in matches for h in m.hits]
    if not hits:
        assert np.isnan(sensitivity_at(matches, allowed))
        return
    scores = sorted({s for m in matches for s in m.false_scores} | {h for h in hits if h is not None} | {0.0, 2.0})
    possible = [
        np.mean([h is not None and h >= t for h in hits])
        for t in scores
        if sum(s >= t for m in matches for s in m.false_scores) <= allowed * len(matches) + 1e-9
    ]
    assert sensitivity_at(matches, allowed) == pytest.approx(max(possible))


def test_cpm_is_the_mean_of_the_seven_points() -> None:
    matches = [ScanMatch((_reference(0.0), _reference(9.0)), (0.9, 0.2), (0.5,))]
    assert froc(matches).tolist() == [0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0]
    assert cpm(matches) == pytest.approx(5.5 / 7)


def _interval(matches: list[ScanMatch], false_per_scan: float, seed: int) -> tuple[float, float]:
    found = sensitivity_estimate(matches, false_per_scan, seed)
    return found.low, found.high


def test_the_interval_holds_the_estimate_and_is_a_point_without_variation() -> None:
    varied = [ScanMatch((_reference(0.0),), (0.9 if n % 3 else None,), ()) for n in range(30)]
    low, high = _interval(varied, 1.0, seed=1)
    assert low < 20 / 30 < high
    same = [ScanMatch((_reference(0.0),), (0.9,), ())] * 5
    assert _interval(same, 1.0, seed=1) == (1.0, 1.0)


def test_copies_of_one_scan_are_resampled_together() -> None:
    found = [ScanMatch((_reference(0.0),), (0.9,), (), "a")] * 10
    missed = [ScanMatch((_reference(0.0),), (None,), (), "b")] * 10
    assert _interval([*found, *missed], 1.0, seed=1) == (0.0, 1.0)
    alone = [replace(m, cluster="") for m in (*found, *missed)]
    low, high = _interval(alone, 1.0, seed=1)
    assert 0.2 < low < high < 0.8


def test_the_bounds_of_the_froc_hold_its_points_and_the_cpm() -> None:
    rng = np.random.default_rng(3)
    matches = [
        ScanMatch((_reference(0.0),) * 3, tuple(rng.uniform(0.3, 1, 3)), tuple(rng.uniform(0, 0.9, 6)), f"s{n // 4}")
        for n in range(32)
    ]
    points, mean = froc_estimate(matches, seed=4)
    assert [p.value for p in points] == froc(matches).tolist()
    assert mean.value == pytest.approx(cpm(matches))
    assert all(p.low <= p.value <= p.high for p in (*points, mean))


@given(
    st.lists(
        st.tuples(
            st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0])), max_size=4),
            st.lists(st.sampled_from([0.1, 0.2, 0.4, 0.5, 0.6]), max_size=6),
            st.sampled_from(["", "a", "b"]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 9),
)
def test_resampling_is_counting_in_the_scans_drawn(
    scans: list[tuple[list[float | None], list[float], str]], seed: int
) -> None:
    matches = [ScanMatch((_reference(0.0),) * len(h), tuple(h), tuple(f), c) for h, f, c in scans]
    draws = cluster_draws(matches, seed)[:2]
    sensitivities = resampled_sensitivities(matches, CPM_POINTS, draws)
    for counts, row in zip(draws, sensitivities, strict=True):
        drawn = [
            matches[n]
            for count, places in zip(counts, clusters_of(matches).values(), strict=True)
            for _ in range(int(count))
            for n in places
        ]
        assert np.array_equal(row, froc(drawn), equal_nan=True)
        above = resampled_above(matches, 0.4, counts[None])
        assert np.array_equal(above, [sensitivity_above(drawn, 0.4)], equal_nan=True)
        false = resampled_false_marks(matches, 0.4, counts[None])
        assert false == pytest.approx(false_marks_per_scan(drawn, 0.4))


def test_narrowing_keeps_the_operating_point() -> None:
    matches = [ScanMatch((_reference(0.0), _reference(9.0, 20.0)), (0.3, 0.9), (0.5,))]
    small = narrowed(matches, lambda _, r: r.diameter_mm < 10)
    assert sensitivity_at(small, 0.0) == 0.0
    assert sensitivity_at(small, 1.0) == 1.0


def test_a_paired_change_is_certain_when_all_scans_change_alike() -> None:
    before = [ScanMatch((_reference(0.0),) * 2, (0.9, 0.8 if n % 2 else None), (), f"s{n}") for n in range(20)]
    after = [replace(m, hits=(None, m.hits[1])) for m in before]
    change = paired_change(before, after, 1.0, seed=5)
    assert (change.value, change.low, change.high) == pytest.approx((-0.5, -0.5, -0.5))
    with pytest.raises(ValueError, match="same scans"):
        paired_change(before, after[1:], 1.0, seed=5)
