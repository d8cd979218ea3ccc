"""What holds of every scheme: a worse examination never asks for less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from cad.domain import (
    Composition,
    EarlierSize,
    ExamObservations,
    GuidelineNodule,
    NoduleSize,
    PatientFactors,
    Recommendation,
    RiskLevel,
    Sighting,
)
from cad.geometry import sphere_volume_mm3
from cad.policy import GrowthPolicy, GuidelinePolicy
from cad.policy.guidelines.rows import Row
from cad.science.followup.growth import volume_growth
from cad.science.guidelines.bts import bts
from cad.science.guidelines.c_lung_rads import c_lung_rads
from cad.science.guidelines.chinese_consensus import chinese_consensus
from cad.science.guidelines.fleischner import fleischner
from cad.science.guidelines.lung_rads.exam import lung_rads
from cad.science.guidelines.volumetric import eu_position, nelson
from tests.made.guideline_nodules import GROUND_GLASS, PART_SOLID, SOLID, a_size

RULES = GuidelinePolicy()
PATIENT = PatientFactors(
    age_years=60, known_cancer=False, immunosuppressed=False, screening=False, risk_level=RiskLevel.HIGH
)
Reading = Callable[[Sequence[GuidelineNodule]], Recommendation]


@dataclass(frozen=True)
class AScheme:
    read: Reading
    rows: tuple[Row, ...]

    def span(self, nodules: Sequence[GuidelineNodule]) -> tuple[int, int]:
        """The ranks of the least and the most demanding category that is possible."""
        codes = [row.code for row in self.rows]
        ranks = [codes.index(category) for category in self.read(nodules).possible]
        return min(ranks), max(ranks)


SCHEMES = {
    "lung_rads": AScheme(lambda n: lung_rads(n, ExamObservations(), RULES.lung_rads), RULES.lung_rads.rows),
    "fleischner": AScheme(lambda n: fleischner(n, PATIENT, RULES.fleischner), RULES.fleischner.rows),
    "bts": AScheme(lambda n: bts(n, PATIENT, RULES.bts), RULES.bts.rows),
    "c_lung_rads": AScheme(lambda n: c_lung_rads(n, RULES.c_lung_rads), RULES.c_lung_rads.rows),
    "nelson": AScheme(lambda n: nelson(n, RULES.nelson), RULES.nelson.rows),
    "eu_position": AScheme(lambda n: eu_position(n, RULES.eu_position), RULES.eu_position.rows),
    "chinese_consensus": AScheme(
        lambda n: chinese_consensus(n, PATIENT, RULES.chinese_consensus), RULES.chinese_consensus.rows
    ),
}
KINDS = st.sampled_from([SOLID, PART_SOLID, GROUND_GLASS])
TENTHS = st.integers(30, 400).map(lambda tenths: tenths / 10)
every_scheme = pytest.mark.parametrize("name", SCHEMES)


def a_nodule(
    mean_mm: float,
    kind: Composition,
    component_mm: float,
    *,
    then_mm: float | None = None,
    days: float = 0.0,
    **facts: Any,  # noqa: ANN401
) -> GuidelineNodule:
    """A nodule whose volumes are those of balls; with `then_mm` one that was seen `days` ago, of the same kind."""

    def size(mm: float) -> NoduleSize:
        part = min(component_mm, mm) if kind is PART_SOLID else None
        of_part = None if part is None else sphere_volume_mm3(part)
        return a_size(mm, kind, solid_mm=part, volume_mm3=sphere_volume_mm3(mm), solid_mm3=of_part)

    now = GuidelineNodule("Nodule 1", size(mean_mm), **facts)
    if then_mm is None:
        return now
    then = size(then_mm)
    assert now.size.volume_mm3 is not None
    assert then.volume_mm3 is not None
    growth = volume_growth(then.volume_mm3, now.size.volume_mm3, days, GrowthPolicy())
    return replace(now, sighting=Sighting.FOLLOWED, earlier=(EarlierSize(days, then, growth),))


@st.composite
def nodules(draw: st.DrawFn) -> GuidelineNodule:
    """A nodule at first sight, new or followed, with signs known and unknown."""
    mean_mm, kind = draw(TENTHS), draw(KINDS)
    component_mm = draw(st.integers(10, 400)) / 10
    signs: dict[str, Any] = {
        name: draw(st.sampled_from([None, False, True])) for name in ("spiculated", "juxtapleural_smooth")
    }
    if draw(st.booleans()):
        then_mm = max(3.0, mean_mm + draw(st.integers(-60, 20)) / 10)
        return a_nodule(mean_mm, kind, component_mm, then_mm=then_mm, days=draw(st.integers(60, 2200)), **signs)
    sighting = draw(st.sampled_from([Sighting.BASELINE, Sighting.NEW]))
    return replace(a_nodule(mean_mm, kind, component_mm, **signs), sighting=sighting)


@every_scheme
@settings(max_examples=150)
@given(first=nodules(), second=nodules())
def test_one_nodule_more_never_asks_for_less(name: str, first: GuidelineNodule, second: GuidelineNodule) -> None:
    scheme, more = SCHEMES[name], replace(second, label="Nodule 2")
    if not scheme.read([first]).possible:
        return
    alone, both = scheme.span([first]), scheme.span([first, more])
    assert both[0] >= alone[0]
    assert both[1] >= alone[1]


@every_scheme
@settings(max_examples=150)
@given(st.data())
def test_a_larger_nodule_never_gets_less(name: str, data: st.DataObject) -> None:
    kind, component_mm = data.draw(KINDS), data.draw(st.integers(10, 80)) / 10
    small_mm, large_mm = sorted((data.draw(TENTHS), data.draw(TENTHS)))
    then_mm, days = data.draw(st.none() | TENTHS), data.draw(st.integers(60, 366))
    small, large = (
        a_nodule(mm, kind, component_mm, then_mm=None if then_mm is None else min(then_mm, small_mm), days=days)
        for mm in (small_mm, large_mm)
    )
    scheme = SCHEMES[name]
    if scheme.read([small]).possible:
        assert scheme.span([large]) >= scheme.span([small])


@every_scheme
@settings(max_examples=150)
@given(st.data())
def test_faster_growth_never_gets_less(name: str, data: st.DataObject) -> None:
    kind, now_mm = data.draw(KINDS), data.draw(TENTHS)
    slow_mm, fast_mm = sorted((min(data.draw(TENTHS), now_mm), min(data.draw(TENTHS), now_mm)), reverse=True)
    days = data.draw(st.integers(60, 366))
    slow, fast = (a_nodule(now_mm, kind, 2.0, then_mm=mm, days=days) for mm in (slow_mm, fast_mm))
    scheme = SCHEMES[name]
    if scheme.read([slow]).possible:
        assert scheme.span([fast]) >= scheme.span([slow])


@every_scheme
@settings(max_examples=150)
@given(nodule=nodules())
def test_spiculation_never_gets_less(name: str, nodule: GuidelineNodule) -> None:
    scheme = SCHEMES[name]
    plain, spiculated = (replace(nodule, spiculated=is_so) for is_so in (False, True))
    if scheme.read([plain]).possible:
        assert scheme.span([spiculated]) >= scheme.span([plain])


@every_scheme
@settings(max_examples=150)
@given(st.data())
def test_a_larger_solid_component_never_gets_less(name: str, data: st.DataObject) -> None:
    mean_mm = data.draw(TENTHS)
    small_mm, large_mm = sorted(data.draw(st.integers(10, 400)) / 10 for _ in range(2))
    sighting = data.draw(st.sampled_from([Sighting.BASELINE, Sighting.NEW]))
    small, large = (replace(a_nodule(mean_mm, PART_SOLID, mm), sighting=sighting) for mm in (small_mm, large_mm))
    scheme = SCHEMES[name]
    if scheme.read([small]).possible:
        assert scheme.span([large]) >= scheme.span([small])


@every_scheme
@settings(max_examples=100)
@given(first=nodules(), second=nodules())
def test_what_is_not_covered_never_ends_in_the_lowest_category(
    name: str, first: GuidelineNodule, second: GuidelineNodule
) -> None:
    said = SCHEMES[name].read([first, replace(second, label="Nodule 2")])
    assert {verdict.label for verdict in said.nodules} == {"Nodule 1", "Nodule 2"}
    if any(not verdict.possible for verdict in said.nodules):
        assert said.category is None or said.category == SCHEMES[name].rows[-1].code


@every_scheme
def test_what_is_more_demanding_is_not_due_later(name: str) -> None:
    """Of several nodules the most demanding row decides, so no row after it may wait longer."""
    due = [row.months[0] for row in SCHEMES[name].rows if row.months is not None]
    assert due == sorted(due, reverse=True)


@every_scheme
@settings(max_examples=100)
@given(first=nodules(), second=nodules())
def test_the_dominant_nodule_has_the_category_of_the_examination(
    name: str, first: GuidelineNodule, second: GuidelineNodule
) -> None:
    said = SCHEMES[name].read([first, replace(second, label="Nodule 2")])
    by_label = {verdict.label: verdict for verdict in said.nodules}
    if said.dominant is not None:
        assert said.possible[-1] in by_label[said.dominant].possible
