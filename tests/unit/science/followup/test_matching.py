"""Which nodule is which, against arithmetic and an exhaustive search."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from cad.domain import Composition, Lobe, PointLps as P, Sighted
from cad.geometry import distance_mm, sphere_volume_mm3
from cad.policy import MatchingPolicy
from cad.science.followup.matching import IMPOSSIBLE, _cost, match_nodules

POLICY = MatchingPolicy()


def seen(x: float, diameter: float = 8.0, y: float = 0.0, lobe: Lobe | None = None) -> Sighted:
    return Sighted(P(x, y, 0), diameter, sphere_volume_mm3(diameter), Composition.SOLID, lobe)


def pairs(prior: list[Sighted], current: list[Sighted]) -> set[tuple[int, int]]:
    return {(m.prior, m.current) for m in match_nodules(prior, current, POLICY).matches}


def test_nothing_matches_nothing() -> None:
    found = match_nodules([], [], POLICY)
    assert (found.matches, found.new, found.resolved) == ((), (), ())


def test_a_nodule_without_counterpart_is_new_or_resolved() -> None:
    found = match_nodules([seen(0), seen(100)], [seen(101), seen(200), seen(300)], POLICY)
    assert [(m.prior, m.current) for m in found.matches] == [(1, 0)]
    assert found.matches[0].distance_mm == pytest.approx(1)
    assert (found.new, found.resolved) == ((1, 2), (0,))


def test_the_total_decides_and_not_the_nearest_pair() -> None:
    # prior 1 is nearest to current 0, but then prior 0 would have none: 4 and 3 mm beat 1 mm and two alone
    assert pairs([seen(0), seen(5)], [seen(4), seen(8)]) == {(0, 0), (1, 1)}


def test_growth_to_four_times_the_volume_is_still_the_same_nodule() -> None:
    assert pairs([seen(0, 6)], [seen(3, 6 * 4 ** (1 / 3))]) == {(0, 0)}


def test_of_two_equally_near_the_one_of_like_size_is_taken() -> None:
    assert pairs([seen(0, 8)], [seen(3, 20), seen(-3, 8)]) == {(0, 1)}


def test_another_lobe_and_composition_speak_against_a_pair() -> None:
    prior = seen(0, lobe=Lobe.RUL)
    other = replace(seen(2, lobe=Lobe.RML), composition=Composition.CALCIFIED)
    assert pairs([prior], [other, seen(-2.5, lobe=Lobe.RUL)]) == {(0, 1)}


def test_places_beyond_the_reach_are_two_nodules() -> None:
    reach = POLICY.reach_mm + POLICY.reach_of_diameter * 8
    assert pairs([seen(0)], [seen(reach - 0.1)]) == {(0, 0)}
    assert pairs([seen(0)], [seen(reach + 0.1)]) == set()


def test_a_nodule_that_fell_apart_is_a_split_and_two_that_joined_a_merge() -> None:
    whole, parts = [seen(0, 20)], [seen(1, 14), seen(-8, 6)]
    split = match_nodules(whole, parts, POLICY)
    assert (split.new, split.splits, split.merges) == ((1,), ((0, 1),), ())
    merged = match_nodules(parts, whole, POLICY)
    assert (merged.resolved, merged.merges, merged.splits) == ((1,), ((1, 0),), ())


def total(prior: list[Sighted], current: list[Sighted], chosen: set[tuple[int, int]]) -> float:
    alone = len(prior) + len(current) - 2 * len(chosen)
    return alone * POLICY.unmatched_cost + sum(_cost(prior[p], current[c], POLICY) for p, c in chosen)


places = st.lists(st.tuples(st.integers(0, 25), st.integers(4, 20)), min_size=1, max_size=4, unique_by=lambda t: t[0])


@given(places, places)
def test_no_other_matching_costs_less(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> None:
    prior, current = [seen(x, d) for x, d in before], [seen(x, d, y=1.0) for x, d in after]
    found = total(prior, current, pairs(prior, current))
    every = list(itertools.product(range(len(prior)), range(len(current))))
    for size in range(min(len(prior), len(current)) + 1):
        for chosen in itertools.combinations(every, size):
            if len({p for p, _ in chosen}) == len({c for _, c in chosen}) == size:
                assert found <= total(prior, current, set(chosen)) + 1e-9


def test_sixty_nodules_with_registration_error_are_all_found_again() -> None:
    rng = np.random.default_rng(3)
    prior: list[Sighted] = []
    while len(prior) < 60:
        x, y, z = rng.uniform(0, 250, 3)
        one = Sighted(P(x, y, z), d := float(rng.uniform(4, 20)), sphere_volume_mm3(d), Composition.SOLID)
        if all(distance_mm(one.position, other.position) > 15 for other in prior):
            prior.append(one)
    factors = rng.uniform(0.7, 4.0, 60)
    moved = [
        replace(
            one,
            position=P(*(one.position.as_array() + rng.normal(0, 0.9, 3))),
            volume_mm3=one.volume_mm3 * factor,
            mean_diameter_mm=one.mean_diameter_mm * factor ** (1 / 3),
        )
        for one, factor in zip(prior, factors, strict=True)
    ]
    assert pairs(prior, moved) == {(n, n) for n in range(60)}


def test_impossible_is_dearer_than_all_nodules_alone() -> None:
    assert 1000 * POLICY.unmatched_cost < IMPOSSIBLE
