"""Fleischner Society 2017."""

from __future__ import annotations

from dataclasses import dataclass


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
    typical_perifissural_below_mm: float = 10.0
    """Typical perifissural nodules need no follow-up; the limit of BTS and Lung-RADS. [unverified]"""
    growth_from_mm: float = 2.0
    """Growth is an increase by 2 mm or more, taken before rounding to the whole mm, which would make or hide it."""
    rows: tuple[tuple[str, str, str], ...] = (
        ("no nodule", "No follow-up", "No follow-up"),
        ("benign", "No follow-up", "No follow-up"),
        ("single ground-glass <6 mm", "No routine follow-up", "No routine follow-up"),
        ("single part-solid <6 mm", "No routine follow-up", "No routine follow-up"),
        ("single solid <6 mm", "No routine follow-up", "Optional CT at 12 months"),
        ("multiple solid <6 mm", "No routine follow-up", "Optional CT at 12 months"),
        (
            "single ground-glass 6 mm or more",
            "CT at 6–12 months to confirm persistence, then CT every 2 years until 5 years",
            "CT at 6–12 months to confirm persistence, then CT every 2 years until 5 years",
        ),
        (
            "single solid 6–8 mm",
            "CT at 6–12 months, then consider CT at 18–24 months",
            "CT at 6–12 months, then CT at 18–24 months",
        ),
        (
            "multiple subsolid <6 mm",
            "CT at 3–6 months; if stable, consider CT at 2 and 4 years",
            "CT at 3–6 months; if stable, consider CT at 2 and 4 years",
        ),
        (
            "multiple solid 6–8 mm",
            "CT at 3–6 months, then consider CT at 18–24 months",
            "CT at 3–6 months, then CT at 18–24 months",
        ),
        (
            "multiple solid >8 mm",
            "CT at 3–6 months, then consider CT at 18–24 months",
            "CT at 3–6 months, then CT at 18–24 months",
        ),
        (
            "single part-solid 6 mm or more, persistent, solid component <6 mm",
            "Annual CT for 5 years",
            "Annual CT for 5 years",
        ),
        (
            "single part-solid 6 mm or more",
            "CT at 3–6 months to confirm persistence; if unchanged and the solid component is <6 mm, annual CT for "
            "5 years",
            "CT at 3–6 months to confirm persistence; if unchanged and the solid component is <6 mm, annual CT for "
            "5 years",
        ),
        (
            "multiple subsolid 6 mm or more",
            "CT at 3–6 months, then by the most suspicious nodule",
            "CT at 3–6 months, then by the most suspicious nodule",
        ),
        (
            "single solid >8 mm",
            "Consider CT at 3 months, PET/CT or tissue sampling",
            "Consider CT at 3 months, PET/CT or tissue sampling",
        ),
        (
            "solid, growing",
            "Consider PET/CT or tissue sampling [unverified]",
            "Consider PET/CT or tissue sampling [unverified]",
        ),
        ("ground-glass, growing", "Consider resection [unverified]", "Consider resection [unverified]"),
        (
            "part-solid, solid component 6 mm or more, or growing",
            "PET/CT, biopsy or resection",
            "PET/CT, biopsy or resection",
        ),
    )
    """Rows from least to most demanding, with the management at low and at high risk. The two rows of growing solid and
    ground-glass nodules are [unverified]."""
