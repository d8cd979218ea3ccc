"""The Chinese expert consensus."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChineseConsensusPolicy:
    """Chinese expert consensus on lung nodules. A draft: listed, and never the applicable guideline.

    [unverified]: solid nodules are from the 2018 edition, subsolid ones from an open implementation of the 2024
    edition, whose text is to be read before this may apply.
    """

    edition: str = "2018 and 2024, draft [unverified]"
    """Named in every recommendation."""
    high_risk_from_years: float = 40.0
    high_risk_pack_years: float = 20.0
    high_risk_quit_within_years: float = 15.0
    """High risk: 40 years or older with one of: 20 pack-years (400 cigarettes a day × years) or more, or smoking that
    ended less than 15 years ago; occupational or environmental exposure; COPD, fibrosis or old tuberculosis; a cancer
    or a family history of lung cancer. From an open implementation of the 2018 edition."""
    solid_mm: tuple[float, float, float] = (4.0, 6.0, 8.0)
    ground_glass_mm: tuple[float, float] = (5.0, 10.0)
    part_solid_mm: float = 8.0
    """Upper limits: a size at a limit belongs below it. [unverified]"""
    probability: tuple[float, float] = (0.05, 0.65)
    """Solid nodules above 8 mm by the probability of cancer, here that of the Mayo model."""
    rows: tuple[tuple[str, str, str], ...] = (
        ("no nodule", "No follow-up", "No follow-up"),
        ("benign", "No follow-up", "No follow-up"),
        ("solid up to 4 mm", "Optional follow-up [unverified]", "CT at 12 months [unverified]"),
        (
            "ground-glass up to 5 mm",
            "CT at 6 months, then every year [unverified]",
            "CT at 6 months, then every year [unverified]",
        ),
        ("solid >4 to 6 mm", "CT at 12 months [unverified]", "CT at 6–12, then 18–24 months [unverified]"),
        (
            "solid >6 to 8 mm",
            "CT at 6–12, then 18–24 months [unverified]",
            "CT at 3–6, 9–12 and 24 months [unverified]",
        ),
        (
            "ground-glass >5 to 10 mm",
            "CT at 3 months, then 6 months [unverified]",
            "CT at 3 months, then 6 months [unverified]",
        ),
        (
            "part-solid up to 8 mm",
            "CT at 3, 6, 12 and 24 months, then every year [unverified]",
            "CT at 3, 6, 12 and 24 months, then every year [unverified]",
        ),
        ("solid >8 mm, probability <5 %", "CT surveillance [unverified]", "CT surveillance [unverified]"),
        (
            "ground-glass >10 mm",
            "CT at 3 months; if persistent, biopsy or surgery [unverified]",
            "CT at 3 months; if persistent, biopsy or surgery [unverified]",
        ),
        (
            "part-solid >8 mm",
            "CT at 3 months, then PET/CT, biopsy or surgery [unverified]",
            "CT at 3 months, then PET/CT, biopsy or surgery [unverified]",
        ),
        ("solid >8 mm, probability 5–65 %", "PET/CT or biopsy [unverified]", "PET/CT or biopsy [unverified]"),
        ("solid >8 mm, probability >65 %", "Surgery or biopsy [unverified]", "Surgery or biopsy [unverified]"),
    )
    """Rows from least to most demanding, with the management without and with high risk."""
