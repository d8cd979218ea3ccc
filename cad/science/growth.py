"""Change of a nodule's size between two examinations, with intervals by acquisition dates.

Exponential growth is assumed: V(t) = V₁ · 2^(t / VDT) (Schwartz, Cancer 1961). The mass is in `cad.domain.mass_mg`.
"""

from __future__ import annotations

import math

from cad.domain import GrowthVerdict, VolumeGrowth
from cad.policy import GrowthPolicy


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


def _verdict(percent: float, policy: GrowthPolicy) -> GrowthVerdict:
    """Whether a change is significant; a change of exactly the limit is."""
    if abs(percent) < policy.significant_percent and not math.isclose(abs(percent), policy.significant_percent):
        return GrowthVerdict.STABLE
    return GrowthVerdict.INCREASE if percent > 0 else GrowthVerdict.DECREASE


def _require_positive(*values: float) -> None:
    if not all(value > 0 and math.isfinite(value) for value in values):
        raise ValueError(f"sizes and interval must be positive and finite, not {values}")
