"""British Thoracic Society."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
    rows: tuple[tuple[str, str], ...] = (
        ("no nodule", "No follow-up"),
        ("discharge", "Discharge: no follow-up"),
        ("new and small", "CT follow-up is merited if it is definitely new since a CT of the last 1–2 years"),
        ("VDT >600 days", "Discharge (if by volumetry) or annual CT [unverified]"),
        ("CT at 24 months", "CT at 24 months"),
        ("CT at 12 months", "CT at 12 months"),
        ("CT at 3 months", "CT at 3 months; if stable or VDT >400 days, CT at 12 months"),
        ("Brock <10 %", "CT surveillance: CT at 3 months; if stable or VDT >400 days, CT at 12 months"),
        ("subsolid, Brock <10 %", "CT at 1, 2 and 4 years from baseline"),
        ("VDT 400–600 days", "Biopsy or further CT, by preference [unverified]"),
        ("Herder <10 %", "CT surveillance [unverified]"),
        ("Brock 10 % or more", "PET-CT, then the Herder model"),
        ("Herder 10–70 %", "Image-guided biopsy; excision or CT surveillance by risk and preference [unverified]"),
        ("subsolid, Brock 10 % or more or concerning", "Observation, biopsy or resection by risk and preference"),
        ("VDT 400 days or less", "Further work-up: biopsy, resection or treatment"),
        ("Herder >70 %", "Resection or other treatment [unverified]"),
        ("subsolid, growing or altered", "Resection or other treatment favoured"),
    )
    """Outcomes from least to most demanding."""
