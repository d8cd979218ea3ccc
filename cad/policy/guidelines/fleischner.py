"""Fleischner Society 2017."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cad.policy.guidelines.rows import Row


class FleischnerRow(enum.StrEnum):
    """The rows of the table, from least to most demanding."""

    NO_NODULE = "fleischner.no-nodule"
    BENIGN = "fleischner.benign"
    FOLLOW_UP_COMPLETE = "fleischner.follow-up-complete"
    SINGLE_GROUND_GLASS_BELOW_6 = "fleischner.single-ground-glass-below-6"
    SINGLE_PART_SOLID_BELOW_6 = "fleischner.single-part-solid-below-6"
    SINGLE_SOLID_BELOW_6 = "fleischner.single-solid-below-6"
    MULTIPLE_SOLID_BELOW_6 = "fleischner.multiple-solid-below-6"
    MULTIPLE_SUBSOLID_STABLE = "fleischner.multiple-subsolid-stable"
    GROUND_GLASS_PERSISTENT = "fleischner.ground-glass-persistent"
    SOLID_STABLE = "fleischner.solid-stable"
    SINGLE_PART_SOLID_PERSISTENT_SMALL_COMPONENT = "fleischner.single-part-solid-persistent-small-component"
    SINGLE_GROUND_GLASS_6_OR_MORE = "fleischner.single-ground-glass-6-or-more"
    SINGLE_SOLID_6_TO_8 = "fleischner.single-solid-6-to-8"
    MULTIPLE_SUBSOLID_BELOW_6 = "fleischner.multiple-subsolid-below-6"
    MULTIPLE_SOLID_6_TO_8 = "fleischner.multiple-solid-6-to-8"
    SINGLE_PART_SOLID_6_OR_MORE = "fleischner.single-part-solid-6-or-more"
    MULTIPLE_SUBSOLID_6_OR_MORE = "fleischner.multiple-subsolid-6-or-more"
    SOLID_ABOVE_8 = "fleischner.solid-above-8"
    SOLID_GROWING = "fleischner.solid-growing"
    GROUND_GLASS_GROWING = "fleischner.ground-glass-growing"
    PART_SOLID_LARGE_COMPONENT = "fleischner.part-solid-large-component"
    PART_SOLID_LARGE_COMPONENT_OR_GROWING = "fleischner.part-solid-large-component-or-growing"


@dataclass(frozen=True, slots=True)
class FleischnerPolicy:
    """Fleischner Society 2017 (MacMahon et al., Radiology 2017), incidental nodules."""

    edition: str = "2017"
    """Named in every recommendation."""
    min_age_years: float = 35.0
    """Not for patients younger than this, with a known primary cancer or with immunosuppression, nor for screening."""
    mean_decimals: int = 0
    """The mean of both axes to the whole mm, halves up. [unverified] in the source; table 1 of a comparison of
    Fleischner and BTS in Thorax says the same ("5.5 mm or greater would be rounded up to 6 mm")."""
    solid_mm: tuple[float, float] = (6.0, 8.0)
    """Below 6 mm, 6 to 8 mm, above 8 mm: 6.0 and 8.0 both belong to the middle."""
    subsolid_mm: float = 6.0
    component_mm: float = 6.0
    """From 6 mm on: ground glass and part-solid nodules are followed, and a solid component is suspicious."""
    large_component_mm: float = 8.0
    """Part-solid nodules with a solid component above this, or of suspicious morphology: PET/CT, biopsy or resection
    (comments of the table), at first sight too."""
    months_3_days: float = 80.0
    months_6_days: float = 168.0
    months_12_days: float = 335.0
    months_18_days: float = 540.0
    months_24_days: float = 700.0
    years_4_days: float = 1430.0
    years_5_days: float = 1795.0
    """When a CT counts as that of the table: a few days to a month early is on time (lungcad's own choice). Follow-up
    ends for stable nodules: solid below 6 mm at 12, to 8 mm at 18 to 24, above at 24 months; ground glass and
    part-solid at 5 years; several subsolid below 6 mm at 4 years."""
    typical_perifissural_below_mm: float = 10.0
    """Typical perifissural nodules need no follow-up; the limit of BTS and Lung-RADS. [unverified]"""
    growth_from_mm: float = 2.0
    """Growth is an increase by 2 mm or more, taken before rounding to the whole mm, which would make or hide it."""
    rows: tuple[Row, ...] = (
        Row(FleischnerRow.NO_NODULE),
        Row(FleischnerRow.BENIGN),
        Row(FleischnerRow.FOLLOW_UP_COMPLETE),
        Row(FleischnerRow.SINGLE_GROUND_GLASS_BELOW_6),
        Row(FleischnerRow.SINGLE_PART_SOLID_BELOW_6),
        Row(FleischnerRow.SINGLE_SOLID_BELOW_6),
        Row(FleischnerRow.MULTIPLE_SOLID_BELOW_6),
        Row(FleischnerRow.MULTIPLE_SUBSOLID_STABLE, months=(24, 48), from_first=True),
        Row(FleischnerRow.GROUND_GLASS_PERSISTENT, months=(24, 24)),
        Row(FleischnerRow.SOLID_STABLE, months=(18, 24), from_first=True),
        Row(FleischnerRow.SINGLE_PART_SOLID_PERSISTENT_SMALL_COMPONENT, months=(12, 12)),
        Row(FleischnerRow.SINGLE_GROUND_GLASS_6_OR_MORE, months=(6, 12)),
        Row(FleischnerRow.SINGLE_SOLID_6_TO_8, months=(6, 12)),
        Row(FleischnerRow.MULTIPLE_SUBSOLID_BELOW_6, months=(3, 6)),
        Row(FleischnerRow.MULTIPLE_SOLID_6_TO_8, months=(3, 6)),
        Row(FleischnerRow.SINGLE_PART_SOLID_6_OR_MORE, months=(3, 6)),
        Row(FleischnerRow.MULTIPLE_SUBSOLID_6_OR_MORE, months=(3, 6)),
        Row(FleischnerRow.SOLID_ABOVE_8, months=(3, 3)),
        Row(FleischnerRow.SOLID_GROWING, verified=False),
        Row(FleischnerRow.GROUND_GLASS_GROWING, verified=False),
        Row(FleischnerRow.PART_SOLID_LARGE_COMPONENT),
        Row(FleischnerRow.PART_SOLID_LARGE_COMPONENT_OR_GROWING),
    )
    """Rows from least to most demanding, with the management at low and at high risk. The two rows of growing solid and
    ground-glass nodules are [unverified]. Of several nodules each has the row that asks for more, its own or that of
    several: "use most suspicious nodule as guide to management" (comments of the table), so the row of several solid
    nodules above 8 mm, a CT at 3 to 6 months, never stands alone."""
