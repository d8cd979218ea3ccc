"""Change of a nodule's size between two examinations, with intervals by acquisition dates.

Exponential growth is assumed: V(t) = V₁ · 2^(t / VDT) (Schwartz, Cancer 1961). The mass is in `cad.domain.mass_mg`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cad.domain import ChangeStatus, GrowthVerdict, Imaging, SizeAt, SizeChange, VolumeGrowth, VolumeTrend
from cad.policy import GrowthPolicy, VolumeErrorPolicy


def volume_doubling_time_days(earlier_mm3: float, now_mm3: float, interval_days: float) -> float:
    """VDT = Δt · ln 2 / ln(V₂ / V₁), in days.

    Negative when the volume decreased, infinite when it is the same. Raises ValueError for a volume or an interval
    that is not positive.
    """
    _require_positive(earlier_mm3, now_mm3, interval_days)
    growth = math.log(now_mm3 / earlier_mm3)
    return math.inf if growth == 0 else interval_days * math.log(2) / growth


def diameter_doubling_time_days(earlier_mm: float, now_mm: float, interval_days: float) -> float:
    """VDT = Δt · ln 2 / (3 · ln(d₂ / d₁)), in days: the doubling time of the volume of spheres of these diameters."""
    _require_positive(earlier_mm, now_mm, interval_days)
    return volume_doubling_time_days(1.0, (now_mm / earlier_mm) ** 3, interval_days)


def volume_growth(earlier_mm3: float, now_mm3: float, interval_days: float, policy: GrowthPolicy) -> VolumeGrowth:
    """The change from an earlier volume to the volume now."""
    doubling_days = volume_doubling_time_days(earlier_mm3, now_mm3, interval_days)
    percent = (now_mm3 / earlier_mm3 - 1) * 100
    return VolumeGrowth(interval_days, percent, doubling_days, _verdict(percent, policy))


def growth_from_diameters(earlier_mm: float, now_mm: float, interval_days: float, policy: GrowthPolicy) -> VolumeGrowth:
    """The same from mean diameters, for want of volumes."""
    doubling_days = diameter_doubling_time_days(earlier_mm, now_mm, interval_days)
    percent = ((now_mm / earlier_mm) ** 3 - 1) * 100
    return VolumeGrowth(interval_days, percent, doubling_days, _verdict(percent, policy), from_diameters=True)


STATUS = {
    GrowthVerdict.INCREASE: ChangeStatus.GROWING,
    GrowthVerdict.STABLE: ChangeStatus.STABLE,
    GrowthVerdict.DECREASE: ChangeStatus.SHRINKING,
}

TREND_POINTS = 3
"""With fewer, a trend is the change between two examinations."""


def size_change(earlier: SizeAt, now: SizeAt, policy: GrowthPolicy) -> SizeChange:
    """The change from an earlier examination, with its uncertainty.

    Growing or shrinking is a change of volume that is both significant by `policy` and beyond the error of the two
    measurements, where that is known: the interval of the ratio of the volumes does not hold 1. That interval is wider
    where the two scans were made by different protocols. Raises ValueError when
    the interval of time or a volume is not positive.
    """
    days = now.days - earlier.days
    growth = volume_growth(earlier.volume_mm3, now.volume_mm3, days, policy)
    is_same = is_same_protocol(earlier.imaging, now.imaging, policy.error)
    ratios = _ratio_interval(earlier, now, policy.error if is_same else None)
    is_certain = ratios is None or not ratios[0] <= 1 <= ratios[1]
    status = STATUS[growth.verdict] if is_certain else ChangeStatus.STABLE
    is_growing = status is ChangeStatus.GROWING
    return SizeChange(
        status=status,
        interval_days=days,
        volume_percent=growth.change_percent,
        volume_percent_interval=None if ratios is None else ((ratios[0] - 1) * 100, (ratios[1] - 1) * 100),
        mass_percent=(now.mass_mg / earlier.mass_mg - 1) * 100 if earlier.mass_mg > 0 else None,
        mean_diameter_mm=now.mean_diameter_mm - earlier.mean_diameter_mm,
        doubling_time_days=growth.doubling_time_days if is_growing else None,
        doubling_time_interval_days=_doubling_interval(ratios, days) if is_growing and ratios is not None else None,
        by_protocol=is_same is False and not is_certain and growth.verdict is not GrowthVerdict.STABLE,
    )


def is_same_protocol(one: Imaging | None, other: Imaging | None, policy: VolumeErrorPolicy) -> bool | None:
    """Whether two scans resolve alike, by kernels alike, at about the same breath; None when one is not known."""
    if one is None or other is None:
        return None
    widths = ((one.across_mm, other.across_mm), (one.in_plane_mm, other.in_plane_mm))
    return (
        all(max(pair) < policy.same_width_ratio * min(pair) for pair in widths)
        and one.sharp == other.sharp
        and max(one.lung_ml, other.lung_ml) < policy.same_breath_ratio * min(one.lung_ml, other.lung_ml)
    )


def volume_trend(sizes: Sequence[SizeAt]) -> VolumeTrend | None:
    """Exponential growth over three or more time points, by least squares of the logarithm of the volume; else None."""
    if len(sizes) < TREND_POINTS or len({size.days for size in sizes}) < TREND_POINTS:
        return None
    days = np.array([size.days for size in sizes])
    logs = np.log([size.volume_mm3 for size in sizes])
    slope, start = np.polyfit(days, logs, 1)
    spread = float(np.sqrt(np.mean((logs - (start + slope * days)) ** 2)))
    is_level = abs(slope) * float(np.ptp(days)) < 1e-9
    return VolumeTrend(len(sizes), math.inf if is_level else math.log(2) / float(slope), spread)


def _ratio_interval(earlier: SizeAt, now: SizeAt, shared: VolumeErrorPolicy | None) -> tuple[float, float] | None:
    """The ratio of the volumes with the error of both: their relative errors, as logarithms, add as squares.

    With `shared` both are of one protocol, whose error is the same in both and falls out of the ratio.
    """
    if earlier.volume_interval_mm3 is None or now.volume_interval_mm3 is None:
        return None
    (early_low, early_high), (now_low, now_high) = earlier.volume_interval_mm3, now.volume_interval_mm3
    if min(early_low, now_low) <= 0:
        return None
    ratio = math.log(now.volume_mm3 / earlier.volume_mm3)
    own = [0.0 if shared is None else shared.half_width(size.volume_mm3, size.composition) for size in (earlier, now)]
    below = math.hypot(
        _without(math.log(now.volume_mm3 / now_low), own[1]),
        _without(math.log(early_high / earlier.volume_mm3), own[0]),
    )
    above = math.hypot(
        _without(math.log(now_high / now.volume_mm3), own[1]),
        _without(math.log(earlier.volume_mm3 / early_low), own[0]),
    )
    return math.exp(ratio - below), math.exp(ratio + above)


def _without(half_width: float, part: float) -> float:
    """A half-width without a part of it, which was added as squares; as it is when it does not hold that part."""
    return math.sqrt(half_width**2 - part**2) if half_width > part else half_width


def _doubling_interval(ratios: tuple[float, float], days: float) -> tuple[float, float]:
    """The shortest and the longest doubling time of growth by these ratios, of which the first is above 1."""
    return volume_doubling_time_days(1, ratios[1], days), volume_doubling_time_days(1, ratios[0], days)


def _verdict(percent: float, policy: GrowthPolicy) -> GrowthVerdict:
    """Whether a change is significant; a change of exactly the limit is."""
    if abs(percent) < policy.significant_percent and not math.isclose(abs(percent), policy.significant_percent):
        return GrowthVerdict.STABLE
    return GrowthVerdict.INCREASE if percent > 0 else GrowthVerdict.DECREASE


def _require_positive(*values: float) -> None:
    if not all(value > 0 and math.isfinite(value) for value in values):
        raise ValueError(f"sizes and interval must be positive and finite, not {values}")
