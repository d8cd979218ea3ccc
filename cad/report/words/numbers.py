"""Numbers as both languages print them. Diameters have one decimal, as Lung-RADS v2022 asks for."""

from __future__ import annotations

import math

from cad.domain import AxisLengths, Diameters, Nodule, SizeChange, VolumeTrend, rounded
from cad.report.statements.followup import SizeSaid

DASH = "–"


def axes_mm(axes: AxisLengths | Diameters) -> str:
    """Long × short in mm, without the unit."""
    if isinstance(axes, Diameters):
        return f"{rounded(axes.long_axis_mm, 1):.1f} × {rounded(axes.short_axis_mm, 1):.1f}"
    return f"{rounded(axes.long_mm, 1):.1f} × {rounded(axes.short_mm, 1):.1f}"


def whole(value: float) -> str:
    """A whole number."""
    return f"{round(value)}"


def volume_mm3(volume: float, interval: tuple[float, float] | None) -> str:
    """The volume with its interval in brackets, without the unit."""
    return whole(volume) + ("" if interval is None else f" [{whole(interval[0])}{DASH}{whole(interval[1])}]")


def percent(probability: float) -> str:
    """A probability in per cent; below 10 % with one decimal, where half a per cent matters."""
    value = probability * 100
    if 0 < value < 0.1:
        return "<0.1 %"
    if value > 99 and probability < 1:
        return ">99 %"
    return f"{value:.1f} %" if value < 10 else f"{value:.0f} %"


def percent_range(low: float, high: float) -> str:
    """A range of probabilities; one number when both ends print the same."""
    first, last = percent(low), percent(high)
    return first if first == last else f"{first.removesuffix(' %')}{DASH}{last}"


def density(nodule: Nodule) -> str:
    """Attenuation, of the core where it was measured, and mass, for the table."""
    return f"{whole(attenuation_hu(nodule))} HU, {whole(nodule.mass_mg)} mg"


def attenuation_hu(nodule: Nodule) -> float:
    """The attenuation of the core; the mean over the mask, with its blurred border, where no core was measured."""
    measured = None if nodule.measures is None else nodule.measures.core_hu
    return nodule.mean_hu if measured is None else measured


def size_cell(nodule: Nodule, solid: AxisLengths | None, words: tuple[str, str]) -> str:
    """Long × short, the mean and the solid part on lines of their own; `words` are those of mean and solid part."""
    lines = [axes_mm(nodule.diameters), f"{words[0]} {nodule.diameters.mean_mm:.1f}"]
    return "\n".join(lines + ([f"{words[1]} {axes_mm(solid)}"] if solid is not None else []))


def size_volume(size: SizeSaid) -> str:
    """The volume at one examination with its interval, without the unit."""
    return volume_mm3(size.volume_mm3, size.interval_mm3)


def volume_and_mean(size: SizeSaid) -> str:
    """Volume and mean diameter at one examination, for the table."""
    return f"{size_volume(size)}\n{size.mean_diameter_mm:.1f} mm"


def signed_percent(value: float) -> str:
    """A change in whole per cent with its sign: "+100 %"."""
    return f"{_signed(value)} %"


def change_percent(change: SizeChange) -> str:
    """The change of volume with its interval: "+100 % [+70, +140]"."""
    ends = change.volume_percent_interval
    return signed_percent(change.volume_percent) + ("" if ends is None else f" [{', '.join(map(_signed, ends))}]")


def signed_mm(value: float) -> str:
    """A change of a diameter with its sign: "+1.9 mm"."""
    return f"{round(value, 1):+.1f} mm" if round(value, 1) else "0.0 mm"


def days_interval(ends: tuple[float, float] | None) -> str:
    """The interval of a number of days in brackets, with a space before; ">" where it has no upper end."""
    if ends is None:
        return ""
    low, high = ends
    return f" [{whole(low)}{DASH}{whole(high)}]" if math.isfinite(high) else f" [>{whole(low)}]"


def doubling_cell(change: SizeChange | None) -> str:
    """The doubling time in days with its interval; a dash where there is no growth."""
    if change is None or change.doubling_time_days is None:
        return DASH
    return whole(change.doubling_time_days) + days_interval(change.doubling_time_interval_days).replace(" ", "\n", 1)


def deviation_percent(trend: VolumeTrend) -> str:
    """How far the volumes of a trend lie from it, as the root mean square."""
    return f"{whole(math.expm1(trend.spread) * 100)} %"


def _signed(value: float) -> str:
    return f"{round(value):+d}" if round(value) else "0"
