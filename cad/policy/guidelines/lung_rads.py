"""Lung-RADS."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from cad.policy.guidelines.rows import Row


class Incomplete(enum.StrEnum):
    """Why an examination is category 0; each reason has its own management."""

    PRIOR_AWAITED = "prior-awaited"
    NOT_EVALUABLE = "not-evaluable"
    INFECTION = "infection"


@dataclass(frozen=True, slots=True)
class LungRadsPolicy:
    """ACR Lung-RADS v2022 (Christensen et al., Chest 2024; RadElement RDES267)."""

    edition: str = "v2022"
    """Named in every recommendation."""
    measure: Literal["diameter", "volume"] = "diameter"
    """"diameter" (mean of both axes) or "volume": which of the two sizes of the table decides. The table leads with
    diameters, and the volumes are those of spheres."""
    axis_decimals: int = 1
    mean_decimals: int = 1
    volume_decimals: int = 0
    """Axes and mean diameter to one decimal, volume to the whole mm³ (v2022 note on size). Halves are rounded up."""
    solid_baseline_mm: tuple[float, float, float] = (6.0, 8.0, 15.0)
    solid_new_mm: tuple[float, float, float] = (4.0, 6.0, 8.0)
    solid_growing_mm: float = 8.0
    part_solid_total_mm: float = 6.0
    part_solid_component_baseline_mm: tuple[float, float] = (6.0, 8.0)
    part_solid_component_new_or_growing_mm: float = 4.0
    ground_glass_mm: float = 30.0
    juxtapleural_below_mm: float = 10.0
    """Limits of the table; a size at a limit belongs to the row above it."""
    sphere_volumes_mm3: tuple[tuple[float, float], ...] = (
        (4.0, 34.0),
        (6.0, 113.0),
        (8.0, 268.0),
        (10.0, 524.0),
        (15.0, 1767.0),
        (30.0, 14137.0),
    )
    """The volume that the table gives for each limit: the sphere's, to the whole mm³."""
    growth_above_mm: float = 1.5
    """Growth is an increase of the mean diameter by more than this within 12 months. The "(>2 mm³)" of the text is the
    volume of a sphere of 1.5 mm and never a limit for a change of volume."""
    long_interval_growth: Literal["annualised", "total"] = "annualised"
    """"annualised" or "total". The text is silent on intervals of more than 12 months: with "annualised", an increase
    of more than 1.5 mm in all and of more than 1.5 mm a year is growth, and one of no more than 1.5 mm a year is slow
    growth; with "total", either is growth."""
    slow_solid_growth: str = "4B"
    """Slow growth of a solid or part-solid nodule that is larger at each of three examinations or more (note 8: "growth
    over multiple screening exams", [unverified] wording). With one earlier examination size decides (note 5)."""
    growing_large_ground_glass: str = "3"
    """Ground glass of 30 mm or more that grows is not in the table; the category of its first sight is kept."""
    part_solid_growing_in_total_least: str = "3"
    """A part-solid nodule that grows while its solid component does not is not in the table: the rows of a first sight,
    and at least this category."""
    growing_subsegmental_airway: str = "4B"
    """A growing subsegmental airway nodule is not in the table: as a growing one further up."""
    doubling_factor: float = 2.0
    """Ground glass that doubles its mean diameter within 12 months is a suspicious feature (category 4X)."""
    months_3_days: float = 80.0
    months_6_days: float = 168.0
    """Stepped management counts from these intervals on: a booking in 12 or 26 weeks is the CT at 3 or 6 months, and a
    few days early on time (lungcad's own choice; BTS here allows a month)."""
    months_12_days: float = 366.0
    days_per_year: float = 365.0
    """The longest twelve calendar months, within which growth counts."""
    stands_from: str = "4B"
    """Lungs that cannot be evaluated in part do not take a category from here on back to 0: the finding is there."""
    infectious_new_nodules_above: int = 6
    """More new nodules than this suggest infection (note 10a)."""
    infectious_new_solid_mm: float = 8.0
    """A new solid nodule of this size within a short interval may be infection (note 10a)."""
    suspicious_from: str = "3"
    """Additional suspicious features make 4X from this category on, and 4X is a category of its own."""
    infection_months: tuple[int, int] = (1, 3)
    """The CT that follows when findings suggest infection (note 10a)."""
    rows: tuple[Row, ...] = (
        Row("1", months=(12, 12)),
        Row("2", months=(12, 12)),
        Row("3", months=(6, 6)),
        Row("4A", months=(3, 3)),
        Row("4B"),
        Row("4X"),
    )
    """Categories from least to most suspicious, whose management counts from the current examination."""
