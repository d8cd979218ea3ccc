"""A row of a guideline's table as a code."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A category of a guideline. Its name and its management in words stand in the tables of each language.

    `verified` says whether the management was read in the guideline itself.
    """

    code: str
    verified: bool = True


class VolumeResult(enum.StrEnum):
    """The results of screening by volume."""

    NEGATIVE = "negative"
    INDETERMINATE = "indeterminate"
    POSITIVE = "positive"
