"""Percentages as Chinese writes them: without a space before the sign."""

from __future__ import annotations

from cad.domain import SizeChange, VolumeTrend
from cad.report.words import numbers


def _tight(text: str) -> str:
    return text.replace(" %", "%")


def percent(probability: float) -> str:
    """A probability in percent."""
    return _tight(numbers.percent(probability))


def percent_range(low: float, high: float) -> str:
    """Two probabilities in percent, or one where they agree."""
    return _tight(numbers.percent_range(low, high))


def signed_percent(value: float) -> str:
    """A change in percent."""
    return _tight(numbers.signed_percent(value))


def change_percent(change: SizeChange) -> str:
    """The change of a volume in percent, with its interval."""
    return _tight(numbers.change_percent(change))


def deviation_percent(trend: VolumeTrend) -> str:
    """How far volumes lie from a trend, in percent."""
    return _tight(numbers.deviation_percent(trend))
