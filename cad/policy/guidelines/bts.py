"""British Thoracic Society."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from cad.policy.guidelines.rows import Row


class BtsRow(enum.StrEnum):
    """The rows of the table, from least to most demanding."""

    NO_NODULE = "bts.no-nodule"
    DISCHARGE = "bts.discharge"
    NEW_AND_SMALL = "bts.new-and-small"
    VDT_ABOVE_600 = "bts.vdt-above-600"
    CT_AT_24_MONTHS = "bts.ct-at-24-months"
    SUBSOLID_BROCK_BELOW_10 = "bts.subsolid-brock-below-10"
    CT_AT_12_MONTHS = "bts.ct-at-12-months"
    CT_AT_3_MONTHS = "bts.ct-at-3-months"
    BROCK_BELOW_10 = "bts.brock-below-10"
    VDT_400_TO_600 = "bts.vdt-400-to-600"
    HERDER_BELOW_10 = "bts.herder-below-10"
    BROCK_10_OR_MORE = "bts.brock-10-or-more"
    HERDER_10_TO_70 = "bts.herder-10-to-70"
    SUBSOLID_BROCK_10_OR_MORE = "bts.subsolid-brock-10-or-more"
    VDT_400_OR_LESS = "bts.vdt-400-or-less"
    HERDER_ABOVE_70 = "bts.herder-above-70"
    SUBSOLID_GROWING_OR_ALTERED = "bts.subsolid-growing-or-altered"


@dataclass(frozen=True, slots=True)
class BtsPolicy:
    """British Thoracic Society 2015 (Callister et al., Thorax 2015), incidental and screening nodules."""

    edition: str = "2015"
    """Named in every recommendation."""
    measure: Literal["diameter", "volume"] = "volume"
    """"volume" or "diameter": volumetry decides where there is any (BTS prefers it), else the largest diameter."""
    min_age_years: float = 18.0
    """For adults."""
    typical_perifissural_below_mm: float = 10.0
    """Typical perifissural and subpleural nodules below this are discharged. [unverified]"""
    solid_mm3: tuple[float, float] = (80.0, 300.0)
    solid_mm: tuple[float, float, float] = (5.0, 6.0, 8.0)
    subsolid_mm: float = 5.0
    """Largest diameter, or volume; a size at a limit belongs above it."""
    brock_from: float = 0.1
    """Probability of the full Brock model from which PET-CT follows, and biopsy or resection of subsolid nodules."""
    herder: tuple[float, float] = (0.1, 0.7)
    """Below 10 % surveillance, 10 to 70 % biopsy, above 70 % resection. [unverified]"""
    doubling_time_days: tuple[float, float] = (400.0, 600.0)
    """Up to 400 days work-up; 400 to 600 days biopsy or further CT; above 600 days discharge or annual CT
    ([unverified] from 400 days on)."""
    subsolid_growth_from_mm: float = 2.0
    """Growth of a subsolid nodule."""
    months_12_days: float = 335.0
    months_24_days: float = 700.0
    """When a surveillance CT counts as the one at 12 or 24 months: a month early is on time (lungcad's own choice)."""
    rows: tuple[Row, ...] = (
        Row(BtsRow.NO_NODULE),
        Row(BtsRow.DISCHARGE),
        Row(BtsRow.NEW_AND_SMALL),
        Row(BtsRow.VDT_ABOVE_600, verified=False),
        Row(BtsRow.CT_AT_24_MONTHS, months=(24, 24), from_first=True),
        Row(BtsRow.SUBSOLID_BROCK_BELOW_10, months=(12, 12), from_first=True),
        Row(BtsRow.CT_AT_12_MONTHS, months=(12, 12), from_first=True),
        Row(BtsRow.CT_AT_3_MONTHS, months=(3, 3)),
        Row(BtsRow.BROCK_BELOW_10, months=(3, 3)),
        Row(BtsRow.VDT_400_TO_600, verified=False),
        Row(BtsRow.HERDER_BELOW_10, verified=False),
        Row(BtsRow.BROCK_10_OR_MORE),
        Row(BtsRow.HERDER_10_TO_70, verified=False),
        Row(BtsRow.SUBSOLID_BROCK_10_OR_MORE),
        Row(BtsRow.VDT_400_OR_LESS),
        Row(BtsRow.HERDER_ABOVE_70, verified=False),
        Row(BtsRow.SUBSOLID_GROWING_OR_ALTERED),
    )
    """Outcomes from least to most demanding."""
