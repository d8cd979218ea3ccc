"""Numbers as both languages print them. Diameters have one decimal, as Lung-RADS v2022 asks for."""

from __future__ import annotations

from cad.domain import AxisLengths, Diameters, Nodule

DASH = "–"


def axes_mm(axes: AxisLengths | Diameters) -> str:
    """Long × short in mm, without the unit."""
    if isinstance(axes, Diameters):
        return f"{axes.long_axis_mm:.1f} × {axes.short_axis_mm:.1f}"
    return f"{axes.long_mm:.1f} × {axes.short_mm:.1f}"


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
    """Mean attenuation and mass, for the table."""
    return f"{whole(nodule.mean_hu)} HU, {whole(nodule.mass_mg)} mg"


def size_cell(nodule: Nodule, solid: AxisLengths | None, words: tuple[str, str]) -> str:
    """Long × short, the mean and the solid part on lines of their own; `words` are those of mean and solid part."""
    lines = [axes_mm(nodule.diameters), f"{words[0]} {nodule.diameters.mean_mm:.1f}"]
    return "\n".join(lines + ([f"{words[1]} {axes_mm(solid)}"] if solid is not None else []))
