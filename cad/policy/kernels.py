"""How a sharp kernel is known, and how far it is softened before calcium is judged in nodules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KernelPolicy:
    """The grain of noise that soft kernels have, and where it is looked for."""

    grain_mm: float = 1.4
    soft_grain: float = 0.5
    """Correlation of the noise at this distance from which a kernel is soft enough. The shared scans by B30f, B41f and
    STANDARD have 0.24 to 0.57, that by B70f 0.05; unsharp masks of strength 2, which make vessels look calcified, take
    the former to under 0.4."""

    softenings_mm: tuple[float, ...] = (0.4, 0.55, 0.7, 0.85)
    """Standard deviations of the smoothing in plane that are tried in turn."""

    judged_height: tuple[float, float] = (0.2, 0.8)
    judged_slices: int = 9
    judged_pixels: int = 400
    """So many slices between these shares of the stack, each with so many pixels of even soft tissue."""

    soft_tissue_hu: tuple[float, float] = (-20.0, 110.0)
    even_mm: float = 6.0
    """Muscle and blood: means over so much of them lie in this range."""

    background_mm: float = 2.5
    noise_span: float = 4.0
    least_noise_hu: float = 3.0
    """What varies over more than the first is anatomy, what errs by so many deviations an edge; less noise than the
    last says nothing."""
