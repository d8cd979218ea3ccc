"""When a search for nodules is not what is promised."""

from __future__ import annotations

from dataclasses import dataclass

LIMITING = frozenset(
    {
        "search-limited",
        "opacity-not-assessed",
        "lung-completed",
        "lung-dense",
        "lungs-cut",
        "lungs-uncertain",
        "lungs-unequal",
        "one-lung-only",
        "gaps-between-slices",
    }
)
"""Codes of cautions that say that nodules may be where nobody looked, or may have been missed."""


@dataclass(frozen=True, slots=True)
class SearchPolicy:
    """What the lungs and the images must be like for "no nodule" to be said without a word more."""

    promised_mm: float = 4.0
    """The smallest nodules whose detection is measured (docs/detector.md)."""

    least_share: float = 0.98
    """Share of the lungs without consolidation, collapse or effusion."""

    most_noise_hu: float = 110.0
    """A nodule of 4 mm has 20 to 40 voxels and, solid, 500 HU of contrast after partial volume; at this noise the mean
    over a slice of it is still four deviations away, for ground glass it is not. Low-dose scans have 30 to 80 HU."""

    densest_lung_hu: float = -650.0
    """Ground glass is 100 to 300 HU above parenchyma of -860 HU; breathed-out lungs at -700 HU leave little of it."""

    thickest_mm: float = 3.0
    """The reconstruction that guidelines ask for is 1.5 mm or less; thicker than 3 mm a 4 mm nodule is a faint spot."""
