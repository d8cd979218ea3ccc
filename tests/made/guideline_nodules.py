"""Builders of nodules as the guidelines see them; each test names only what matters to it."""

from __future__ import annotations

from typing import Any

from cad.domain import (
    AxisLengths,
    Composition,
    EarlierSize,
    GuidelineNodule,
    LungRadsCategory,
    NoduleSize,
    Recommendation,
    Sighting,
)
from cad.policy import GrowthPolicy
from cad.report.json.guidelines import UNVERIFIED
from cad.report.words.en import guidelines as english
from cad.report.words.guidelines import SpokenRecommendation, speak
from cad.science.followup.growth import growth_from_diameters, volume_growth

SOLID, PART_SOLID, GROUND_GLASS = Composition.SOLID, Composition.PART_SOLID, Composition.GROUND_GLASS


def round_axes(mean_mm: float | None) -> AxisLengths | None:
    """Two equal axes; None stays None, and a component of 0 mm is hardly there."""
    return None if mean_mm is None else AxisLengths(max(mean_mm, 1e-3), max(mean_mm, 1e-3))


def a_size(
    mean_mm: float,
    composition: Composition = SOLID,
    *,
    solid_mm: float | None = None,
    volume_mm3: float | None = None,
    solid_mm3: float | None = None,
) -> NoduleSize:
    axes = round_axes(mean_mm)
    assert axes is not None
    return NoduleSize(composition, axes, volume_mm3, round_axes(solid_mm), solid_mm3)


def guideline_nodule(mean_mm: float = 7.0, composition: Composition = SOLID, **facts: Any) -> GuidelineNodule:  # noqa: ANN401
    """A nodule of a first examination; `solid_mm` and `volume_mm3` are of its size, the rest are its own facts."""
    sizes = {name: facts.pop(name) for name in ("solid_mm", "volume_mm3", "solid_mm3") if name in facts}
    return GuidelineNodule("Nodule 1", a_size(mean_mm, composition, **sizes), **facts)


def a_new(mean_mm: float, composition: Composition = SOLID, **facts: Any) -> GuidelineNodule:  # noqa: ANN401
    return guideline_nodule(mean_mm, composition, sighting=Sighting.NEW, **facts)


def earlier(
    mean_mm: float,
    days: float,
    composition: Composition = SOLID,
    *,
    solid_mm: float | None = None,
    category: str | None = None,
) -> EarlierSize:
    """What an examination `days` ago showed; `category` is what Lung-RADS said then."""
    size = a_size(mean_mm, composition, solid_mm=solid_mm)
    return EarlierSize(days, size, None, None if category is None else LungRadsCategory(category))


def followed(
    mean_mm: float,
    *past: EarlierSize,
    composition: Composition = SOLID,
    **facts: Any,  # noqa: ANN401
) -> GuidelineNodule:
    """A nodule that earlier examinations show, oldest first."""
    return guideline_nodule(mean_mm, composition, sighting=Sighting.FOLLOWED, earlier=past, **facts)


def grown(
    earlier_mm3: float,
    now_mm3: float,
    days: float,
    composition: Composition = SOLID,
    **facts: Any,  # noqa: ANN401
) -> GuidelineNodule:
    """A nodule whose volume changed; its diameters are 8 mm both times."""
    growth = volume_growth(earlier_mm3, now_mm3, days, GrowthPolicy())
    past = EarlierSize(days, a_size(8.0, composition, volume_mm3=earlier_mm3), growth)
    return followed(8.0, past, composition=composition, volume_mm3=now_mm3, **facts)


def grown_in_diameter(earlier_mm: float, now_mm: float, days: float) -> GuidelineNodule:
    """A solid nodule of which only diameters are known."""
    growth = growth_from_diameters(earlier_mm, now_mm, days, GrowthPolicy())
    return followed(now_mm, EarlierSize(days, a_size(earlier_mm), growth))


def in_english(said: Recommendation) -> SpokenRecommendation:
    """A recommendation in the words of findings.json, in which the published tables are written too."""
    return speak(said, english, UNVERIFIED)
