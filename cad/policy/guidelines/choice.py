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
        ("china", "lung_rads"),
        ("other", "lung_rads"),
    )
    """By region. BTS 2015 covers nodules found by screening; regions without a scheme of their own use Lung-RADS.
    China: the national LDCT guideline (2018, 2021, 2023) has not been read, and C-Lung-RADS is a research publication
    of 2024 whose own model is not public; it is listed and never the applicable guideline."""
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
