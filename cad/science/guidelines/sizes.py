"""Sizes as guidelines round, compare and write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cad.domain import AxisLengths, Composition, GrowthVerdict, GuidelineNodule, Phrase, VolumeGrowth, rounded
from cad.policy.guidelines.rules import Outcome, Rule

Band = tuple[int, Phrase]
"""The number of limits that a size reaches, and the band that it is in ("6 to <8 mm")."""


def mean_mm(axes: AxisLengths, axis_decimals: int, mean_decimals: int) -> float:
    """The mean of both axes, each rounded first."""
    return rounded(
        (rounded(axes.long_mm, axis_decimals) + rounded(axes.short_mm, axis_decimals)) / 2,
        mean_decimals,
    )


def band(size: float, limits: Sequence[float], unit: str = "mm") -> Band:
    """Which of the bands between rising limits a size is in; a size at a limit is in the band above it."""
    reached = sum(size >= limit for limit in limits)
    if reached == 0:
        return 0, Phrase(Rule.BELOW, limit=limits[0], unit=unit)
    if reached == len(limits):
        return reached, Phrase(Rule.FROM, limit=limits[-1], unit=unit)
    return reached, Phrase(Rule.BETWEEN, low=limits[reached - 1], high=limits[reached], unit=unit)


def inclusive_band(size: float, limits: tuple[float, float]) -> int:
    """0 below the lower limit, 1 from it up to and with the upper one, 2 above the upper one."""
    low, high = limits
    return 0 if size < low else 1 if size <= high else 2


def solid_kind(nodule: GuidelineNodule) -> Composition:
    """The composition that decides: a calcified or cavitary nodule that is not known to be benign counts as solid."""
    composition = nodule.size.composition
    return Composition.SOLID if composition is Composition.CALCIFIED or nodule.cavitary else composition


def is_benign(nodule: GuidelineNodule) -> bool:
    """Whether the nodule has benign features: fat, or calcification known to be of a benign pattern."""
    return nodule.size.composition is Composition.FAT or nodule.benign_pattern is True


def is_typical_perifissural(nodule: GuidelineNodule, below_mm: float) -> bool:
    """Whether the nodule is known to be solid, smooth, juxtapleural and of benign shape, and its long axis is small."""
    return is_smooth_juxtapleural(nodule) and nodule.size.axes.long_mm < below_mm


def is_smooth_juxtapleural(nodule: GuidelineNodule) -> bool:
    """Whether the nodule is known to be solid, smooth and juxtapleural; a spiculated or suspicious one never is."""
    is_solid = solid_kind(nodule) is Composition.SOLID
    is_suspicious = bool(nodule.spiculated) or bool(nodule.suspicious)
    return bool(nodule.juxtapleural_smooth) and is_solid and not is_suspicious


def measured_signs(nodule: GuidelineNodule) -> tuple[Phrase, ...]:
    """The signs that no reader gave and that take this nodule to a lower category, to be named with it."""
    names = []
    if is_benign(nodule) and nodule.measured_benign_pattern:
        names.append(Rule.MEASURED_BENIGN_PATTERN)
    if is_smooth_juxtapleural(nodule) and nodule.measured_juxtapleural:
        names.append(Rule.MEASURED_JUXTAPLEURAL)
    return tuple(Phrase(name, label=nodule.label) for name in names)


def benign_assumption(nodule: GuidelineNodule, outcome: Outcome) -> tuple[Phrase, ...]:
    """What is taken for granted of a calcified nodule whose pattern is not known."""
    if nodule.size.composition is not Composition.CALCIFIED or nodule.benign_pattern is not None:
        return ()
    return (Phrase(Rule.CALCIFIED, label=nodule.label, outcome=outcome),)


def fastest_growth(nodule: GuidelineNodule) -> VolumeGrowth | None:
    """The change since the earlier examination that shows the fastest significant growth, else since the first one."""
    growths = [e.growth for e in nodule.earlier if e.growth is not None]
    increases = [growth for growth in growths if growth.verdict is GrowthVerdict.INCREASE]
    if increases:
        return min(increases, key=lambda growth: growth.doubling_time_days)
    return growths[0] if growths else None


def doubling_days(growth: VolumeGrowth) -> float:
    """The doubling time to the whole day: what is printed is what is compared."""
    days = growth.doubling_time_days
    return rounded(days, 0) if math.isfinite(days) else days


def volume_change(growth: VolumeGrowth) -> Phrase:
    """The change of volume and the interval."""
    return Phrase(Rule.VOLUME_CHANGE, percent=growth.change_percent, days=growth.interval_days)
