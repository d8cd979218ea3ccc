"""Which guideline applies to whom."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GuidelineChoicePolicy:
    """Which guideline applies in which context. A context that is not known chooses none."""

    screening: tuple[tuple[str, str], ...] = (
        ("usa", "lung_rads"),
        ("europe", "eu_position"),
        ("uk", "bts"),
        ("china", "c_lung_rads"),
        ("other", "lung_rads"),
    )
    """By region. BTS 2015 covers nodules found by screening; regions without a scheme of their own use Lung-RADS."""
    incidental: tuple[tuple[str, str], ...] = (
        ("usa", "fleischner"),
        ("europe", "fleischner"),
        ("uk", "bts"),
        ("china", "fleischner"),
        ("other", "fleischner"),
    )
    """By region. China: until the text of the 2024 consensus has been read, the international guideline."""
    region_not_given: str = "other"
    """The row that is used, and named, when no region is given."""
