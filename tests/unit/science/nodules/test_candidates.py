"""Selection of detector marks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cad.domain import Candidate, LungMask, PointLps
from cad.geometry import distance_mm, grid_from
from cad.policy import CandidatePolicy
from cad.science.nodules.candidates import select_candidates


def a_lung() -> LungMask:
    """A box of lung, x and y 20..80 mm, z 20..60 mm, on a grid of 2 × 1 × 1 mm."""
    labels = np.zeros((40, 100, 100), dtype=np.uint8)
    labels[10:31, 20:81, 20:81] = LungMask.RIGHT
    return LungMask(labels, grid_from((40, 100, 100), (2, 1, 1), PointLps(0, 0, 0)))


def a_mark(x: float = 50, y: float = 50, z: float = 40, diameter_mm: float = 8, score: float = 0.5) -> Candidate:
    return Candidate(PointLps(x, y, z), diameter_mm, score, "test")


def test_keeps_separate_marks_best_first() -> None:
    low, high = a_mark(x=30, score=0.2), a_mark(x=60, score=0.9)
    assert select_candidates((low, high), a_lung(), CandidatePolicy()) == (high, low)


def test_no_marks_give_no_candidates() -> None:
    assert select_candidates((), a_lung(), CandidatePolicy()) == ()


def test_does_not_cap_the_number() -> None:
    marks = tuple(a_mark(x, y, diameter_mm=3) for x in range(22, 80, 4) for y in range(22, 80, 4))
    assert len(select_candidates(marks, a_lung(), CandidatePolicy())) == len(marks)


@pytest.mark.parametrize(("x", "kept"), [(84.9, True), (85.1, False), (99.0, False), (250.0, False), (-40.0, False)])
def test_drops_marks_beyond_the_margin_of_the_lungs(x: float, kept: bool) -> None:
    assert bool(select_candidates((a_mark(x=x),), a_lung(), CandidatePolicy(lung_margin_mm=5))) is kept


def test_measures_the_margin_in_mm_on_every_axis() -> None:
    policy = CandidatePolicy(lung_margin_mm=5)
    assert select_candidates((a_mark(z=64.9),), a_lung(), policy)
    assert not select_candidates((a_mark(z=65.1),), a_lung(), policy)


def test_a_mark_inside_a_lung_voxel_needs_no_margin() -> None:
    assert select_candidates((a_mark(x=80.4),), a_lung(), CandidatePolicy(lung_margin_mm=0))


@pytest.mark.parametrize(("diameter_mm", "kept"), [(2.9, False), (3.0, True)])
def test_drops_marks_below_the_smallest_diameter(diameter_mm: float, kept: bool) -> None:
    marks = (a_mark(diameter_mm=diameter_mm),)
    assert bool(select_candidates(marks, a_lung(), CandidatePolicy(min_diameter_mm=3))) is kept


def test_of_two_marks_in_one_lesion_the_better_stays() -> None:
    better, worse = a_mark(x=50, diameter_mm=20, score=0.8), a_mark(x=59, diameter_mm=5, score=0.7)
    assert select_candidates((worse, better), a_lung(), CandidatePolicy(merge_fraction=0.5)) == (better,)


def test_marks_farther_than_the_fraction_stay_apart() -> None:
    marks = a_mark(x=50, diameter_mm=20, score=0.8), a_mark(x=61, diameter_mm=5, score=0.7)
    assert len(select_candidates(marks, a_lung(), CandidatePolicy(merge_fraction=0.5))) == 2


def test_a_dropped_mark_does_not_suppress_others() -> None:
    outside = a_mark(x=87, diameter_mm=20, score=0.9)
    inside = a_mark(x=79, diameter_mm=6, score=0.4)
    assert select_candidates((outside, inside), a_lung(), CandidatePolicy(lung_margin_mm=5)) == (inside,)


MARKS = st.lists(
    st.builds(
        a_mark,
        x=st.floats(10, 90),
        y=st.floats(10, 90),
        z=st.floats(10, 70),
        diameter_mm=st.floats(1, 30),
        score=st.floats(0, 1),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(marks=MARKS, seed=st.integers(0, 1000))
def test_the_order_of_marks_does_not_matter(marks: list[Candidate], seed: int) -> None:
    shuffled = [marks[n] for n in np.random.default_rng(seed).permutation(len(marks))]
    assert select_candidates(tuple(marks), a_lung(), CandidatePolicy()) == select_candidates(
        tuple(shuffled), a_lung(), CandidatePolicy()
    )


@settings(max_examples=60, deadline=None)
@given(marks=MARKS)
def test_selected_marks_are_ranked_distinct_and_stable(marks: list[Candidate]) -> None:
    policy = CandidatePolicy()
    selected = select_candidates(tuple(marks), a_lung(), policy)
    assert set(selected) <= set(marks)
    assert [c.score for c in selected] == sorted((c.score for c in selected), reverse=True)
    for a, b in itertools.combinations(selected, 2):
        assert distance_mm(a.centre, b.centre) >= policy.merge_fraction * max(a.diameter_mm, b.diameter_mm)
    assert select_candidates(selected, a_lung(), policy) == selected
