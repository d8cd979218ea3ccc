"""By which rules calcium is scored, as codes; the sentences stand in the tables of each language."""

from __future__ import annotations

import enum


class CalciumRule(enum.StrEnum):
    """What the variant of a score says: implementations differ in each of these rules."""

    VARIANT = "calcium.variant"
    SLICES = "calcium.slices"
    AVERAGED_SLICES = "calcium.averaged-slices"
