"""Rounding as people round."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

FLOAT_NOISE_DECIMALS = 9
"""Sums and differences of decimal fractions are exact to this many decimals."""


def rounded(value: float, decimals: int) -> float:
    """The value rounded to `decimals`, halves up as people round: 5.95 → 6.0 and 0.25 → 0.3, unlike Python's round."""
    exact = Decimal(str(round(value, FLOAT_NOISE_DECIMALS)))
    return float(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))
