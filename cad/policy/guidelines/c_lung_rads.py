"""C-Lung-RADS."""

from __future__ import annotations

from dataclasses import dataclass

from cad.policy.guidelines.rows import Row


@dataclass(frozen=True, slots=True)
class CLungRadsPolicy:
    """C-Lung-RADS 2024 (Nat Med 2024, PMC11564084, table 1), screening and check-ups in China."""

    edition: str = "2024"
    """Named in every recommendation."""
    mean_decimals: int = 1
    """Mean of both axes; the table gives no rounding, so one decimal as in Lung-RADS."""
    smallest_mm: float = 6.0
    solid_mm: tuple[float, float] = (10.0, 18.0)
    component_mm: tuple[float, float] = (6.0, 10.0)
    ground_glass_mm: float = 20.0
    """Limits of the table; a size at a limit belongs to the category above it."""
    model_from: float = 0.5
    """Probability of the publication's own multidimensional model from which categories 2 and 3 become 4."""
    rows: tuple[Row, ...] = (
        Row("0", months=(12, 12)),
        Row("1", months=(12, 12)),
        Row("2", months=(6, 6)),
        Row("3", months=(3, 3)),
        Row("4"),
    )
    """Categories from least to most suspicious."""
